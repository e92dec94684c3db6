"""The routes of the API, /v1, and those for whoever runs the server."""

from __future__ import annotations

import json
from asyncio import to_thread
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, File, Form, Request, Response, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from underdrawing import __version__
from underdrawing.core.errors import RegistryError
from underdrawing.data.files import PICTURE_SUFFIXES
from underdrawing.service import responses
from underdrawing.service.problems import Problem
from underdrawing.service.schemas import (
    About,
    Found,
    Match,
    ProblemOut,
    Protection,
    RecordOut,
    Records,
    Verification,
)
from underdrawing.service.state import ServerState
from underdrawing.service.tokens import may

_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_IDENTITY = "^[0-9a-f]{16}$"
_ANY_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "the file"}
}
_A_MANIFEST: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/c2pa": {}}, "description": "the manifest store"}
}
Picture = Annotated[UploadFile, File(description="JPEG, PNG, WebP, AVIF, TIFF, BMP or HEIC")]
Identity = Annotated[str, InPath(pattern=_IDENTITY, description="16 hex digits")]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    return {status: {"content": content, "description": _MEANINGS[status]} for status in statuses}


_MEANINGS = {
    400: "the request cannot be parsed",
    401: "a token is missing, wrong or expired",
    403: "the token's role does not allow this, or the page of another site asks",
    404: "there is none, or not any more",
    408: "the body did not arrive in time",
    413: "the body or the picture is too large",
    415: "no picture of a known type, or no multipart/form-data",
    422: "a value is not valid, or the picture cannot be worked with",
    429: "too many requests; see Retry-After",
    500: "a fault of the server",
    501: "this server lacks what is needed for it",
    503: "no room, no registry or no disk just now; see Retry-After",
    504: "the picture took too long",
}
_PICTURE_PROBLEMS = _problems(400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504)


def add_routes(app: FastAPI, server: ServerState) -> None:
    """Put all routes on the app."""
    app.include_router(_pictures(server))
    app.include_router(_look_ups(server))
    app.include_router(_operation(server))


def _pictures(server: ServerState) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=_PICTURE_PROBLEMS)

    @router.post("/verify")
    async def verify(request: Request, picture: Picture) -> Verification:
        """Say who protected a picture, whether and where it was altered, and what was there."""
        role = request.state.caller.role
        task = {
            "do": "verify",
            "name": responses.shown_name(picture.filename),
            "hard": not may(role, "reader"),
        }
        name, done = await server.run_task(picture, task, kept=True)
        report = done["report"]
        server.metrics.verdicts.labels(report["status"]).inc()
        request.state.noted["verdict"] = report["status"]
        links = responses.artefacts(name, await to_thread(server.artefacts.keep, name, done["files"]))
        records = await to_thread(_records, server, report["identity"], role)
        return responses.verification(report, records, links, server.artefacts.seconds, role)

    @router.post("/protect")
    async def protect(
        picture: Picture,
        strength: Annotated[float, Form(ge=0.5, le=3, description="0.7 archival to 2.1 robust")] = 1.0,
        identity: Annotated[str | None, Form(pattern="^[0-9a-f]{16}$", description="drawn if absent")] = None,
        facts: Annotated[
            str | None, Form(max_length=60_000, description="JSON; see docs/REGISTRY.md")
        ] = None,
        credentials: Annotated[
            bool | None,
            Form(
                description="Content Credentials: false: none; true: or fail; where there is room if absent"
            ),
        ] = None,
    ) -> Protection:
        """Hide in a picture a code of its own content and an identity, signed with the server's key."""
        if credentials and not server.settings.credentials:
            raise Problem(422, "no-credentials", "this server signs no Content Credentials")
        task = {"do": "protect", "strength": strength, "identity": identity, "facts": _facts(server, facts)}
        task["credentials"] = credentials
        name, done = await server.run_task(picture, task, kept=True)
        links = responses.artefacts(name, await to_thread(server.artefacts.keep, name, done["files"]))
        return responses.protection(done["report"], links, server.artefacts.seconds)

    @router.post("/retrieve")
    async def retrieve(
        request: Request, picture: Picture, limit: Annotated[int, Form(ge=1, le=100)] = 5
    ) -> Found:
        """Find the registered photograph that a picture comes from, by identity or by what it shows."""
        server.require_registry()
        _, matches = await server.run_task(picture, {"do": "retrieve", "limit": limit}, kept=False)
        role = request.state.caller.role
        found = await to_thread(_matches, server, matches, role)
        return Found(status="found" if found and found[0].sure else "not found", matches=found)

    @router.post("/examine", include_in_schema=False)
    async def examine() -> None:
        """Nothing passive exists yet, so there is nothing honest to say of a picture without a mark."""
        raise Problem(501, "not-implemented", "this release has no detectors for unprotected pictures")

    return router


