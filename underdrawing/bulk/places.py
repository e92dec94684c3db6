"""Folders that a run reads and writes: on a disk or behind a URL of fsspec (s3://, gs://, memory://)."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from underdrawing.core.errors import MissingExtraError, OutputError, UnderdrawingError

SHARD_SUFFIX = ".tar"
_CHUNK = 1 << 20


class Place:
    """A folder; names in it are relative, with forward slashes. Errors: OutputError with the file's name."""

    def __init__(self, url: str):
        import fsspec
        from fsspec.implementations.local import LocalFileSystem

        try:
            self._system, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise MissingExtraError(f"{url}: fsspec cannot open it ({error})") from error
        self._root = root.rstrip("/") or "/"
        self._local = isinstance(self._system, LocalFileSystem)
        self._url = self._root if self._local else url.rstrip("/")

    def __str__(self) -> str:
        return self._url

    def url(self, name: str) -> str:
        """The path or URL of a file, for messages and records."""
        return f"{self._url}/{name}"

    def is_file(self) -> bool:
        """Whether the place is a file, as a single shard is."""
        with self._named(""):
            return self._system.isfile(self._root)

    def names(self, suffixes: frozenset[str]) -> list[str]:
        """Files with these suffixes here and below, sorted by name, without hidden ones."""
        with self._named(""):
            if not self._system.isdir(self._root):
                raise OutputError(f"{self}: there is no such folder")
            found = [path[len(self._root) :].lstrip("/") for path in self._system.find(self._root)]
        paths = [PurePosixPath(name) for name in found]
        wanted = (p for p in paths if p.suffix.lower() in suffixes and not any(x[0] == "." for x in p.parts))
        return sorted(map(str, wanted))

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""
        with self._named(name):
            return self._system.isfile(self._path(name))

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """The file, open."""
        with self._named(name), self._system.open(self._path(name), "rb") as file:
            yield file

    def put(self, name: str, fill: Callable[[BinaryIO], None], *, overwrite: bool = False) -> str:
        """Write a file atomically; its SHA-256. A file with the same content is no error.

        fill: writes the content. OutputError where the file has another content and `overwrite` is False.
        """
        with self._staged(name) as part:
            with part.open("wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            with part.open("rb") as file:
                digest = _digest(file)
            existing = self._existing_digest(name)
            if existing == digest:
                return digest
            if existing is not None and not overwrite:
                raise OutputError(f"{self.url(name)}: exists already, and overwriting was not asked for")
            with self._named(name):
                if self._local:
                    os.replace(part, self._path(name))  # noqa: PTH105 - atomic
                else:
                    self._system.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
                    self._system.put_file(str(part), self._path(name))
        return digest

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _staged(self, name: str) -> Iterator[Path]:
        """A local file to fill. Beside the target it always has the same name, so that a resumed run
        overwrites the remains of a killed one."""
        if not self._local:
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder) / "part"
            return
        target = Path(self._path(name))
        part = target.parent / f".{target.name}.part"
        with self._named(name):
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _existing_digest(self, name: str) -> str | None:
        with self._named(name):
            if not self._system.exists(self._path(name)):
                return None
            with self._system.open(self._path(name), "rb") as file:
                return _digest(file)

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except UnderdrawingError:
            raise
        except Exception as error:  # every file system of fsspec has its own errors
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise OutputError(f"{self.url(name)}: cannot be read or written ({reason})") from error


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
