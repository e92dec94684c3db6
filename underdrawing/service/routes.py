"""The routes of the API under /v1 and those for operators."""

from __future__ import annotations

import json
from asyncio import to_thread
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, File, Form, Request, Response, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from underdrawing import __version__
from underdrawing.core.errors import RegistryError
from underdrawing.data.files import PICTURE_SUFFIXES
from underdrawing.service import responses
from underdrawing.service.fields import declared_fields_only
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
_MANIFEST_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/c2pa": {}}, "description": "the manifest store"}
}
Picture = Annotated[UploadFile, File(description="JPEG, PNG, WebP, AVIF, TIFF, BMP or HEIC")]
Identity = Annotated[str, InPath(pattern=_IDENTITY, description="16 hex digits")]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    return {status: {"content": content, "description": _MEANINGS[status]} for status in statuses}


_MEANINGS = {
    400: "the request cannot be parsed",
    401: "the token is missing, wrong or expired",
    403: "the role of the token does not allow this, or the request comes from the page of another site",
    404: "it does not exist, or has expired",
    408: "the body did not arrive in time",
    413: "the body or the picture is too large",
    415: "no picture of a known type, or no multipart/form-data",
    422: "a value is not valid, or the picture cannot be processed",
    429: "too many requests; see Retry-After",
    500: "an error of the server",
    501: "this server cannot do it",
    503: "queue, registry or disk cannot be used now; see Retry-After",
    504: "the picture took too long",
}
_PICTURE_PROBLEMS = _problems(400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504)


def add_routes(app: FastAPI, server: ServerState) -> None:
    """Add all routes to the app."""
    app.include_router(_pictures(server))
    app.include_router(_lookups(server))
    app.include_router(_operations(server))


def _pictures(server: ServerState) -> APIRouter:
    router = APIRouter(
        prefix="/v1", responses=_PICTURE_PROBLEMS, dependencies=[Depends(declared_fields_only)]
    )

    @router.post("/verify")
    async def verify(request: Request, picture: Picture) -> Verification:
        """Verify a picture: who protected it, whether and where it was altered, and the recovered content."""
        role = request.state.caller.role
        task = {
            "do": "verify",
            "name": responses.display_name(picture.filename),
            "hard": not may(role, "reader"),
        }
        name, result = await server.run_task(picture, task)
        report = result["report"]
        server.metrics.verdicts.labels(report["status"]).inc()
        request.state.log["verdict"] = report["status"]
        links = responses.artefacts(name, await to_thread(server.artefacts.publish, name, result["files"]))
        records = await to_thread(_proven_records, server, report["record"], role)
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
        """Hide a content code and an identity in a picture, signed with the key of the server."""
        if credentials and not server.settings.credentials:
            raise Problem(422, "no-credentials", "this server signs no Content Credentials")
        task = {"do": "protect", "strength": strength, "identity": identity, "facts": _facts(server, facts)}
        task["credentials"] = credentials
        name, result = await server.run_task(picture, task)
        links = responses.artefacts(name, await to_thread(server.artefacts.publish, name, result["files"]))
        return responses.protection(result["report"], links, server.artefacts.seconds)

    @router.post("/retrieve")
    async def retrieve(
        request: Request, picture: Picture, limit: Annotated[int, Form(ge=1, le=100)] = 5
    ) -> Found:
        """Find the registered photograph that a picture comes from, by identity or by content."""
        server.require_registry()
        _, matches = await server.run_task(picture, {"do": "retrieve", "limit": limit}, keep_folder=False)
        role = request.state.caller.role
        found = await to_thread(_matches, server, matches, role)
        return Found(status="found" if found and found[0].sure else "not found", matches=found)

    @router.post("/examine", include_in_schema=False)
    async def examine() -> None:
        """Not implemented: there are no detectors for pictures without a mark."""
        raise Problem(501, "not-implemented", "this release has no detectors for unprotected pictures")

    return router


def _lookups(server: ServerState) -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(declared_fields_only)])

    @router.get("/records/{identity}", responses=_problems(401, 403, 404, 422, 503))
    async def records(request: Request, identity: Identity) -> Records:
        """The records of an identity, latest first."""
        server.require_registry()
        found = await to_thread(_records, server, identity, request.state.caller.role)
        if not found:
            raise Problem(404, "not-found", f"the registry has no record of {identity}")
        return Records(records=found)

    @router.get(
        "/records/{identity}/manifest",
        response_class=Response,
        responses=_problems(401, 403, 404, 422, 501, 503) | _MANIFEST_FILE,
    )
    async def manifest(identity: Identity) -> Response:
        """The stored Content Credentials of an identity: the latest valid manifest store."""
        store = await to_thread(server.manifest, identity)
        name = f'attachment; filename="{identity}.c2pa"'
        return Response(store, media_type=responses.MEDIA[".c2pa"], headers={"Content-Disposition": name})

    @router.get(
        "/artefacts/{name}/{file}",
        response_class=FileResponse,
        responses=_problems(404, 422) | _ANY_FILE,
    )
    async def artefact(name: str, file: str, download: bool = False) -> FileResponse:
        """A file of an earlier response."""
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
        """Version, abilities and limits of the server, and the role of the caller."""
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


def _operations(server: ServerState) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process responds."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether workers are up, the registry answers and the disk has room."""
        parts = await to_thread(server.readiness)
        ready = all(parts.values())
        return JSONResponse({"status": "ready" if ready else "not ready", **parts}, 200 if ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(generate_latest(server.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _proven_records(server: ServerState, record: dict[str, Any] | None, role: str) -> list[RecordOut]:
    """The records of the identity of a verified picture, latest first; without size, owner, facts and places
    where nothing proves that they are of this picture. record: as in `verify --json`."""
    if record is None:
        return []
    found = _records(server, record["identity"], role)
    if record["proven"]:
        return found
    withheld = {"size": None, "owner": None, "facts": {}, "original": None, "protected": None}
    return [entry.model_copy(update=withheld) for entry in found]


def _records(server: ServerState, identity: str | None, role: str) -> list[RecordOut]:
    """The records of an identity with the fields that a role may read."""
    found = server.records(identity)
    url = server.manifest_url(identity) if found else None
    return [responses.record(entry.to_json(), role, url) for entry in found]


def _matches(server: ServerState, matches: list[dict[str, Any]], role: str) -> list[Match]:
    return [responses.match(found, role, server.manifest_url(found["identity"])) for found in matches]


def _facts(server: ServerState, text: str | None) -> dict[str, Any] | None:
    """Facts of a form field, as JSON; Problem 422 where they do not follow the schema."""
    if not text:
        return None
    from underdrawing.registry.facts import Facts

    server.require_registry()
    try:
        return Facts.from_json(json.loads(text)).to_json()
    except (RegistryError, ValueError, RecursionError) as error:
        raise Problem(422, "bad-facts", f"facts: {error}") from error
