"""The routes of the API that do one picture at a time, those for look-ups, and those for operators."""

from __future__ import annotations

from asyncio import to_thread
from typing import Annotated, cast

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from underdrawing import __version__
from underdrawing.data.files import ANIMATION_SUFFIXES, PICTURE_SUFFIXES
from underdrawing.service import answers, responses
from underdrawing.service.described import (
    Describe,
    FactsText,
    Focus,
    Identity,
    Limit,
    NewIdentity,
    Picture,
    PictureText,
    Quality,
    Recovery,
    Responses,
    Strength,
    SystemName,
    WithCredentials,
    problems,
)
from underdrawing.service.fields import declared_fields_only
from underdrawing.service.job_routes import job_routes
from underdrawing.service.problems import Problem
from underdrawing.service.received import OptionalPicture, PictureUrl, Receiver
from underdrawing.service.schemas import About, Examination, Found, Protection, Records, Verification
from underdrawing.service.state import ServerState
from underdrawing.service.systems import MAIN, systems, takes_animations
from underdrawing.service.task_options import (
    ProtectOptions,
    examine_task,
    protect_task,
    retrieve_task,
    verify_task,
)

_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_ANY_FILE: Responses = {200: {"content": {"application/octet-stream": {}}, "description": "the file"}}
_MANIFEST_FILE: Responses = {200: {"content": {"application/c2pa": {}}, "description": "the manifest store"}}
_PICTURE_PROBLEMS = problems(400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504)


def add_routes(app: FastAPI, server: ServerState) -> None:
    """Add all routes to the app."""
    app.include_router(_pictures(server))
    app.include_router(_examination(server))
    app.include_router(job_routes(server))
    app.include_router(_records(server))
    app.include_router(_artefacts_and_about(server))
    app.include_router(_operations(server))


def _picture_router() -> APIRouter:
    return APIRouter(
        prefix="/v1",
        tags=["pictures"],
        responses=_PICTURE_PROBLEMS,
        dependencies=[Depends(declared_fields_only)],
    )


class ProtectFields:
    """The form of a request to protect, beside its picture."""

    def __init__(
        self,
        strength: Strength = 1.0,
        identity: NewIdentity = None,
        facts: FactsText = None,
        credentials: WithCredentials = None,
        quality: Quality = None,
        system: SystemName = MAIN,
        focus: Focus = "auto",
    ) -> None:
        self.options = ProtectOptions(strength, identity, facts, credentials, quality, system, focus)


def _pictures(server: ServerState) -> APIRouter:
    router = _picture_router()
    receiver = Receiver(server.settings)

    @router.post("/verify", responses=problems(502))
    async def verify(
        request: Request,
        picture: OptionalPicture = None,
        url: PictureUrl = None,
        system: SystemName = MAIN,
        recover: Recovery = "faithful",
    ) -> Verification:
        """Verify a picture: who protected it, whether and where it was altered, and the recovered content."""
        role = request.state.caller.role
        task = verify_task(role, system, recover)
        received = await receiver.picture(picture, url)
        task |= {"name": responses.display_name(received.filename)}
        name, result = await server.run_task(received, task)
        answer = cast(Verification, await answers.answer(server, task, result, name, role))
        request.state.log["verdict"] = answer.status
        return answer

    @router.post("/protect")
    async def protect(
        request: Request,
        picture: Picture,
        fields: Annotated[ProtectFields, Depends()],
    ) -> Protection:
        """Hide a content code and an identity in a picture, signed with the key of the server."""
        task = protect_task(server, fields.options)
        task["name"] = responses.display_name(picture.filename)
        name, result = await server.run_task(picture, task)
        role = request.state.caller.role
        return cast(Protection, await answers.answer(server, task, result, name, role))

    @router.post("/retrieve", responses=problems(404, 502))
    async def retrieve(
        request: Request, picture: OptionalPicture = None, url: PictureUrl = None, limit: Limit = 5
    ) -> Found:
        """Find the registered photograph that a picture comes from, by identity or by content."""
        task = retrieve_task(server, limit)
        received = await receiver.picture(picture, url)
        name, result = await server.run_task(received, task, keep_folder=False)
        role = request.state.caller.role
        return cast(Found, await answers.answer(server, task, result, name, role))

    return router


