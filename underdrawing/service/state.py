"""The state of the server, shared by its routes, and the way of an upload to a worker."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import UploadFile

from underdrawing.core.errors import CredentialsError, PictureError, RegistryError
from underdrawing.credentials.reading import kept_for
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.data.animations import is_gif
from underdrawing.data.containers import HEAD_BYTES, container_of
from underdrawing.registry.originals import OriginalRepository
from underdrawing.service.artefacts import Artefacts
from underdrawing.service.job_store import JOBS_PATH, JobLimits, JobStore
from underdrawing.service.observe import Metrics
from underdrawing.service.pool import BusyError, Pool, TaskError
from underdrawing.service.problems import Problem
from underdrawing.service.settings import Settings
from underdrawing.service.systems import takes_animations

_LOG = logging.getLogger("underdrawing.service")
_STORES = {
    "RegistryError": "the registry",
    "OutputError": "the disk",
    "CredentialsError": "the signing or keeping of Content Credentials",
}
"""What failed, by the kind of the TaskError."""
_MIN_FREE_BYTES = 256 << 20


@dataclass
class ServerState:
    """Settings, workers, files, metrics, registry and manifests of one server."""

    settings: Settings
    pool: Pool
    artefacts: Artefacts
    metrics: Metrics
    registry: Any = None
    """An open registry, for look-ups by identity; None without a registry."""
    manifests: ManifestRepository | None = None
    """Stored Content Credentials; None where none are stored."""

    def __post_init__(self) -> None:
        settings = self.settings
        keep = timedelta(seconds=settings.job_keep_seconds)
        limits = JobLimits(
            settings.jobs, settings.jobs_per_token, settings.job_pictures, settings.artefact_mb << 20, keep
        )
        self.jobs = JobStore(self.artefacts, limits)

    def check_room(self, path: str, owner: str | None) -> None:
        """Before a body is read: Problem 503 while the queue is full; for jobs, 503 or 429 while there are
        too many. owner: hash of the caller's token."""
        if path == JOBS_PATH:
            self.jobs.check_room(owner)
            return
        try:
            self.pool.check_room()
        except BusyError as error:
            raise self.busy(error) from error

    def busy(self, error: BusyError) -> Problem:
        """The response while the queue is full."""
        self.metrics.refused.labels("queue").inc()
        return Problem(503, "busy", "all workers are busy and the queue is full", retry_after=error.seconds)

    async def run_task(
        self, picture: UploadFile, task: dict[str, Any], *, keep_folder: bool = True
    ) -> tuple[str, Any]:
        """Do a task with an uploaded picture; an artefact id and the result of the worker.

        keep_folder: whether the id's folder stays for artefacts. Problem where the task fails.
        """
        # Beside the folders of artefacts. No part of the path comes from the client.
        upload = self.new_upload()
        try:
            await self.copy(picture, upload)
            return await self.run_file(upload, task, keep_folder=keep_folder)
        except BusyError as error:
            raise self.busy(error) from error
        finally:
            upload.unlink(missing_ok=True)

    def new_upload(self) -> Path:
        """A path in the spool for an upload."""
        return self.artefacts.root / f"{secrets.token_hex(16)}.upload"

    async def copy(self, picture: UploadFile, path: Path) -> None:
        """Copy an uploaded picture. Problem 415 where it is none of a known type, 503 for a full disk."""
        try:
            head = await picture.read(HEAD_BYTES)
            if not (is_gif(head) and takes_animations()):
                container_of(head)
        except PictureError as error:
            problem = "the part `picture` is no picture of a known type"
            raise Problem(415, "unsupported-media-type", problem) from error
        try:
            await asyncio.to_thread(_copy, picture, path)
        except OSError as error:
            raise _disk_problem(error) from error

    async def run_file(
        self, upload: Path, task: dict[str, Any], *, keep_folder: bool = True, seconds: float | None = None
    ) -> tuple[str, Any]:
        """Do a task with a file of the spool, as run_task. seconds: its time limit, that of the settings if
        None. BusyError while the queue is full; TaskError for an error in our code."""
        keep, name = False, ""
        try:
            name, folder = self.artefacts.create()
            task = {**task, "picture": str(upload), "folder": str(folder)}
            result = await self.pool.run(task, seconds)
            keep = keep_folder
            return name, result
        except TaskError as error:
            raise _task_problem(error) from error
        except OSError as error:
            raise _disk_problem(error) from error
        finally:
            if name and not keep:
                await asyncio.to_thread(self.artefacts.drop, name)

    def records(self, identity: str | None) -> list[Any]:
        """Registry entries of an identity, latest first; [] for None and without a registry. Problem 503."""
        if self.registry is None or identity is None:
            return []
        try:
            return self.registry.by_identity(identity)
        except RegistryError as error:
            raise Problem(503, "registry", "the registry cannot be used just now", retry_after=30) from error

    def manifest_url(self, identity: str | None) -> str | None:
        """The URL of the stored Content Credentials of an identity; None where there are none."""
        if self.manifests is None or identity is None:
            return None
        try:
            exists = self.manifests.holds(identity)
        except CredentialsError as error:
            raise _manifest_problem(error) from error
        return f"/v1/records/{identity}/manifest" if exists else None

    def manifest(self, identity: str) -> bytes:
        """The latest valid manifest store that is stored for an identity and names it.

        Problem 404 where there is none, 501 where the package that checks it is not installed.
        """
        try:
            found = None if self.manifests is None else kept_for(self.manifests, identity)
        except CredentialsError as error:
            raise _manifest_problem(error) from error
        if found is not None and found.manifest is not None:
            return found.manifest
        if found is not None and found.state == "unread":
            raise Problem(501, "not-implemented", "this server lacks the extra `credentials`")
        raise Problem(404, "not-found", f"no Content Credentials are kept for {identity}")

    def original(self, identity: str) -> Path:
        """The archive of the latest record of an identity whose original is kept. Problem 404, 503."""
        folder = self.settings.originals
        if folder:
            kept = OriginalRepository(folder)
            for entry in self.records(identity):
                if (path := kept.path(entry.record)) is not None:
                    return path
        raise Problem(404, "not-found", f"no original is kept for {identity}")

    def require_registry(self) -> None:
        """Problem 404 without a registry."""
        if self.registry is None:
            raise Problem(404, "no-registry", "this server keeps no registry")

    def readiness(self) -> dict[str, Any]:
        """Number of workers, and whether registry and disk can be used."""
        registry = True
        try:
            self.records("0" * 16)
        except Problem:
            registry = False
        disk = shutil.disk_usage(self.artefacts.root).free > _MIN_FREE_BYTES
        return {"workers": self.pool.ready, "registry": registry, "disk": disk}


