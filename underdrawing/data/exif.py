"""EXIF blocks: their orientation, and the same block for the upright picture.

A block is patched in place, entry by entry: rewriting it would move the maker notes, whose internal offsets
are not documented. Tags and types: EXIF 3.0, sec. 4.6; the structure: TIFF 6.0, sec. 2.
"""

from __future__ import annotations

import io
import re
import struct
from typing import NamedTuple

from PIL import Image

from underdrawing.data.xmp import orientation_in_xmp

HEADER = b"Exif\0\0"
_PREFIXES = re.compile(rb"(?:Exif..)*", re.DOTALL)
"""Some programs write the header twice, or where it does not belong."""
_IMAGE_WIDTH, _IMAGE_LENGTH, _ORIENTATION, _EXIF_IFD = 0x0100, 0x0101, 0x0112, 0x8769
_PIXEL_X, _PIXEL_Y, _INTEROPERABILITY_IFD = 0xA002, 0xA003, 0xA005
_RELATED_WIDTH, _RELATED_LENGTH = 0x1001, 0x1002
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_BYTE, _SHORT, _LONG = 1, 3, 4
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I"}
_ENTRY_BYTES = 12
_LARGEST_SHORT = 0xFFFF
_THUMBNAIL_QUALITIES = (92, 85, 75, 60)
_LARGEST_THUMBNAIL_PX = 4096
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright."""


def orientation(exif: bytes | None, xmp: bytes | str | None = None) -> int:
    """The orientation of a picture as stored, 1..8, by its EXIF, else by its XMP; 1 where none says so."""
    block = _block(exif)
    if block is None:
        return orientation_in_xmp(xmp)
    values = [block.number(entry) for entry in block.entries(block.first) if entry.tag == _ORIENTATION]
    if not values:
        return orientation_in_xmp(xmp)
    return values[0] if values[0] in TRANSPOSITIONS else 1


def upright_exif(exif: bytes | None, size: tuple[int, int], turn: int = 1) -> bytes | None:
    """The same block, with one header, for the upright picture; None where it is no EXIF.

    size: width and height of that picture. turn: orientation of the stored one. Orientation becomes 1,
    recorded sizes become `size`, and the thumbnail is turned or, where it cannot be, taken out.
    """
    block = _block(exif)
    if block is None:
        return None
    _set(block, block.first, {_ORIENTATION: 1, _IMAGE_WIDTH: size[0], _IMAGE_LENGTH: size[1]})
    own = block.pointer(block.first, _EXIF_IFD)
    _set(block, own, {_ORIENTATION: 1, _PIXEL_X: size[0], _PIXEL_Y: size[1]})
    interoperability = block.pointer(own, _INTEROPERABILITY_IFD)
    _set(block, interoperability, {_RELATED_WIDTH: size[0], _RELATED_LENGTH: size[1]})
    if turn in TRANSPOSITIONS:
        _turn_thumbnail(block, size, turn)
    return HEADER + bytes(block.data)


class _Entry(NamedTuple):
    tag: int
    kind: int
    count: int
    at: int
    """Position of the entry in the block."""


class _Block:
    """A TIFF structure, read and overwritten in place; what lies outside of it is not there."""

    def __init__(self, data: bytearray, order: str):
        self.data, self.order = data, order
        (self.first,) = struct.unpack_from(order + "I", data, 4)

    def entries(self, directory: int) -> list[_Entry]:
        if not 8 <= directory <= len(self.data) - 2:
            return []
        (count,) = struct.unpack_from(self.order + "H", self.data, directory)
        start = directory + 2
        end = min(start + count * _ENTRY_BYTES, len(self.data) - _ENTRY_BYTES + 1)
        places = range(start, end, _ENTRY_BYTES)
        return [_Entry(*struct.unpack_from(self.order + "HHI", self.data, at), at) for at in places]

    def number(self, entry: _Entry) -> int:
        """The number in the entry itself; 0 where it holds none."""
        code = _CODES.get(entry.kind)
        if code is None:
            return 0
        return struct.unpack_from(self.order + code, self.data, entry.at + 8)[0]

    def set_number(self, entry: _Entry, value: int) -> None:
        """Overwrite the entry by one number, of type SHORT where it was no LONG and fits."""
        kind = _SHORT if entry.kind != _LONG and value <= _LARGEST_SHORT else _LONG
        packed = struct.pack(self.order + _CODES[kind], value).ljust(4, b"\0")
        head = struct.pack(self.order + "HHI", entry.tag, kind, 1)
        self.data[entry.at : entry.at + _ENTRY_BYTES] = head + packed

    def pointer(self, directory: int, tag: int) -> int:
        """The directory that the entry points to; 0 without one."""
        return next((self.number(entry) for entry in self.entries(directory) if entry.tag == tag), 0)

    def next_pointer(self) -> int | None:
        """Position of the pointer from the first directory to that of the thumbnail."""
        entries = self.entries(self.first)
        at = entries[-1].at + _ENTRY_BYTES if entries else 0
        return at if entries and at + 4 <= len(self.data) else None


def _block(exif: bytes | None) -> _Block | None:
    """The TIFF structure behind whatever headers there are; None where there is none."""
    if not exif:
        return None
    prefixes = _PREFIXES.match(exif)
    data = bytearray(exif[prefixes.end() if prefixes else 0 :])
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    return None if order is None or len(data) < 8 else _Block(data, order)


def _set(block: _Block, directory: int, values: dict[int, int]) -> None:
    """Overwrite the numbers that are there; nothing is added."""
    for entry in block.entries(directory):
        if entry.tag in values:
            block.set_number(entry, values[entry.tag])


def _turn_thumbnail(block: _Block, size: tuple[int, int], turn: int) -> None:
    """Turn the thumbnail within its bytes; take it out where it is no JPEG, or needs more of them."""
    at = block.next_pointer()
    if at is None:
        return
    (directory,) = struct.unpack_from(block.order + "I", block.data, at)
    entries = {entry.tag: entry for entry in block.entries(directory)}
    start = block.number(entries[_THUMBNAIL]) if _THUMBNAIL in entries else 0
    length = block.number(entries[_THUMBNAIL_BYTES]) if _THUMBNAIL_BYTES in entries else 0
    stored = bytes(block.data[start : start + length]) if start else b""
    turned = _turned(stored, size, turn)
    if turned is None:
        struct.pack_into(block.order + "I", block.data, at, 0)
        block.data[start : start + len(stored)] = bytes(len(stored))
        return
    block.data[start : start + len(stored)] = turned.ljust(len(stored), b"\0")
    with Image.open(io.BytesIO(turned)) as image:
        width, height = image.size
    sizes = {_IMAGE_WIDTH: width, _IMAGE_LENGTH: height, _THUMBNAIL_BYTES: len(turned)}
    _set(block, directory, sizes | {_ORIENTATION: 1})


def _turned(stored: bytes, size: tuple[int, int], turn: int) -> bytes | None:
    """The thumbnail as `turn` needs it, in at most as many bytes; unchanged where its shape is that of the
    upright picture already."""
    try:
        with Image.open(io.BytesIO(stored), formats=["JPEG"]) as image:
            width, height = image.size
            if max(width, height) > _LARGEST_THUMBNAIL_PX:
                return None
            if turn > 4 and width != height and (width > height) == (size[0] > size[1]):
                return stored
            upright = image.transpose(TRANSPOSITIONS[turn])
        for quality in _THUMBNAIL_QUALITIES:
            buffer = io.BytesIO()
            upright.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= len(stored):
                return buffer.getvalue()
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError):
        pass
    return None
