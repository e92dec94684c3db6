"""Picture: pixels with their colour profile and metadata."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image

from underdrawing.core.errors import ShapeError
from underdrawing.data.exif import upright_exif
from underdrawing.data.metadata import fitting_icc

_STEP = 257
"""Between two 8-bit levels in 16 bits."""
_ROWS = 64
"""That are computed at a time, to need little memory."""


class Resolution(NamedTuple):
    """Pixels for each unit of length, or with unit "aspect" the shape of a pixel."""

    x: float
    y: float
    unit: str
    """inch, cm or aspect."""


class Text(NamedTuple):
    """A text of a file with its keyword, as in a PNG."""

    keyword: str
    text: str


class Cicp(NamedTuple):
    """Colour by the code points of ITU-T H.273, as in AVIF, HEIF and PNG."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool

    @property
    def is_srgb(self) -> bool:
        """Whether viewers show it as a picture without a statement of colour: sRGB, BT.709 or unspecified."""
        return self.primaries in (1, 2) and self.transfer in (1, 2, 6, 13)


class Native(Protocol):
    """What only one container can carry, as its module reads it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parts, for the notes on a file that lacks them; only of parts that somebody would miss."""
        ...


@dataclass(frozen=True, repr=False)
class Picture:
    """A decoded, upright picture with the metadata that can be written again."""

    pixels: np.ndarray
    """(H, W, 3) uint8, or uint16 from 16-bit files, RGB in the colour profile `icc`."""
    alpha: np.ndarray | None
    """(H, W) of the same type; None for an opaque picture."""
    gray: bool
    """The file had one colour channel; it is written with one where the format allows."""
    format: str
    """Pillow's name: JPEG, PNG, WEBP, AVIF, TIFF, HEIF, BMP or UDL."""
    icc: bytes | None
    exif: bytes | None
    """With the header "Exif" and two zeros, and with orientation 1, as the pixels are upright."""
    xmp: bytes | None
    """One packet, with orientation 1, without promises of what only `native` holds."""
    quality: int | None = None
    """Quality of a JPEG file on libjpeg's scale, 1..100; 100 for lossless WebP; None for other files. A JPEG
    file is written with at least this one."""
    iptc: bytes | None = None
    """Photoshop image resources ("8BIM" blocks, with IPTC in resource 0x0404), as in JPEG's APP13."""
    comments: tuple[bytes, ...] = ()
    resolution: Resolution | None = None
    texts: tuple[Text, ...] = ()
    cicp: Cicp | None = None
    native: Native | None = None
    """What only its container can carry, as the container's module reads it; written again in that one."""
    credentials: bool = False
    """Whether the file has Content Credentials."""
    incomplete: bool = False
    """The file is cut short: rows are missing, and have the colour that the decoder gives them."""
    notes: tuple[str, ...] = ()
    """What reading left out, converted or tolerated, a sentence each."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return self.pixels if self.pixels.dtype == np.uint8 else to_8_bits(self.pixels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """(H, W), (H, W, 3) or, with alpha, (H, W, 4), of the type of `pixels`; always a copy."""
        channels = self.pixels[..., :1] if self.gray and self.alpha is None else self.pixels
        values = channels if self.alpha is None else np.dstack([channels, self.alpha])
        values = values[..., 0] if values.shape[2] == 1 else values
        return np.array(values, dtype=dtype)

    def to_pil(self) -> Image.Image:
        """A PIL image of 8 bits a channel: L, LA, RGB or RGBA; its `info` has profile, EXIF and XMP."""
        pixels = self.image[..., :1] if self.gray else self.image
        if self.alpha is not None:
            alpha = self.alpha if self.alpha.dtype == np.uint8 else to_8_bits(self.alpha)
            pixels = np.dstack([pixels, alpha])
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))
        blocks = {"icc_profile": self.icc, "exif": self.exif, "xmp": self.xmp}
        image.info |= {name: block for name, block in blocks.items() if block}
        return image

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        kind = ("gray" if self.gray else "RGB") + (" with alpha" if self.alpha is not None else "")
        return f"<Picture {width}x{height} {kind}, {8 * self.pixels.itemsize} bits, {self.format}>"

    def _repr_png_(self) -> bytes:
        """For notebooks."""
        buffer = io.BytesIO()
        self.to_pil().save(buffer, "PNG")
        return buffer.getvalue()

    @property
    def shown(self) -> np.ndarray:
        """(H, W, 3) uint8, on white where the picture is transparent: what a page shows of it. The colours
        below alpha 0 are not part of it: lossy WebP changes them, and no viewer shows them."""
        if self.alpha is None:
            return self.image
        alpha = self.alpha if self.alpha.dtype == np.uint8 else to_8_bits(self.alpha)
        darker = (255 - self.image).astype(np.uint16) * alpha[..., None]
        return 255 - ((darker + np.uint16(127)) // np.uint16(255)).astype(np.uint8)

    def with_image(self, image_u8: np.ndarray) -> Picture:
        """The picture with other pixels, (H', W', 3) uint8; alpha is dropped where the size changes."""
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
            raise ShapeError(f"expected (H, W, 3) uint8, got {image_u8.shape} {image_u8.dtype}")
        same_size = image_u8.shape == self.pixels.shape
        gray = self.gray and bool((image_u8 == image_u8[..., :1]).all())
        pixels = image_u8
        if self.pixels.dtype == np.uint16:
            pixels = _changed(self.pixels, image_u8) if same_size else image_u8 * np.uint16(_STEP)
        icc = fitting_icc(self.icc, gray) if gray != self.gray else self.icc
        if same_size:
            return replace(self, pixels=pixels, gray=gray, icc=icc)
        exif = upright_exif(self.exif, (image_u8.shape[1], image_u8.shape[0]))
        return replace(self, pixels=pixels, alpha=None, gray=gray, icc=icc, exif=exif)


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """The nearest uint8 level of uint16 values."""
    levels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        part = slice(top, top + _ROWS)
        levels[part] = (values[part].astype(np.uint32) + 128) // _STEP
    return levels


def _changed(values_u16: np.ndarray, image_u8: np.ndarray) -> np.ndarray:
    """The values, moved by as many 8-bit levels as the image differs from them; lower bits stay."""
    moved = np.empty_like(values_u16)
    for top in range(0, len(moved), _ROWS):
        own, new = values_u16[top : top + _ROWS], image_u8[top : top + _ROWS].astype(np.int32)
        moved[top : top + _ROWS] = np.clip(own + (new - to_8_bits(own)) * _STEP, 0, 0xFFFF)
    return moved
