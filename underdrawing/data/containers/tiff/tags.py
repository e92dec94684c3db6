"""Tags of TIFF: directories of classic and BigTIFF files, read with limits; classic ones are written.

Source: TIFF 6.0, sec. 2; BigTIFF as in libtiff. The same structure is an EXIF block.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from underdrawing.core.errors import PictureError

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_WIDTHS = _SIZES | {5: 4, 10: 4}
"""Bytes of a value, and of the numbers in it, by TIFF's type of field."""
_UNSIGNED = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
PLAIN = frozenset(range(1, 13))
"""Types that a classic TIFF holds and that point to nothing."""
MAX_ENTRIES = 4096
"""Of one directory; cameras and raw converters write a few hundred at most."""


class Tag(NamedTuple):
    """A tag with its value, whose numbers are little-endian."""

    id: int
    kind: int
    count: int
    value: bytes


class Subdirectory(NamedTuple):
    """A tag that points to a directory."""

    id: int
    tags: Sequence[Tag | Subdirectory]


class _Field(NamedTuple):
    kind: int
    count: int
    start: int


class Directory:
    """One image file directory. Fields of unknown type and values beyond the file's end are not in it."""

    def __init__(self, file: File, at: int):
        self.file = file
        self.fields: dict[int, _Field] = {}
        self.damaged: list[int] = []
        """Tags that were left out."""
        big, order, data = file.big, file.order, file.data
        head, size = ("Q", 20) if big else ("H", 12)
        try:
            (count,) = struct.unpack_from(order + head, data, at)
        except struct.error as error:
            raise PictureError("a TIFF directory lies beyond the end of the file") from error
        if count > MAX_ENTRIES:
            raise PictureError(f"a TIFF directory of {count} tags; at most {MAX_ENTRIES} are read")
        at += struct.calcsize("=" + head)
        for entry in range(at, min(at + size * count, len(data) - size + 1), size):
            self._add(entry)
        pointer, end = order + ("Q" if big else "I"), at + size * count
        self.next = (
            struct.unpack_from(pointer, data, end)[0] if end + struct.calcsize(pointer) <= len(data) else 0
        )

    def _add(self, entry: int) -> None:
        big, order, data = self.file.big, self.file.order, self.file.data
        id, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, entry)
        start = entry + (12 if big else 8)
        size = _SIZES.get(kind, 0) * count
        if size > (8 if big else 4):
            (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, start)
        if kind not in _SIZES or start + size > len(data):
            self.damaged.append(id)
        elif id not in self.fields:
            self.fields[id] = _Field(kind, count, start)

    def size_bytes(self, id: int) -> int:
        field = self.fields[id]
        return _SIZES[field.kind] * field.count

    def raw(self, id: int) -> bytes | None:
        """The bytes of a value as they stand in the file."""
        if id not in self.fields:
            return None
        start = self.fields[id].start
        return self.file.data[start : start + self.size_bytes(id)]

    def tag(self, id: int) -> Tag:
        field, value = self.fields[id], self.raw(id) or b""
        return Tag(id, field.kind, field.count, _little(value, field.kind, self.file.order))

    def numbers(self, id: int) -> np.ndarray:
        """Unsigned integers of a tag; empty where it is absent or of another type."""
        field = self.fields.get(id)
        if field is None or field.kind not in _UNSIGNED:
            return np.zeros(0, np.int64)
        kind = np.dtype(self.file.order + _UNSIGNED[field.kind])
        return np.frombuffer(self.file.data, kind, field.count, field.start)

    def number(self, id: int, default: int) -> int:
        """The first number of a tag."""
        values = self.numbers(id)
        return int(values[0]) if len(values) else default


@dataclass(frozen=True)
class File:
    """A file that starts with a TIFF header, or an EXIF block without its prefix. PictureError for others."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) < 8 or self.data[:2] not in (b"II", b"MM") or self.version not in (42, 43):
            raise PictureError("no TIFF header")

    @property
    def order(self) -> str:
        """The byte order as struct writes it."""
        return "<" if self.data[:2] == b"II" else ">"

    @property
    def version(self) -> int:
        return struct.unpack_from(self.order + "H", self.data, 2)[0]

    @property
    def big(self) -> bool:
        return self.version == 43

    @property
    def first(self) -> int:
        """Offset of the first directory."""
        form, at = ("Q", 8) if self.big else ("I", 4)
        return struct.unpack_from(self.order + form, self.data.ljust(16, b"\0"), at)[0]


def shorts(id: int, *values: int) -> Tag:
    return Tag(id, SHORT, len(values), struct.pack(f"<{len(values)}H", *values))


def longs(id: int, values: Iterable[int]) -> Tag:
    packed = np.fromiter(values, "<u4")
    return Tag(id, LONG, len(packed), packed.tobytes())


def octets(id: int, value: bytes, kind: int = UNDEFINED) -> Tag:
    return Tag(id, kind, len(value), value)


def directory(tags: Sequence[Tag | Subdirectory], at: int, order: str) -> bytes:
    """A classic directory that stands at offset `at`, followed by the values and directories it points to."""
    place = at + 2 + 12 * len(tags) + 4
    entries, outside = b"", bytearray()
    for tag in sorted(tags, key=lambda tag: tag.id):
        here = struct.pack(order + "I", place + len(outside))
        if isinstance(tag, Subdirectory):
            entries += struct.pack(order + "HHI", tag.id, LONG, 1) + here
            outside += directory(tag.tags, place + len(outside), order)
        else:
            value = _little(tag.value, tag.kind, order)
            entries += struct.pack(order + "HHI", tag.id, tag.kind, tag.count)
            entries += value.ljust(4, b"\0") if len(value) <= 4 else here
            outside += value if len(value) > 4 else b""
        outside += bytes(len(outside) % 2)
    return struct.pack(order + "H", len(tags)) + entries + bytes(4) + bytes(outside)


def header(order: str, first: int) -> bytes:
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, first)


def _little(value: bytes, kind: int, order: str) -> bytes:
    """A value from `order` to little-endian or back."""
    width = _WIDTHS[kind]
    if order == "<" or width == 1:
        return value
    return np.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()
