"""Originals of registered pictures, as .udl files in a folder by the SHA-256 in their records.

    FOLDER/ab/abcdef....udl       by the hash of the original's file, or of the pixels where there was none

The records, with hash chain and signatures, hold the hashes, so the folder needs none: what is found is
compared with its record. An original can be deleted; its record stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from underdrawing.core.errors import OutputError, RegistryError, UnderdrawingError
from underdrawing.data import udl
from underdrawing.data.containers import suffix_of
from underdrawing.data.containers.udl import SUFFIXES
from underdrawing.data.files import write_atomic
from underdrawing.data.pictures import MAX_PIXELS, encode_picture, load_picture
from underdrawing.registry.hashes import file_hash, pixel_hash
from underdrawing.registry.record import Copy, Record

_SUFFIX = SUFFIXES[0]


@dataclass(frozen=True)
class Original:
    """The content of an original's file."""

    data: bytes
    """The file that was protected, or a PNG with its pixels, profile and metadata."""
    suffix: str
    """Of its name, with the dot."""


class OriginalRepository:
    """Keeps and finds originals; safe with many processes at once."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def add(self, record: Record, archive: bytes) -> Path:
        """Keep the archive of a record's original durably; its file. RegistryError if it is not written."""
        path = self._path(record.original)
        try:
            write_atomic(path, archive, overwrite=True)  # what is there already is of the same original
        except OutputError as error:
            raise RegistryError(f"the original cannot be kept: {error}") from error
        return path

    def path(self, record: Record) -> Path | None:
        """The archive of a record's original, as it is kept; None where there is none."""
        path = self._path(record.original)
        return path if path.is_file() else None

    def find(self, record: Record, max_pixels: int = MAX_PIXELS) -> Original | None:
        """A record's original; None where it is not kept.

        RegistryError where what is kept is damaged, or another one than the record names; MissingExtraError
        for a JPEG in JPEG XL without the extra "jxl".
        """
        path = self.path(record)
        if path is None:
            return None
        try:
            archive = path.read_bytes()
            found = _opened(archive, record.original, max_pixels)
        except OSError as error:
            raise RegistryError(f"{path}: the original cannot be read ({error.strerror})") from error
        except UnderdrawingError as error:
            raise type(error)(f"{path}: {error}") from error
        if found is None:
            raise RegistryError(f"{path}: the original is another one than the record names")
        return found

    def _path(self, original: Copy) -> Path:
        name = original.file or original.pixels
        return self.folder / name[:2] / f"{name}{_SUFFIX}"


def _opened(archive: bytes, original: Copy, max_pixels: int) -> Original | None:
    """The original in an archive; None where it is not that of the record."""
    if file_hash(archive) == original.file:  # an archive was protected
        return Original(archive, _SUFFIX)
    file = udl.read(archive, max_pixels)
    if file.kept != "pixels":
        data = file.original(max_pixels)
        return Original(data, suffix_of(data)) if file_hash(data) == original.file else None
    picture = load_picture(archive, max_pixels=max_pixels)
    if pixel_hash(picture.pixels) != original.pixels:
        return None
    return Original(encode_picture(picture, Path("original.png")).data, ".png")
