"""Picture -> TIFF file: classic, without loss, compressed and tiled as the file it came from."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Written
from underdrawing.data.containers.tiff import codec, tags
from underdrawing.data.containers.tiff.colours import alpha_place, multiply
from underdrawing.data.containers.tiff.layout import (
    ASSOCIATED,
    BLACK_IS_ZERO,
    RGB,
    UNASSOCIATED,
    WHITE_IS_ZERO,
)  # fmt: skip
from underdrawing.data.containers.tiff.metadata import ICC, ORIENTATION, written_description
from underdrawing.data.containers.tiff.native import TiffNative
from underdrawing.data.containers.tiff.tags import Tag
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

CARRIES = ("icc", "exif", "xmp", "iptc", "resolution", "depth")
_STRIP_BYTES = 1 << 17
_BAND_BYTES = 1 << 24
"""Samples that are in memory beside the picture and the file."""
_LARGEST_TILE = 4096
_LARGEST_PIXELS = 0xF0000000
"""Offsets of classic TIFF have 32 bits; the rest is for the directory."""


def write(picture: Picture, quality: int | None) -> Written:
    """quality: without effect. PictureError for files larger than classic TIFF holds."""
    native, notes = _fitting(picture)
    start = written_description(picture, native)
    samples = _Samples(picture, native)
    places: list[tuple[int, int]] = []
    file = io.BytesIO(start.head)
    file.seek(len(start.head))
    for segment in samples.segments(start.order):
        places.append((file.tell(), len(segment)))
        file.write(segment)
    if file.tell() > _LARGEST_PIXELS:
        raise PictureError("TIFF files of 4 GiB and more are not written")
    file.write(bytes(file.tell() % 2))
    own = {tag.id: tag for tag in (*start.tags, *samples.tags(places))}
    icc = fitting_icc(picture.icc, samples.gray)
    if icc:
        own[ICC] = tags.octets(ICC, icc)
    elif picture.icc:
        notes = (*notes, "colour profile left out: the file is written in another colour space")
    at = file.tell()
    file.write(tags.directory(list(own.values()), at, start.order))
    file.seek(4)
    file.write(struct.pack(start.order + "I", at))
    return Written(file.getvalue(), "TIFF", (*notes, *start.notes))


def _fitting(picture: Picture) -> tuple[TiffNative, tuple[str, ...]]:
    """The native part as it fits these pixels and what can be written, and notes."""
    native, notes = picture.native, list(shared.lost(picture, "TIFF", CARRIES))
    if not isinstance(native, TiffNative):
        return TiffNative(extra_kinds=() if picture.alpha is None else (UNASSOCIATED,)), tuple(notes)
    if native.planar:
        notes.append("the planes of the TIFF were written as interleaved samples")
    if native.compression not in (codec.NONE, *codec.ENCODERS):
        if native.compression != codec.OLD_DEFLATE:
            name = codec.NAMES[native.compression]
            notes.append(f"{name} compression became Deflate, which loses nothing")
        native = replace(native, compression=codec.DEFLATE, predictor=True)
    if native.tile and any(side % 16 or side > _LARGEST_TILE for side in native.tile):
        native = replace(native, tile=None)
    extras, place = native.extras, alpha_place(native.extra_kinds)
    if extras is not None and (
        extras.shape[:2] != picture.pixels.shape[:2] or extras.dtype != picture.pixels.dtype
    ):
        notes.append("samples beside colours and alpha left out, as the picture's size changed")
        extras = None
    if (place is None) != (picture.alpha is None) or extras is not native.extras:
        kinds = (0,) * (0 if extras is None else extras.shape[2])
        kinds = kinds if picture.alpha is None else (UNASSOCIATED, *kinds)
        native = replace(native, extras=extras, extra_kinds=kinds)
    return native, tuple(notes)


class _Samples:
    """The samples of a picture, as strips or tiles of a file."""

    def __init__(self, picture: Picture, native: TiffNative):
        self.picture, self.native = picture, native
        self.height, self.width = picture.pixels.shape[:2]
        self.bytes = picture.pixels.dtype.itemsize
        # few readers know 16-bit gray with alpha
        rare = self.bytes > 1 and picture.alpha is not None and picture.native is None
        self.gray = picture.gray and not rare
        self.count = (1 if self.gray else 3) + len(native.extra_kinds)
        row_bytes = self.width * self.count * self.bytes
        self.segment = native.tile or (min(self.height, max(1, _STRIP_BYTES // row_bytes)), self.width)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of segments."""
        return -(-self.height // self.segment[0]), -(-self.width // self.segment[1])

    def segments(self, order: str) -> Iterator[bytes]:
        """The compressed segments, row by row of the grid."""
        height = self.segment[0]
        rows = max(1, _BAND_BYTES // (height * self.width * self.count * self.bytes))
        for row in range(0, self.grid[0], rows):
            band = self._band(row * height, min((row + rows) * height, self.height))
            yield from codec.compress(self._packed(self._tiles(band), order), height, self.native.compression)

    def _band(self, top: int, bottom: int) -> np.ndarray:
        """Samples (rows, W, n) of some rows."""
        picture, native = self.picture, self.native
        pixels = picture.pixels[top:bottom]
        colours = pixels[..., :1] if self.gray else pixels
        alpha = None if picture.alpha is None else picture.alpha[top:bottom]
        place = alpha_place(native.extra_kinds)
        if alpha is not None and place is not None and native.extra_kinds[place] == ASSOCIATED:
            colours = multiply(colours, alpha)
        if self._photometric == WHITE_IS_ZERO:
            colours = np.iinfo(colours.dtype).max - colours
        others = [] if native.extras is None else list(np.moveaxis(native.extras[top:bottom], 2, 0))
        if alpha is not None and place is not None:
            others.insert(place, alpha)
        return np.dstack([colours, *others]) if others else colours

    def _tiles(self, part: np.ndarray) -> np.ndarray:
        """The same samples, tiles below each other; the last ones of the grid repeat their edge."""
        if self.native.tile is None:
            return part
        (height, width), columns = self.segment, self.grid[1]
        missing = -len(part) % height, columns * width - self.width
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        tiles = part.reshape(-1, height, columns, width, part.shape[2]).swapaxes(1, 2)
        return tiles.reshape(-1, width, part.shape[2])

    def _packed(self, values: np.ndarray, order: str) -> np.ndarray:
        """Bytes (rows, bytes of a row)."""
        if self._predicted:
            values = np.concatenate([values[:, :1], np.diff(values, axis=1)], axis=1)
        values = np.ascontiguousarray(values, values.dtype.newbyteorder(order))
        return values.reshape(len(values), -1).view(np.uint8)

    @property
    def _predicted(self) -> bool:
        return self.native.predictor and self.native.compression != codec.NONE

    @property
    def _photometric(self) -> int:
        if not self.gray:
            return RGB
        return WHITE_IS_ZERO if self.native.white_is_zero else BLACK_IS_ZERO

    def tags(self, places: list[tuple[int, int]]) -> list[Tag]:
        """That describe the pixels. places: offset and bytes of each segment."""
        native, (height, width) = self.native, self.segment
        own = [
            tags.longs(256, [self.width]), tags.longs(257, [self.height]),
            tags.shorts(258, *[8 * self.bytes] * self.count), tags.shorts(259, native.compression),
            tags.shorts(262, self._photometric), tags.shorts(ORIENTATION, 1), tags.shorts(277, self.count),
            tags.shorts(284, 1),
        ]  # fmt: skip
        offsets, counts = 273, 279
        if native.tile is None:
            own.append(tags.longs(278, [height]))
        else:
            offsets, counts = 324, 325
            own += [tags.longs(322, [width]), tags.longs(323, [height])]
        own += [
            tags.longs(offsets, [start for start, _ in places]),
            tags.longs(counts, [size for _, size in places]),
        ]
        own += [tags.shorts(317, 2)] if self._predicted else []
        return own + ([tags.shorts(338, *native.extra_kinds)] if native.extra_kinds else [])
