"""Compression of strips and tiles, by the libtiff in Pillow.

libtiff reads and writes a run of strips or tiles as one tall gray picture with 8 bits a pixel, a pixel for
each byte. So one decoder serves every depth, planar configuration and tile grid, and this package arranges
the bytes. Compressions that depend on pixels (JPEG, CCITT, WebP) are decoded as pictures.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.tiff import tags
from underdrawing.data.containers.tiff.tags import Tag

NONE, CCITT_RLE, CCITT_T4, CCITT_T6, LZW, JPEG, DEFLATE, PACKBITS = 1, 2, 3, 4, 5, 7, 8, 32773
OLD_DEFLATE, LZMA, ZSTD, WEBP = 32946, 34925, 50000, 50001
NAMES = {
    NONE: "no", CCITT_RLE: "CCITT RLE", CCITT_T4: "CCITT Group 3", CCITT_T6: "CCITT Group 4", LZW: "LZW",
    6: "old-style JPEG", JPEG: "JPEG", DEFLATE: "Deflate", 9: "JBIG", 10: "JBIG", 32766: "NeXT",
    32771: "CCITT RLE", PACKBITS: "PackBits", 32809: "ThunderScan", OLD_DEFLATE: "Deflate", 34661: "JBIG",
    33003: "JPEG 2000", 33005: "JPEG 2000", 34676: "SGILog", 34677: "SGILog", 34712: "JPEG 2000",
    34713: "Nikon NEF", 34887: "LERC", LZMA: "LZMA", 34892: "lossy DNG", ZSTD: "Zstandard", WEBP: "WebP",
    50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
ENCODERS = {
    LZW: "tiff_lzw", DEFLATE: "tiff_adobe_deflate", PACKBITS: "packbits", LZMA: "lzma", ZSTD: "zstd",
}  # fmt: skip
"""Pillow's names."""
OF_BYTES = (*ENCODERS, OLD_DEFLATE)
OF_PICTURES = (CCITT_RLE, CCITT_T4, CCITT_T6, JPEG)
_HEADER_BYTES = 8
_PILLOW_PIXELS = 170_000_000
"""Below the size at which Pillow takes a picture for a decompression bomb; sizes are checked before."""


def expand(
    segments: Sequence[memoryview], shape: tuple[int, int], rows: int, compression: int, fill_order: int
) -> np.ndarray:
    """Bytes (rows of all, bytes of a row) of segments with `rows` rows each, the last with fewer."""
    height, row_bytes = shape
    bands = 1
    if height * row_bytes > _PILLOW_PIXELS:  # the same bytes as pixels of several
        bands = next((n for n in (4, 3) if row_bytes % n == 0), 1)
    layout = [
        tags.shorts(258, *[8] * bands), tags.shorts(259, compression), tags.shorts(266, fill_order),
        tags.shorts(262, {1: 1, 3: 2, 4: 5}[bands]), tags.shorts(277, bands),
        tags.longs(256, [row_bytes // bands]), tags.longs(257, [height]), tags.longs(278, [rows]),
    ]  # fmt: skip
    with picture_of(segments, layout, "<") as image:
        return np.asarray(image).reshape(shape)


def picture_of(
    segments: Sequence[memoryview], layout: Sequence[Tag], order: str, tiled: bool = False
) -> Image.Image:
    """A TIFF of these segments with these tags and no others, as Pillow decodes it."""
    counts = [len(segment) for segment in segments]
    starts = _HEADER_BYTES + np.cumsum([0, *counts])
    offsets, sizes = (324, 325) if tiled else (273, 279)
    layout = [*layout, tags.longs(offsets, starts[:-1].tolist()), tags.longs(sizes, counts)]
    padding = bytes(int(starts[-1]) % 2)
    end = int(starts[-1]) + len(padding)
    parts = [tags.header(order, end), *segments, padding, tags.directory(layout, end, order)]
    image = Image.open(io.BytesIO(b"".join(parts)), formats=["TIFF"])
    image.load()
    return image


def compress(values: np.ndarray, rows: int, compression: int) -> list[bytes]:
    """Segments of `rows` rows each, the last with fewer, from bytes (rows of all, bytes of a row)."""
    if compression == NONE:
        return [values[top : top + rows].tobytes() for top in range(0, len(values), rows)]
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", compression=ENCODERS[compression], tiffinfo={278: rows})
    file = tags.File(buffer.getvalue())
    page = tags.Directory(file, file.first)
    places = zip(page.numbers(273).tolist(), page.numbers(279).tolist(), strict=True)
    return [file.data[start : start + count] for start, count in places]


def check(compression: int) -> None:
    """PictureError, naming the compression, where no decoder reads it."""
    if compression not in (NONE, WEBP, *OF_BYTES, *OF_PICTURES):
        name = NAMES.get(compression, f"unknown (number {compression})")
        raise PictureError(f"{name} compression in TIFF cannot be read; save it with LZW, Deflate or none")
