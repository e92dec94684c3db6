"""Files: search for pictures by path, folder or pattern, and atomic writes."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from underdrawing.core.errors import OutputError, PictureError
from underdrawing.data.containers import SUFFIXES

PICTURE_SUFFIXES = frozenset(SUFFIXES)
"""Suffixes of pictures in folders; a file that is given by its path may have any suffix."""


@dataclass(frozen=True)
class Found:
    """A picture file and its relative path below an output folder."""

    path: Path
    relative: Path


def find_pictures(paths: Iterable[str | Path]) -> list[Found]:
    """List picture files by path, folder and glob pattern, each once, in folders sorted by name.

    Relative paths: the name of a file; below the folder for its files; below the part of a pattern without
    wildcards for its matches. Hidden files and folders are skipped, links to folders are not followed.
    PictureError where an argument matches nothing.
    """
    found: dict[Path, Found] = {}
    for path in paths:
        before = len(found)
        repeated = False
        for entry in _below(Path(path)):
            repeated |= entry.path in found
            found.setdefault(entry.path, entry)
        if len(found) == before and not repeated and not Path(path).is_dir():
            raise PictureError(f"{path}: no such file or folder")
    return list(found.values())


def _below(path: Path) -> Iterator[Found]:
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                inside = Path(folder) / name
                if inside.suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                    yield Found(inside, inside.relative_to(path))
    elif path.exists():
        yield Found(path, Path(path.name))
    elif glob.has_magic(str(path)):
        fixed = Path(*_parts_before_wildcard(path))
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute pattern
            inside = Path(match)
            if inside.is_file() and inside.suffix.lower() in PICTURE_SUFFIXES:
                yield Found(inside, inside.relative_to(fixed))


def _parts_before_wildcard(path: Path) -> list[str]:
    parts = []
    for part in path.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def write_atomic(path: str | Path, data: bytes, overwrite: bool = False) -> None:
    """Write a file atomically and durably; missing folders are created.

    OutputError, naming the file, where it exists and `overwrite` is False, and where it cannot be written.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()  # the file behind a link is replaced, not the link
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        _refuse_existing(path, overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_through(part, data)
            _refuse_existing(path, overwrite)
            os.replace(part, path)  # noqa: PTH105 - atomic
        finally:
            part.unlink(missing_ok=True)  # also after an interrupt
    except OutputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written ({reason})") from error
    _sync_folder(path.parent)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        raise OutputError(f"{path}: exists already, and overwriting was not asked for")


def _write_through(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system opens folders; the file itself is safe by now
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
