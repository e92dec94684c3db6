"""What one server holds, and how a picture of a request gets to a worker and back."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import UploadFile

from underdrawing.core.errors import CredentialsError, RegistryError
from underdrawing.credentials.recovery import kept_for
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.service.artefacts import Artefacts
from underdrawing.service.observe import Metrics
from underdrawing.service.pool import BusyError, Pool, TaskError
from underdrawing.service.problems import Problem
from underdrawing.service.settings import Settings

_LOG = logging.getLogger("underdrawing.service")
_STORES = {
    "RegistryError": "the registry",
    "OutputError": "the disk",
    "CredentialsError": "the signing or keeping of Content Credentials",
}
"""What is at fault, by the kind of a task's error."""
_START_BYTES = 32
_LEAST_FREE_BYTES = 256 << 20
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"BM")


@dataclass
class ServerState:
    """What the routes work with."""

    settings: Settings
    pool: Pool
    artefacts: Artefacts
    metrics: Metrics
    registry: Any = None
    """An open registry, for look-ups by identity; None where none is kept."""
    manifests: ManifestRepository | None = None
    """Where Content Credentials are kept; None where they are not."""

    def check_room(self) -> None:
        """Problem 503 where no picture can be taken now."""
        try:
            self.pool.check_room()
        except BusyError as error:
            raise self.busy(error) from error

    def busy(self, error: BusyError) -> Problem:
        """The answer to a caller who finds the queue full."""
        self.metrics.refused.labels("queue").inc()
        return Problem(503, "busy", "all workers are busy and the queue is full", retry_after=error.seconds)

    async def run_task(self, picture: UploadFile, task: dict[str, Any], *, kept: bool) -> tuple[str, Any]:
        """An artefact id, and what a worker made of a picture. kept: whether the id's folder stays."""
        if not is_picture(await picture.read(_START_BYTES)):
            raise Problem(415, "unsupported-media-type", "the part `picture` is no picture of a known type")
        stays, name = False, ""
        try:
            name, folder = self.artefacts.folder()
            done = await self._run(picture, task, folder)
            stays = kept
            return name, done
        except BusyError as error:
            raise self.busy(error) from error
        except TaskError as error:
            raise _task_problem(error) from error
        except OSError as error:
            raise _disk_problem(error) from error
        finally:
            if name and not stays:
                await asyncio.to_thread(self.artefacts.drop, name)

    async def _run(self, picture: UploadFile, task: dict[str, Any], folder: Path) -> Any:
        # Beside the folder, so that it is not taken for a finding; a path without any part of the client's.
        upload = folder.with_suffix(".upload")
        try:
            await asyncio.to_thread(_copy, picture, upload)
            return await self.pool.run({**task, "picture": str(upload), "folder": str(folder)})
        finally:
            upload.unlink(missing_ok=True)

    def records(self, identity: str | None) -> list[Any]:
        """The registry's entries of an identity, the latest first; none without one or without a registry."""
        if self.registry is None or identity is None:
            return []
        try:
            return self.registry.by_identity(identity)
        except RegistryError as error:
            raise Problem(503, "registry", "the registry cannot be used just now", retry_after=30) from error

    def manifest_address(self, identity: str | None) -> str | None:
        """Where the Content Credentials kept for an identity are fetched; None where there are none."""
        if self.manifests is None or identity is None:
            return None
        try:
            kept = self.manifests.holds(identity)
        except CredentialsError as error:
            raise _unkept(error) from error
        return f"/v1/records/{identity}/manifest" if kept else None

    def manifest(self, identity: str) -> bytes:
        """The latest manifest store kept for an identity that holds and names it.

        Problem 404 where there is none, 501 where this server lacks what checks it.
        """
        try:
            found = None if self.manifests is None else kept_for(self.manifests, identity)
        except CredentialsError as error:
            raise _unkept(error) from error
        if found is not None and found.manifest is not None:
            return found.manifest
        if found is not None and found.state == "unread":
            raise Problem(501, "not-implemented", "this server lacks the extra `credentials`")
        raise Problem(404, "not-found", f"no Content Credentials are kept for {identity}")

    def require_registry(self) -> None:
        """Problem 404 where there is none."""
        if self.registry is None:
            raise Problem(404, "no-registry", "this server keeps no registry")

    def readiness(self) -> dict[str, Any]:
        """What has to be true for pictures to be worked with."""
        registry = True
        try:
            self.records("0" * 16)
        except Problem:
            registry = False
        disk = shutil.disk_usage(self.artefacts.root).free > _LEAST_FREE_BYTES
        return {"workers": self.pool.ready, "registry": registry, "disk": disk}


def is_picture(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a format that is read here; saves a worker the rest."""
    return (
        start.startswith(_SIGNATURES)
        or (start[:4], start[8:12]) == (b"RIFF", b"WEBP")
        or start[4:8] == b"ftyp"
    )


def _copy(picture: UploadFile, path: Path) -> None:
    picture.file.seek(0)
    with path.open("xb") as file:
        shutil.copyfileobj(picture.file, file, 1 << 20)


def _task_problem(error: TaskError) -> Exception:
    """What a failed task means to the caller. Messages about the picture name no path of this machine, for it
    is handed over as bytes; others may, and stay in the log."""
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
    return error  # crash, fault, weights: ours; answered as 500, logged with all it says


def _unkept(error: CredentialsError) -> Problem:
    _LOG.error("manifests", extra={"fields": {"reason": str(error)}})
    return Problem(503, "storage", "the folder of manifests cannot be read just now", retry_after=30)


def _disk_problem(error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE):
        return Problem(503, "storage", "the server has no room for the upload just now", retry_after=30)
    return error
