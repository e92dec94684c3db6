"""WebDataset shards: tar files in which the parts of one sample follow each other under a common stem.

Read and written as streams. Equal contents give equal bytes. Members other than files (links, devices) are
left out.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from underdrawing.core.errors import PictureError
from underdrawing.data.pictures import MAX_FILE_BYTES


def members(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a shard's files in order. PictureError for damaged shards and large members."""
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


class ShardWriter:
    """Writes members with headers that contain only names and sizes."""

    def __init__(self, file: BinaryIO):
        self._archive = tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, name: str, data: bytes) -> None:
        """Append one file."""
        header = tarfile.TarInfo(name)
        header.size, header.mode = len(data), 0o644
        self._archive.addfile(header, io.BytesIO(data))

    def close(self) -> None:
        """Write the end of the archive; the underlying file stays open."""
        self._archive.close()
