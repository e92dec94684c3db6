"""WebDataset shards: tar files in which the parts of one sample follow each other under a common stem.

Read and written as streams; what is written depends on the content alone, so that the same job makes the same
bytes. Members that are no files (links, devices) are left out.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from underdrawing.core.errors import PictureError
from underdrawing.data.files import PICTURE_SUFFIXES
from underdrawing.data.pictures import MAX_FILE_BYTES


def members(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a shard's files in their order. PictureError where it is damaged or too large."""
    try:
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                if member.size > MAX_FILE_BYTES:
                    raise PictureError(f"{member.name}: larger than {MAX_FILE_BYTES >> 20} MiB")
                content = archive.extractfile(member)
                data = content.read() if content else b""
                if len(data) != member.size:
                    raise PictureError(f"{member.name}: the shard is cut short")
                yield member.name, data
    except (tarfile.TarError, EOFError, OSError) as error:
        raise PictureError(f"the shard is damaged or cut short ({error})") from error


def is_picture(name: str) -> bool:
    """Whether a member is one of the pictures, by its suffix."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


class ShardWriter:
    """Writes members one after the other, with headers that tell nothing but names and sizes."""

    def __init__(self, file: BinaryIO):
        self._archive = tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, name: str, data: bytes) -> None:
        """One file."""
        header = tarfile.TarInfo(name)
        header.size, header.mode = len(data), 0o644
        self._archive.addfile(header, io.BytesIO(data))

    def close(self) -> None:
        """Write the end of the archive; the file below stays open."""
        self._archive.close()
