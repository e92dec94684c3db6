"""Files: search for pictures by path, folder or pattern, and atomic writes."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from underdrawing.core.errors import OutputError, PictureError
from underdrawing.data.containers import SUFFIXES

PICTURE_SUFFIXES = frozenset(SUFFIXES)
"""Suffixes of pictures in folders; a file that is given by its path may have any suffix."""
ANIMATION_SUFFIXES = frozenset({".gif", ".apng"})
"""Of files that are always animated; see data.animations."""


@dataclass(frozen=True)
class Found:
    """A picture file and its relative path below an output folder."""

    path: Path
    relative: Path


def find_pictures(
    paths: Iterable[str | Path],
    skipped: dict[Path, str] | None = None,
    suffixes: Collection[str] = PICTURE_SUFFIXES,
) -> list[Found]:
    """List picture files by path, folder and glob pattern, each once, in folders sorted by name.

    Relative paths: the name of a file; below the folder for its files; below the part of a pattern without
    wildcards for its matches. Hidden files and folders and files without the suffix of a picture are left
    out, and added to `skipped` with the reason; links to folders are not followed.
    PictureError where an argument matches nothing.
    """
    found: dict[Path, Found] = {}
    skipped = {} if skipped is None else skipped
    for path in paths:
        before = len(found) + len(skipped)
        repeated = False
        for entry in _below(Path(path), skipped, suffixes):
            repeated |= entry.path in found
            found.setdefault(entry.path, entry)
        if len(found) + len(skipped) == before and not repeated and not is_folder(path):
            raise PictureError(f"{path}: no such file or folder")
    return list(found.values())


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; False, not an error, where the name is too long for the file system."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises


def exists(path: str | Path) -> bool:
    """Whether there is a file or folder; False, not an error, where the name is too long."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises


def storable(name: str) -> str:
    """A file name as UTF-8 holds it: bytes of it that are none become escapes, as \\udce9."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _below(path: Path, skipped: dict[Path, str], suffixes: Collection[str]) -> Iterator[Found]:
    if is_folder(path):

        def unreadable(error: OSError) -> None:
            skipped[Path(error.filename)] = f"the folder cannot be read ({error.strerror})"

        for folder, folders, names in os.walk(path, onerror=unreadable):
            hidden = [name for name in folders if name.startswith(".")]
            skipped.update((Path(folder) / name, "hidden folder") for name in hidden)
            folders[:] = sorted(set(folders) - set(hidden))
            for name in sorted(names):
                yield from _picture(Path(folder) / name, path, skipped, suffixes)
    elif exists(path):
        yield Found(path, Path(path.name))
    elif glob.has_magic(str(path)):
        fixed = Path(*_parts_before_wildcard(path))
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute pattern
            if not is_folder(match):
                yield from _picture(Path(match), fixed, skipped, suffixes)


def _picture(path: Path, root: Path, skipped: dict[Path, str], suffixes: Collection[str]) -> Iterator[Found]:
    if path.name.startswith("."):
        skipped[path] = "hidden"
    elif path.suffix.lower() not in suffixes:
        skipped[path] = f"{path.suffix} is no suffix of a picture" if path.suffix else "no suffix"
    else:
        yield Found(path, path.relative_to(root))


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


def write_files(files: Mapping[str, bytes], folder: Path, overwrite: bool) -> dict[str, str]:
    """Write files into a folder, each as write_atomic; their paths by name."""
    for name, data in files.items():
        write_atomic(folder / name, data, overwrite)
    return {name: str(folder / name) for name in files}


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        raise OutputError(f"{path}: exists already, and overwriting was not asked for")


def _write_through(path: Path, data: bytes) -> None:
    if not _written_nameless(path, data):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(handle, "wb") as file:
            _fill(file, data)


def _written_nameless(path: Path, data: bytes) -> bool:
    """Write a file that has a name only once it is whole, so that a kill leaves nothing. False where the
    system cannot: not Linux, or a file system without such files."""
    try:
        handle = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, 0o666)
    except (AttributeError, OSError):
        return False
    with os.fdopen(handle, "wb") as file:
        _fill(file, data)
        try:
            os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle)  # src_dir_fd: follow the link
        except OSError:
            return False
    return True


def _fill(file: BinaryIO, data: bytes) -> None:
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
