"""Samples of a TIFF page: strips and tiles -> (H, W, samples), and back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.tiff import codec, tags
from underdrawing.data.containers.tiff.layout import (
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    RGB,
    UNASSOCIATED,
    YCBCR,
    Layout,
)
from underdrawing.data.containers.tiff.tags import Directory

_BATCH_BYTES = 1 << 25
"""Decompressed bytes that are in memory beside the result."""
_BIT_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)), bitorder="little")
_UNPACKED_BYTES = 1 << 20
"""That become samples at a time: of fewer than 8 bits, every bit becomes a byte."""
_PICTURE_TAGS = (258, 266, 277, 284, 292, 293, 338, 347, 529, 530, 531, 532)
"""What a decoder of JPEG, CCITT or YCbCr needs to know."""
_PHOTOMETRIC = {
    "1": BLACK_IS_ZERO, "L": BLACK_IS_ZERO, "LA": BLACK_IS_ZERO, "RGB": RGB, "RGBA": RGB, "CMYK": CMYK,
    "LAB": CIELAB,
}  # fmt: skip
"""Of Pillow's modes."""


def read_samples(page: Directory, layout: Layout) -> tuple[np.ndarray, Layout]:
    """Samples (H, W, n) uint8, or uint16 where they have more than 8 bits; and the layout they are now in.

    Those of YCbCr, JPEG and CCITT are as Pillow shows them, the others as stored.
    """
    if layout.compression in codec.OF_PICTURES or layout.photometric == YCBCR:
        return _decoded(page, layout)
    values = np.empty(
        (layout.height, layout.width, layout.samples), np.uint16 if layout.bits > 8 else np.uint8
    )
    rows, columns = layout.grid
    height, width = layout.segment
    step = max(1, _UNPACKED_BYTES // layout.row_bytes)
    for number, block in _blocks(page, layout):
        plane, place = divmod(number, rows * columns)
        top, left = height * (place // columns), width * (place % columns)
        target = values[top : top + height, left : left + width]
        if layout.planar:
            target = target[..., plane : plane + 1]
        for first in range(0, len(target), step):
            part = target[first : first + step]
            part[:] = _unpacked(block[first : first + len(part)], layout, page.file.order)[:, : part.shape[1]]
    return values, layout


def _blocks(page: Directory, layout: Layout) -> Iterator[tuple[int, np.ndarray]]:
    """Number and bytes (rows, bytes of a row) of each strip or tile."""
    height = layout.segment[0]
    per_plane = len(layout.places) // (layout.samples if layout.planar else 1)
    batch = 1 if layout.compression == codec.WEBP else max(1, _BATCH_BYTES // (height * layout.row_bytes))
    for start in range(0, len(layout.places), per_plane):
        for first in range(start, start + per_plane, batch):
            last = min(first + batch, start + per_plane)
            end = last == start + per_plane and not layout.tiled
            short = layout.grid[0] * height - layout.height if end else 0
            total = (last - first) * height - short
            packed = _bytes(page, layout, layout.places[first:last].tolist(), total)
            for number in range(first, last):
                yield number, packed[(number - first) * height : (number - first + 1) * height]


def _bytes(page: Directory, layout: Layout, places: list[list[int]], total: int) -> np.ndarray:
    """Decompressed bytes (total rows, bytes of a row) of consecutive segments."""
    data, shape = page.file.data, (total, layout.row_bytes)
    if layout.compression == codec.NONE:
        parts = [np.frombuffer(data, np.uint8, count, start) for start, count in places]
        values = (parts[0] if len(parts) == 1 else np.concatenate(parts)).reshape(shape)
        return _BIT_REVERSED[values] if layout.fill_order == 2 else values
    view = memoryview(data)
    segments = [view[start : start + count] for start, count in places]
    if layout.compression == codec.WEBP:
        with Image.open(io.BytesIO(segments[0]), formats=["WEBP"]) as image:
            if image.size != (layout.segment[1], total) or len(image.getbands()) != layout.chunk:
                raise PictureError("a WebP strip or tile of another size")
            return np.asarray(image).reshape(shape)
    return codec.expand(segments, shape, layout.segment[0], layout.compression, layout.fill_order)


def _unpacked(packed: np.ndarray, layout: Layout, order: str) -> np.ndarray:
    """Samples (rows, columns, samples) from the bytes (rows, bytes of a row) of a segment."""
    shape = len(packed), layout.segment[1], layout.chunk
    if layout.bits == 8:
        values = packed.reshape(shape)
    elif layout.bits == 16:
        values = np.ascontiguousarray(packed).view(order + "u2").reshape(shape)
    else:
        values = _unpacked_bits(packed, shape, layout.bits)
    if layout.predictor:
        values = np.cumsum(values, axis=1, dtype=values.dtype.newbyteorder("="))
    return values


def _unpacked_bits(packed: np.ndarray, shape: tuple[int, int, int], bits: int) -> np.ndarray:
    """Samples of 1..7 or 9..15 bits."""
    kind = np.uint8 if bits < 8 else np.uint16
    weights = (1 << np.arange(bits)[::-1]).astype(kind)
    each = np.unpackbits(packed, axis=1, count=shape[1] * shape[2] * bits)
    return (each.reshape(*shape, bits) * weights).sum(axis=-1, dtype=kind)


def _decoded(page: Directory, layout: Layout) -> tuple[np.ndarray, Layout]:
    """As read_samples, for pictures that libtiff has to decode as such."""
    own = [page.tag(id) for id in _PICTURE_TAGS if id in page.fields and page.fields[id].kind in tags.PLAIN]
    own += [tags.longs(256, [layout.width]), tags.longs(257, [layout.height])]
    own += [tags.shorts(259, layout.compression), tags.shorts(262, layout.photometric)]
    height, width = layout.segment
    own += (
        [tags.longs(322, [width]), tags.longs(323, [height])] if layout.tiled else [tags.longs(278, [height])]
    )
    view = memoryview(page.file.data)
    segments = [view[start : start + count] for start, count in layout.places.tolist()]
    with codec.picture_of(segments, own, "<", layout.tiled) as image:
        if image.size != (layout.width, layout.height) or image.mode not in _PHOTOMETRIC:
            raise PictureError(f"{layout.bits}-bit pixels in {codec.NAMES[layout.compression]} compression")
        values = np.asarray(image)
        alpha = image.mode in ("LA", "RGBA")
        photometric = _PHOTOMETRIC[image.mode]
    values = values.reshape(layout.height, layout.width, -1)
    if values.dtype == bool:
        values = values * np.uint8(255)
    kinds = (UNASSOCIATED,) if alpha else ()
    colours = values.shape[2] - len(kinds)
    return values, replace(layout, bits=8, photometric=photometric, colours=colours, extra_kinds=kinds)
