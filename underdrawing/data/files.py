"""Files: the pictures that an argument names, and writes that leave a whole file or none."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from underdrawing.core.errors import OutputError, PictureError
from underdrawing.data.encoders import SUFFIXES

PICTURE_SUFFIXES = frozenset(SUFFIXES)
"""Suffixes by which pictures are found in folders; a file that is named itself may have any."""


@dataclass(frozen=True)
class Found:
    """A picture file and the place it keeps below an output folder."""

    path: Path
    relative: Path


def find_pictures(paths: Iterable[str | Path]) -> list[Found]:
    """The picture files that files, folders and glob patterns name, each once, folders in order of name.

    A file keeps its name; what lies in a folder keeps its place below that folder; what a pattern matches
    keeps its place below the part of the pattern without wildcards. Hidden files and folders are passed over,
    links to folders are not followed. PictureError where an argument names nothing.
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
    """Write a file whole or not at all, even if the machine stops half way; missing folders are made.

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
            os.replace(part, path)  # noqa: PTH105 - the one step that must not be anything else
        finally:
            part.unlink(missing_ok=True)  # also after ctrl-C
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
