"""Layout of the pixels of a TIFF page: what its tags state, with defaults, checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.tiff import codec
from underdrawing.data.containers.tiff.tags import Directory

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
ASSOCIATED, UNASSOCIATED = 1, 2
"""Values of ExtraSamples: alpha by which the colours are multiplied, and other alpha; 0 is no alpha."""
_COREL_ALPHA = 999
_COLOURS = {
    WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3,
}  # fmt: skip
_REFUSED = {
    MASK: "a transparency mask", 10: "ITU L*a*b*", 32803: "raw sensor data (CFA)", 34892: "raw sensor data",
    32844: "LogL", 32845: "LogLuv", 51177: "a depth map", 52527: "a semantic mask",
}  # fmt: skip
_FORMATS = {2: "signed integers", 3: "floating-point numbers", 5: "complex integers", 6: "complex numbers"}
_MAX_SAMPLES = 64
_MAX_SEGMENTS = 1 << 20
_MAX_DECODED_BYTES = 1 << 30
_MAX_SHARED_BYTES = 1 << 28
"""Of all segments, where they share bytes of the file."""


@dataclass(frozen=True)
class Layout:
    width: int
    height: int
    bits: int
    """Of a sample."""
    photometric: int
    colours: int
    extra_kinds: tuple[int, ...]
    """ExtraSamples of the samples after the colours."""
    planar: bool
    compression: int
    predictor: bool
    fill_order: int
    tiled: bool
    segment: tuple[int, int]
    """Height and width of a strip or tile; the last strip has what is left."""
    places: np.ndarray
    """(N, 2): offset and bytes of each strip or tile."""

    @property
    def samples(self) -> int:
        return self.colours + len(self.extra_kinds)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of segments."""
        return -(-self.height // self.segment[0]), -(-self.width // self.segment[1])

    @property
    def chunk(self) -> int:
        """Samples of a pixel within a segment."""
        return 1 if self.planar else self.samples

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of a segment."""
        return -(-self.segment[1] * self.chunk * self.bits // 8)


def read_layout(page: Directory, max_pixels: int) -> Layout:
    """The layout of a page. PictureError for what is not read, in words, and for contradictions."""
    width, height = page.number(256, 0), page.number(257, 0)
    if not width or not height:
        raise PictureError("a TIFF without width or height")
    if width * height > max_pixels:
        raise PictureError(f"{width}x{height} is more than the {max_pixels / 1e6:.0f} megapixels allowed")
    compression = page.number(259, codec.NONE)
    codec.check(compression)
    photometric, colours, kinds = _samples(page, compression)
    bits = _bits(page, colours + len(kinds))
    if width * height * (colours + len(kinds)) * (2 if bits > 8 else 1) > _MAX_DECODED_BYTES:
        raise PictureError(
            f"{width}x{height} with {colours + len(kinds)} samples is more than can be decoded"
        )
    predictor = page.number(317, 1)
    if predictor not in (1, 2) or (predictor == 2 and bits not in (8, 16)):
        raise PictureError(f"predictor {predictor} with {bits}-bit samples cannot be read")
    tiled = 324 in page.fields or 322 in page.fields
    if tiled:
        segment = page.number(323, 0), page.number(322, 0)
    else:
        segment = min(page.number(278, height) or height, height), width
    if not all(0 < side <= 1 << 20 for side in segment) and tiled:
        raise PictureError(f"tiles of {segment[1]}x{segment[0]} pixels")
    layout = Layout(
        width, height, bits, photometric, colours, kinds,
        planar=page.number(284, 1) == 2 and colours + len(kinds) > 1,
        compression=compression,
        predictor=predictor == 2 and compression in codec.OF_BYTES,
        fill_order=page.number(266, 1),
        tiled=tiled, segment=segment, places=np.zeros((0, 2), np.int64),
    )  # fmt: skip
    if segment[0] * layout.row_bytes > _MAX_DECODED_BYTES:
        raise PictureError(f"tiles of {segment[1]}x{segment[0]} pixels")
    return _with_places(layout, page)


def _samples(page: Directory, compression: int) -> tuple[int, int, tuple[int, ...]]:
    """Photometric interpretation, colours, and kinds of the extra samples."""
    count = page.number(277, 0)
    photometric = page.number(262, -1)
    if photometric == -1:  # as libtiff assumes
        photometric = RGB if count >= 3 else BLACK_IS_ZERO
        if compression in (codec.CCITT_RLE, codec.CCITT_T4, codec.CCITT_T6):
            photometric = WHITE_IS_ZERO
    if photometric not in _COLOURS:
        raise PictureError(
            f"TIFF of {_REFUSED.get(photometric, f'photometric {photometric}')} cannot be read"
        )
    if photometric == CMYK and page.number(332, 1) != 1:
        raise PictureError("TIFF of inks other than CMYK cannot be read")
    colours = _COLOURS[photometric]
    count = count or colours
    if not colours <= count <= _MAX_SAMPLES:
        raise PictureError(f"{count} samples a pixel; expected {colours} to {_MAX_SAMPLES}")
    kinds = [int(kind) for kind in page.numbers(338)[: count - colours]]
    if (photometric, count, kinds) in ((RGB, 4, []), (RGB, 4, [_COREL_ALPHA])):  # as most readers take them
        kinds = [UNASSOCIATED]
    return photometric, colours, (*kinds, *[0] * (count - colours - len(kinds)))


def _bits(page: Directory, samples: int) -> int:
    formats = set(page.numbers(339)[:samples].tolist()) - {1, 4}
    if formats:
        name = _FORMATS.get(min(formats), f"sample format {min(formats)}")
        raise PictureError(f"pixels that are {name} cannot be worked with; expected 8 or 16 bits, unsigned")
    found = sorted(set(page.numbers(258)[:samples].tolist()) or {1})
    if len(found) > 1 or not 1 <= found[0] <= 16:
        text = " and ".join(map(str, found))
        raise PictureError(
            f"{text} bits a sample cannot be worked with; expected 1 to 16, in all samples the same"
        )
    return found[0]


def _with_places(layout: Layout, page: Directory) -> Layout:
    rows, columns = layout.grid
    needed = rows * columns * (layout.samples if layout.planar else 1)
    if needed > _MAX_SEGMENTS:
        raise PictureError(f"{needed} strips or tiles; at most {_MAX_SEGMENTS} are read")
    if needed * layout.segment[0] * layout.row_bytes > 2 * _MAX_DECODED_BYTES:
        raise PictureError("strips or tiles with many more pixels than the picture")
    offsets = page.numbers(324 if 324 in page.fields else 273).astype(np.int64)[:needed]
    counts = page.numbers(325 if 325 in page.fields else 279).astype(np.int64)[:needed]
    if len(offsets) < needed:
        raise PictureError(f"damaged or cut short: {len(offsets)} of {needed} strips or tiles")
    size = len(page.file.data)
    if len(counts) < needed:  # some old writers leave them out
        ends = np.append(np.sort(offsets), size)
        counts = ends[np.searchsorted(ends, offsets, side="right").clip(max=needed)] - offsets
    if layout.compression == codec.NONE:
        heights = np.full(rows, layout.segment[0])
        if not layout.tiled:
            heights[-1] = layout.height - (rows - 1) * layout.segment[0]
        whole = np.tile(np.repeat(heights, columns), needed // (rows * columns)) * layout.row_bytes
        counts = np.where(counts < whole, whole, counts) if needed == 1 else counts
        if (counts < whole).any():
            raise PictureError("damaged or cut short: a strip or tile has too few bytes")
        counts = whole
    if (offsets < 0).any() or (counts < 1).any() or (counts > size - offsets).any():
        raise PictureError("damaged or cut short: a strip or tile lies beyond the end of the file")
    if counts.sum() > max(8 * size, _MAX_SHARED_BYTES):
        raise PictureError("strips or tiles that overlap")
    return replace(layout, places=np.stack([offsets, counts], axis=1))