def _examination(server: ServerState) -> APIRouter:
    router = _picture_router()
    receiver = Receiver(server.settings)

    @router.post("/examine", responses=problems(502))
    async def examine(
        request: Request,
        picture: OptionalPicture = None,
        url: PictureUrl = None,
        text: PictureText = None,
        describe: Describe = False,
    ) -> Examination:
        """Examine a picture, whoever made it: its faces for signs of forgery, the whole for manipulated
        pixels and classical evidence. That no signs are found proves nothing."""
        received = await receiver.picture(picture, url)
        task = examine_task(text, describe) | {"name": responses.display_name(received.filename)}
        name, result = await server.run_task(received, task)
        role = request.state.caller.role
        answer = cast(Examination, await answers.answer(server, task, result, name, role))
        request.state.log["examined"] = answer.status
        return answer

    return router


def _records(server: ServerState) -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(declared_fields_only)])

    @router.get("/records/{identity}", tags=["records"], responses=problems(401, 403, 404, 422, 503))
    async def list_records(request: Request, identity: Identity) -> Records:
        """The records of an identity, latest first."""
        server.require_registry()
        found = await to_thread(answers.records, server, identity, request.state.caller.role)
        if not found:
            raise Problem(404, "not-found", f"the registry has no record of {identity}")
        return Records(records=found)

    @router.get(
        "/records/{identity}/manifest",
        tags=["records"],
        response_class=Response,
        responses=problems(401, 403, 404, 422, 501, 503) | _MANIFEST_FILE,
    )
    async def get_manifest(identity: Identity) -> Response:
        """The stored Content Credentials of an identity: the latest valid manifest store."""
        store = await to_thread(server.manifest, identity)
        name = f'attachment; filename="{identity}.c2pa"'
        return Response(store, media_type=responses.MEDIA[".c2pa"], headers={"Content-Disposition": name})

    @router.get(
        "/records/{identity}/original",
        tags=["records"],
        response_class=FileResponse,
        responses=problems(401, 403, 404, 422, 503) | _ANY_FILE,
    )
    async def get_original(identity: Identity) -> FileResponse:
        """The original of an identity, where it is kept: a .udl file, which `archive unpack` gives back."""
        path = await to_thread(server.original, identity)
        media = responses.MEDIA[path.suffix]
        return FileResponse(path, media_type=media, filename=f"{identity}{path.suffix}")

    return router


def _artefacts_and_about(server: ServerState) -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(declared_fields_only)])

    @router.get(
        "/artefacts/{name}/{file}",
        tags=["server"],
        response_class=FileResponse,
        responses=problems(404, 422) | _ANY_FILE,
    )
    async def get_artefact(name: str, file: str, download: bool = False) -> FileResponse:
        """A file of an earlier response. download: whether browsers save it instead of showing it."""
        path = server.artefacts.find(name, file)
        if path is None:
            raise Problem(404, "not-found", "there is no such file, or it has expired")
        media = responses.MEDIA[path.suffix]
        headers = {"Cache-Control": "private, max-age=600"}
        if media.startswith("text/html"):
            headers["Content-Security-Policy"] = _REPORT_POLICY
        disposition = "attachment" if download else "inline"
        return FileResponse(
            path,
            media_type=media,
            headers=headers,
            filename=server.artefacts.saved_name(name, file),
            content_disposition_type=disposition,
        )

    @router.get("/about", tags=["server"], responses=problems(401, 422))
    async def get_about(request: Request) -> About:
        """Version, abilities and limits of the server, and the role of the caller."""
        settings = server.settings
        return About(
            version=__version__,
            role=request.state.caller.role,
            registry=server.registry is not None,
            signs=bool(settings.sign),
            credentials=bool(settings.credentials),
            fetches=bool(settings.fetch_hosts),
            upload_bytes=settings.upload_mb << 20,
            megapixels=settings.megapixels,
            artefacts_seconds=settings.artefact_seconds,
            formats=sorted(PICTURE_SUFFIXES | (ANIMATION_SUFFIXES if takes_animations() else set())),
            systems=list(systems()),
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