def _look_ups(server: ServerState) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.get("/records/{identity}", responses=_problems(401, 403, 404, 422, 503))
    async def records(request: Request, identity: Identity) -> Records:
        """What the registry keeps of an identity, the latest first."""
        server.require_registry()
        found = await to_thread(_records, server, identity, request.state.caller.role)
        if not found:
            raise Problem(404, "not-found", f"the registry has no record of {identity}")
        return Records(records=found)

    @router.get(
        "/records/{identity}/manifest",
        response_class=Response,
        responses=_problems(401, 403, 404, 422, 501, 503) | _A_MANIFEST,
    )
    async def manifest(identity: Identity) -> Response:
        """The Content Credentials kept for an identity: the latest that hold, as they stood in its file."""
        store = await to_thread(server.manifest, identity)
        name = f'attachment; filename="{identity}.c2pa"'
        return Response(store, media_type=responses.MEDIA[".c2pa"], headers={"Content-Disposition": name})

    @router.get(
        "/artefacts/{name}/{file}",
        response_class=FileResponse,
        responses=_problems(404, 422) | _ANY_FILE,
    )
    async def artefact(name: str, file: str, download: bool = False) -> FileResponse:
        """A file of an earlier answer."""
        path = server.artefacts.find(name, file)
        if path is None:
            raise Problem(404, "not-found", "there is no such file, or it has expired")
        media = responses.MEDIA[path.suffix]
        headers = {"Cache-Control": "private, max-age=600"}
        if media.startswith("text/html"):
            headers["Content-Security-Policy"] = _REPORT_POLICY
        disposition = "attachment" if download else "inline"
        return FileResponse(
            path, media_type=media, headers=headers, filename=file, content_disposition_type=disposition
        )

    @router.get("/about")
    async def about(request: Request) -> About:
        """What this server does, and for this caller."""
        settings = server.settings
        return About(
            version=__version__,
            role=request.state.caller.role,
            registry=server.registry is not None,
            signs=bool(settings.sign),
            credentials=bool(settings.credentials),
            upload_bytes=settings.upload_mb << 20,
            megapixels=settings.megapixels,
            artefacts_seconds=settings.artefact_seconds,
            formats=sorted(PICTURE_SUFFIXES),
        )

    return router


def _operation(server: ServerState) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether pictures can be worked with: workers are up, the registry answers, there is disk."""
        state = await to_thread(server.readiness)
        ready = all(state.values())
        return JSONResponse({"status": "ready" if ready else "not ready", **state}, 200 if ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        """The counters, in Prometheus' text format."""
        return Response(generate_latest(server.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _records(server: ServerState, identity: str | None, role: str) -> list[RecordOut]:
    """The records of an identity as a role may see them."""
    found = server.records(identity)
    address = server.manifest_address(identity) if found else None
    return [responses.record(entry.to_json(), role, address) for entry in found]


def _matches(server: ServerState, matches: list[dict[str, Any]], role: str) -> list[Match]:
    return [responses.match(told, role, server.manifest_address(told["identity"])) for told in matches]


def _facts(server: ServerState, text: str | None) -> dict[str, Any] | None:
    """Checked facts, as JSON; Problem 422 where they are none."""
    if not text:
        return None
    from underdrawing.registry.facts import Facts

    server.require_registry()
    try:
        return Facts.from_json(json.loads(text)).to_json()
    except (RegistryError, ValueError, RecursionError) as error:
        raise Problem(422, "bad-facts", f"facts: {error}") from error