def _copy(picture: UploadFile, path: Path) -> None:
    picture.file.seek(0)
    with path.open("xb") as file:
        shutil.copyfileobj(picture.file, file, 1 << 20)


def _task_problem(error: TaskError) -> Exception:
    """The response to a failed task. Only messages about the picture reach the caller: they contain no path,
    as the picture is passed as bytes. Others may contain one and are logged."""
    if error.kind in ("PictureError", "ShapeError", "CapacityError", "KeyFileError"):
        return Problem(422, "bad-picture", str(error))
    if error.kind == "MissingExtraError":
        return Problem(415, "unsupported-media-type", "this server cannot read that format")
    if error.kind == "memory":
        return Problem(413, "too-large", str(error))
    if error.kind == "time":
        return Problem(504, "took-too-long", f"the picture was given up: {error}")
    if what := _STORES.get(error.kind):
        _LOG.error("task", extra={"fields": {"kind": error.kind, "reason": str(error)}})
        return Problem(503, "storage", f"{what} of the server cannot be used just now", retry_after=30)
    return error  # crash, fault, weights: errors in our code; response 500, logged in full


def _manifest_problem(error: CredentialsError) -> Problem:
    _LOG.error("manifests", extra={"fields": {"reason": str(error)}})
    return Problem(503, "storage", "the folder of manifests cannot be read just now", retry_after=30)


def _disk_problem(error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE):
        return Problem(503, "storage", "the server has no room for the upload just now", retry_after=30)
    return error
