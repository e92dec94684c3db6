"""The .udl file: a header, named sections, and tiles that are decoded alone.

    magic (8 bytes) | version (1) | length of the header (4) | CRC-32 of the header (4) | deflated JSON
    sections, in the order of the header, each with length and CRC-32 there
    tiles, row by row, each with length and CRC-32 in the section "tiles"

Numbers are little endian. A file that keeps an original's own bytes has no tiles, but the section "file"
with the bytes, or the section "jxl" with a JPEG coded again without loss (data.jpeg_xl).
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from underdrawing.core.errors import CodeError
from underdrawing.data import jpeg_xl

MAGIC = b"\x89UDL\r\n\x1a\n"
VERSION = 1
TILE_SIDES = (256, 512)
TILE = 512
"""Side of the tiles unless another is asked for, px."""
MOST_ROUNDS = 16
TILES = "tiles"
FILE, TRANSCODED = "file", "jxl"
"""Sections with an original's own bytes, as they are or as JPEG XL."""
_FRONT = len(MAGIC) + 9
_MOST_HEADER_BYTES = 1 << 20
_NAME = re.compile(r"[a-z0-9]{1,16}", re.ASCII)
"""Of a section."""
_NUMBERS = ("width", "height", "channels", "depth", "rounds", "tile")


@dataclass(frozen=True)
class Header:
    """Describes what a file holds."""

    width: int
    height: int
    channels: int
    """Of the coded pixels; 0 where the file keeps an original's bytes."""
    depth: int
    rounds: int
    tile: int
    """Sides of the tiles, px."""
    sha256: str
    """Of the pixels (H, W, channels), 16 bits little endian, or of the original's bytes; hex."""
    weights: str
    """First 16 hex digits of the sha256 of the weights that coded it."""
    facts: Mapping[str, Any]
    """Of the original: format, gray and others, as the caller gave them."""
    order: str = "whole"
    """Of the pixels within a mask, for the codec."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.height // self.tile), -(-self.width // self.tile)

    @property
    def tiles(self) -> list[tuple[slice, slice]]:
        """Rows and columns of each tile in the picture."""
        if self.channels == 0:
            return []
        side, (rows, columns) = self.tile, self.grid
        return [
            (slice(top, min(top + side, self.height)), slice(left, min(left + side, self.width)))
            for top in range(0, rows * side, side)
            for left in range(0, columns * side, side)
        ]


@dataclass(frozen=True)
class Container:
    """A parsed file."""

    header: Header
    data: bytes
    places: Mapping[str, tuple[int, int, int]]
    """Section -> offset, length, CRC-32."""
    tile_places: np.ndarray
    """(tiles, 3) int64: offset, length, CRC-32."""

    @property
    def names(self) -> list[str]:
        """Of the sections that callers gave."""
        return [name for name in self.places if name not in (TILES, "weights")]

    @property
    def kept(self) -> str:
        """What the file holds: "pixels", "file", or "jxl", the original's file coded again as JPEG XL."""
        if self.header.channels:
            return "pixels"
        return TRANSCODED if TRANSCODED in self.places else FILE

    def original(self, max_pixels: int) -> bytes:
        """The original's own bytes. CodeError where it keeps none, or others than the header names.

        MissingExtraError where they are coded as JPEG XL, and the extra "jxl" is not installed.
        """
        found = self.section(self.kept) if self.header.channels == 0 else None
        if found is not None and self.kept == TRANSCODED:
            found = jpeg_xl.restored(found, max_pixels)
        if found is None or hashlib.sha256(found).hexdigest() != self.header.sha256:
            raise CodeError(
                "the archive lacks the original's bytes, or they have another sha256 than the header names"
            )
        return found

    def section(self, name: str) -> bytes | None:
        """Bytes of a section; None where there is none. CodeError where they are damaged."""
        if name not in self.places:
            return None
        offset, length, crc = self.places[name]
        found = self.data[offset : offset + length]
        if len(found) != length or zlib.crc32(found) != crc:
            raise CodeError(f"the section {name!r} is damaged or cut short")
        return found

    def tile(self, number: int) -> bytes:
        """Bytes of a tile. CodeError, with its place, where they are damaged."""
        offset, length, crc = map(int, self.tile_places[number])
        found = self.data[offset : offset + length]
        if len(found) != length or zlib.crc32(found) != crc:
            raise CodeError(f"{self.tile_name(number)} is damaged or cut short")
        return found

    def tile_name(self, number: int) -> str:
        """For messages."""
        row, column = divmod(number, self.header.grid[1])
        return f"tile {number} (row {row}, column {column})"


