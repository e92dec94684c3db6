"""The ASGI app: its state, lifespan, routes and middleware."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from underdrawing import __version__
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.service.artefacts import Artefacts, make_root
from underdrawing.service.gate import Gate
from underdrawing.service.head import Head
from underdrawing.service.job_runner import JobRunner
from underdrawing.service.observe import Metrics, Observe
from underdrawing.service.openapi import describe, operation_name
from underdrawing.service.origins import OriginList
from underdrawing.service.pool import Limits, Pool
from underdrawing.service.problems import add_handlers
from underdrawing.service.process import Prepare, prepare
from underdrawing.service.settings import Settings
from underdrawing.service.state import ServerState
from underdrawing.service.tokens import StartToken

_SWEEP_SECONDS = 5.0


def create_app(
    settings: Settings, worker: Prepare | None = None, start_token: StartToken | None = None
) -> ASGIApp:
    """The server as an ASGI app. worker: replaces `process.prepare` in the worker processes. start_token: is
    accepted where there is no token file.

    RegistryError where the registry cannot be opened; OSError where the spool folder cannot be created.
    """
    from underdrawing.service.page import add_page
    from underdrawing.service.routes import add_routes

    server = _state(settings, worker or partial(prepare, settings))
    app = FastAPI(
        title="Underdrawing",
        version=__version__,
        openapi_url="/v1/openapi.json",
        generate_unique_id_function=operation_name,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=partial(_lifespan, server),
    )
    app.state.server = server
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    add_handlers(app)
    add_routes(app, server)
    add_page(app)
    gate = Gate(Head(app), settings, server.check_room, start_token)
    return Observe(_with_cors(gate, settings), server.metrics, settings.idle_seconds)


def _with_cors(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Answers to the pages of listed origins. There are no cookies: tokens come in a header, or none does."""
    origins = OriginList(settings.cors_origins)
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins.exact,
        allow_methods=["GET", "HEAD", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Location", "Retry-After", "X-Request-ID"],
    )


def _state(settings: Settings, worker: Prepare) -> ServerState:
    registry = None
    if settings.registry:
        from underdrawing.registry.store import open_registry

        registry = open_registry(settings.registry, create=True)
    limits = Limits(
        settings.worker_count,
        settings.queue_length,
        settings.job_seconds,
        settings.jobs_per_worker,
        settings.worker_mb,
    )
    store = Artefacts(make_root(settings.spool), settings.artefact_seconds, settings.artefact_mb << 20)
    pool = Pool(worker, limits, lambda kind: metrics.failures.labels(kind).inc())
    metrics = Metrics(lambda: pool.ready, lambda: pool.admitted, lambda: store.size_bytes)
    folder = settings.manifest_folder
    manifests = None if folder is None else ManifestRepository(folder)
    return ServerState(settings, pool, store, metrics, registry, manifests)


@asynccontextmanager
async def _lifespan(server: ServerState, _app: FastAPI) -> AsyncIterator[None]:
    server.pool.start()
    runner = JobRunner(server, server.jobs)
    runner.start()
    sweeper = asyncio.create_task(_sweep(server.artefacts))
    try:
        yield
    finally:
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper
        await runner.close()
        await server.pool.close()
        shutil.rmtree(server.artefacts.root, ignore_errors=True)
        if server.registry is not None:
            server.registry.close()


async def _sweep(store: Artefacts) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        store.sweep()
