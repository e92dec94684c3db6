"""Encoders: a Picture to the bytes of a file, at a quality that preserves the mark."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from underdrawing.core.errors import MissingExtraError, PictureError
from underdrawing.data import sixteen_bit
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture, to_8_bits

SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP",
    ".avif": "AVIF", ".tif": "TIFF", ".tiff": "TIFF", ".heic": "HEIF", ".heif": "HEIF", ".hif": "HEIF",
    ".bmp": "BMP",
}  # fmt: skip
DEFAULTS: dict[str, dict] = {
    "JPEG": {"quality": 95, "subsampling": 0, "optimize": True},
    "PNG": {"compress_level": 4},
    "WEBP": {"quality": 98, "method": 4},  # at 95 a quarter of photographs lose their top layer
    "AVIF": {"quality": 90, "subsampling": "4:4:4", "speed": 7},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "HEIF": {"quality": 90, "chroma": 444},
    "BMP": {},
}
"""Default options of each format. A JPEG of higher quality keeps it, a lossless WebP stays lossless."""
_WITH_QUALITY = ("JPEG", "WEBP", "AVIF", "HEIF")
_WITH_METADATA = ("JPEG", "WEBP", "AVIF", "TIFF", "HEIF")
_WITHOUT_ALPHA = ("JPEG", "BMP")
_WITHOUT_GRAY = ("WEBP", "AVIF", "HEIF")
_JPEG_SEGMENT_BYTES = 65533
_XMP_TAG = 700
_XMP_KEY = "XML:com.adobe.xmp"
_LUMA_TABLE_SUM_50 = 3688
"""Sum of the JPEG standard's luma table (ITU-T T.81, table K.1), libjpeg's quality 50."""


def format_of(path: Path) -> str | None:
    """The format of a path's suffix; None without a suffix. PictureError for unsupported suffixes."""
    suffix = path.suffix.lower()
    if not suffix:
        return None
    if suffix not in SUFFIXES:
        raise PictureError(f"{suffix} is no format written here; expected {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def quality_of(image: Image.Image, data: bytes) -> int | None:
    """Estimate the quality of a file: of JPEG by its luma table; 100 for lossless WebP; None for others."""
    if image.format == "WEBP":
        return 100 if data[12:16] == b"VP8L" or b"VP8L" in data[:4096] else None
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    total = sum(tables[min(tables)])
    if total <= 64:  # steps of 1 throughout
        return 100
    scale = 100 * total / _LUMA_TABLE_SUM_50  # inverse of libjpeg's scaling
    return int(np.clip(round(100 - scale / 2 if scale <= 100 else 5000 / scale), 1, 99))


def encode(picture: Picture, name: str, quality: int | None = None) -> bytes:
    """The bytes of a file in Pillow's format `name`. PictureError where it cannot hold the picture."""
    if name not in DEFAULTS:
        raise PictureError(f"{name} is no format written here; expected {', '.join(DEFAULTS)}")
    alpha = picture.alpha
    if name in _WITHOUT_ALPHA and alpha is not None:
        if (alpha != np.iinfo(alpha.dtype).max).any():
            raise PictureError(f"{name} holds no transparency; write PNG, WebP, AVIF or TIFF instead")
        alpha = None
    gray = picture.gray and name not in _WITHOUT_GRAY
    icc = fitting_icc(picture.icc, gray)
    if picture.pixels.dtype == np.uint16 and name in ("PNG", "TIFF"):
        return sixteen_bit.encode(picture, name, icc)
    image = _image(picture, alpha, gray)
    options = DEFAULTS[name] | _quality_options(picture, name, quality)
    options |= _metadata_options(picture, name, icc)
    if name == "HEIF":
        register_heif()
    buffer = io.BytesIO()
    image.save(buffer, format=name, **options)
    return buffer.getvalue()


def _image(picture: Picture, alpha: np.ndarray | None, gray: bool) -> Image.Image:
    pixels = picture.image
    if alpha is None:
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0]) if gray else np.ascontiguousarray(pixels))
    alpha = alpha if alpha.dtype == np.uint8 else to_8_bits(alpha)
    return Image.fromarray(np.dstack([pixels[..., :1] if gray else pixels, alpha]))


def _quality_options(picture: Picture, name: str, quality: int | None) -> dict:
    if name not in _WITH_QUALITY:
        return {}
    if quality is not None:
        if not 1 <= quality <= 100:
            raise PictureError(f"expected a quality from 1 to 100, got {quality}")
        return {"quality": quality}
    if picture.format != name or picture.quality is None:
        return {}
    if name == "WEBP" and picture.quality == 100:
        # `exact` keeps the colours of transparent pixels, which contain the mark, too
        return {"lossless": True, "exact": True, "quality": 50}
    return {"quality": max(DEFAULTS[name]["quality"], picture.quality)}


def _metadata_options(picture: Picture, name: str, icc: bytes | None) -> dict:
    exif, xmp = picture.exif, picture.xmp
    options: dict = {"icc_profile": icc} if icc and name != "BMP" else {}
    if name == "PNG":
        if xmp:
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt(_XMP_KEY, xmp.decode("utf-8", "replace"))
        return options | ({"exif": exif} if exif else {})
    if name not in _WITH_METADATA:
        return options
    if name == "JPEG":  # larger blocks do not fit into a JPEG segment
        exif = exif if exif and len(exif) <= _JPEG_SEGMENT_BYTES else None
        xmp = xmp if xmp and len(xmp) <= _JPEG_SEGMENT_BYTES - 29 else None
    if name == "TIFF" and xmp:
        tags = Image.Exif()
        tags.load(exif or b"")
        tags[_XMP_TAG] = xmp
        return options | {"exif": tags}
    return options | ({"exif": exif} if exif else {}) | ({"xmp": xmp} if xmp else {})


def register_heif() -> None:
    """Register the HEIF plugin of Pillow. MissingExtraError where pillow-heif is not installed."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("HEIC needs pillow-heif: pip install 'underdrawing[formats]'") from error
    pillow_heif.register_heif_opener()