def write(header: Header, sections: Mapping[str, bytes], tiles: list[bytes]) -> bytes:
    """The file."""
    index = np.array([(len(tile), zlib.crc32(tile)) for tile in tiles], "<u4").tobytes()
    parts = {**sections, TILES: index} if tiles else dict(sections)
    table = [[name, len(part), zlib.crc32(part)] for name, part in parts.items()]
    fields = {**header.__dict__, "facts": dict(header.facts), "sections": table}
    packed = zlib.compress(json.dumps(fields, separators=(",", ":")).encode(), 9)
    front = MAGIC + bytes([VERSION]) + len(packed).to_bytes(4, "little")
    return b"".join([front, zlib.crc32(packed).to_bytes(4, "little"), packed, *parts.values(), *tiles])


def keep_file(original: bytes, size: tuple[int, int], facts: Mapping[str, Any]) -> bytes:
    """A file that keeps an original's own bytes; a JPEG as JPEG XL, where that is at hand and smaller.

    size: width and height of its picture, px.
    """
    header = Header(*size, 0, 0, 0, 0, hashlib.sha256(original).hexdigest(), "", facts)
    transcoded = jpeg_xl.transcoded(original)
    if transcoded is not None and len(transcoded) < len(original):
        return write(header, {TRANSCODED: transcoded}, [])
    return write(header, {FILE: original}, [])


def unwrapped(data: bytes, max_pixels: int) -> bytes:
    """The original's bytes where `data` keeps them; else `data`. Errors: those of `original`."""
    if not data.startswith(MAGIC):
        return data
    file = read(data, max_pixels)
    return data if file.header.channels else file.original(max_pixels)


def read(data: bytes, max_pixels: int) -> Container:
    """Parse a file. CodeError for other bytes, for a damaged header, another version, or more pixels."""
    if not data.startswith(MAGIC):
        raise CodeError("not a .udl file: its first bytes are others")
    if len(data) < _FRONT:
        raise CodeError("the .udl file is cut short within its header")
    if data[len(MAGIC)] != VERSION:
        raise CodeError(
            f"the .udl file has version {data[len(MAGIC)]}, this package reads version {VERSION}; "
            "use the package that wrote it, or a newer one"
        )
    length = int.from_bytes(data[_FRONT - 8 : _FRONT - 4], "little")
    packed = data[_FRONT : _FRONT + length]
    if len(packed) != length or zlib.crc32(packed) != int.from_bytes(data[_FRONT - 4 : _FRONT], "little"):
        raise CodeError("the header of the .udl file is damaged or cut short")
    try:
        inflate = zlib.decompressobj()
        fields = json.loads(inflate.decompress(packed, _MOST_HEADER_BYTES), parse_constant=_refused)
        table = fields.pop("sections")
        header = Header(**fields)
        _check(header, max_pixels)
        places, offset = {}, _FRONT + length
        for name, size, crc in table:
            if _NAME.fullmatch(name) is None or size < 0:
                raise ValueError("a section without a name or a length")
            places[name] = (offset, int(size), int(crc))
            offset += int(size)
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, CodeError):
            raise
        raise CodeError(
            f"the header of the .udl file is not one that this package writes ({error})"
        ) from error
    return _with_tiles(Container(header, data, places, np.zeros((0, 3), np.int64)), offset)


def _refused(number: str) -> None:
    """For numbers that JSON does not have."""
    raise ValueError(f"{number} is no number of JSON")


def _check(header: Header, max_pixels: int) -> None:
    if any(type(getattr(header, name)) is not int for name in _NUMBERS):
        raise CodeError("the header of the .udl file has numbers of another type")
    if any(not isinstance(value, str) for value in (header.sha256, header.order)) or not isinstance(
        header.facts, dict
    ):
        raise CodeError("the header of the .udl file has fields of another type")
    if header.channels == 0:
        return
    valid = (
        header.channels in (1, 2, 3, 4) and header.depth in (8, 16) and header.tile in TILE_SIDES
        and 1 <= header.rounds <= MOST_ROUNDS and min(header.width, header.height) >= 1
    )  # fmt: skip
    if not valid:
        raise CodeError("the header of the .udl file describes pictures that this package does not write")
    if header.width * header.height > max_pixels:
        raise CodeError(
            f"the .udl file has {header.width}x{header.height} px, more than the {max_pixels / 1e6:.0f} "
            "megapixels allowed; it may be a decompression bomb"
        )


def _with_tiles(container: Container, offset: int) -> Container:
    count = len(container.header.tiles)
    index = container.section(TILES) if count else b""
    if index is None or len(index) != 8 * count:
        raise CodeError("the index of the .udl file's tiles does not fit its size")
    table = np.frombuffer(index, "<u4").reshape(count, 2).astype(np.int64)
    starts = offset + np.cumsum(table[:, 0]) - table[:, 0]
    return Container(container.header, container.data, container.places, np.column_stack([starts, table]))
