"""What the containers share: opening by Pillow, channels, upright pixels, checks."""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from underdrawing.core.errors import PictureError
from underdrawing.data.picture import Picture, to_8_bits

_TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""What makes a picture of each EXIF orientation upright."""
_NAMES = {
    "icc": "colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC and Photoshop resources",
    "comments": "comment",
    "resolution": "resolution",
    "texts": "text",
    "cicp": "colour code points (CICP)",
}
"""Of the fields of Picture that not every container carries."""
_GRAY_MODES = ("1", "L", "LA", "La")


def opened(data: bytes, format: str, max_pixels: int) -> Image.Image:
    """The file opened by Pillow, its header checked and its pixels not decoded yet."""
    image = Image.open(io.BytesIO(data), formats=[format])
    check_size(image, max_pixels)
    return image


def refused_animation(what: str) -> PictureError:
    """The error for an animated file, where a still picture is expected. what: such as "it has 3 frames"."""
    return PictureError(
        f"{what}: still pictures are expected here; protect and verify take GIF, animated PNG and animated "
        "WebP where the weights of gifguard are installed"
    )


def check_size(image: Image.Image, max_pixels: int) -> None:
    """PictureError for more than `max_pixels`, and for several frames or pages."""
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(f"{width}x{height} is more than the {max_pixels / 1e6:.0f} megapixels allowed")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "HEIF"):  # those hold previews beside the one picture
        raise refused_animation(f"it has {frames} frames")


def upright(array: np.ndarray | None, turn: int) -> np.ndarray | None:
    """The array as shown, from its EXIF orientation 1..8; other values leave it as it is."""
    return None if array is None else np.ascontiguousarray(_TURNS.get(turn, _TURNS[1])(array))


def lost(picture: Picture, format: str, carries: Collection[str]) -> tuple[str, ...]:
    """Notes on what the picture has and a file of `format` lacks.

    carries: the fields of Picture that the file holds, out of icc, exif, xmp, iptc, comments, resolution,
    texts and cicp; "depth" for 16 bits a channel. Native parts are lost in every format but their own.
    """
    names = [name for field, name in _NAMES.items() if field not in carries and getattr(picture, field)]
    if picture.cicp and picture.cicp.is_srgb and "cicp" not in carries:
        names.remove(_NAMES["cicp"])
    if picture.format != format and picture.native is not None:
        names += picture.native.names
    notes = [f"{name} left out: {format} files have no place for it" for name in names]
    if "depth" not in carries and picture.pixels.dtype == np.uint16:
        notes.append(f"16 bits a channel became 8: {format} files are written with 8")
    return tuple(notes)


def from_codes(codes: np.ndarray, depth: int) -> np.ndarray:
    """uint16 values 0..65535 of codes with `depth` bits, 8..16; to_codes gives the codes back."""
    top = 2**depth - 1
    return ((codes.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


def to_codes(values: np.ndarray, depth: int) -> np.ndarray:
    """The nearest codes with `depth` bits of uint16 values 0..65535."""
    return ((values.astype(np.uint32) * (2**depth - 1) + 32767) // 65535).astype(np.uint16)


def written_by_pillow(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    """The bytes of the file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def checked_quality(quality: int) -> int:
    """PictureError for a quality outside of 1..100."""
    if not 1 <= quality <= 100:
        raise PictureError(f"expected a quality from 1 to 100, got {quality}")
    return quality


def opaque(picture: Picture, format: str) -> None:
    """PictureError where the picture has transparent pixels, for a container without transparency."""
    alpha = picture.alpha
    if alpha is not None and (alpha != np.iinfo(alpha.dtype).max).any():
        raise PictureError(f"{format} holds no transparency; write PNG, WebP, AVIF or TIFF instead")


def image_of(picture: Picture, *, alpha: bool, gray: bool) -> Image.Image:
    """A PIL image of the 8-bit pixels: L, LA, RGB or RGBA."""
    pixels = picture.image
    if not alpha or picture.alpha is None:
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0]) if gray else np.ascontiguousarray(pixels))
    values = picture.alpha if picture.alpha.dtype == np.uint8 else to_8_bits(picture.alpha)
    return Image.fromarray(np.dstack([pixels[..., :1] if gray else pixels, values]))


def channels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None, bool, bytes | None]:
    """Pixels (H, W, 3) uint8, alpha (H, W) or None, gray, and the colour profile of the pixels."""
    icc = image.info.get("icc_profile")
    if image.mode == "CMYK":
        pixels, icc = cmyk_to_srgb(image, icc)
        return pixels, None, False, icc
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise PictureError(f"pixels of mode {image.mode} are not supported; expected 8 or 16 bits a channel")
    if image.mode in ("LAB", "HSV"):
        raise PictureError(f"pixels of mode {image.mode} are not supported; convert the picture to RGB")
    gray = image.mode in _GRAY_MODES
    if image.has_transparency_data:
        values = np.asarray(image.convert("LA" if gray else "RGBA"))
        alpha, values = values[..., -1].copy(), values[..., :-1]
    else:
        values, alpha = np.asarray(image.convert("L" if gray else "RGB")), None
    pixels = np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2) if gray else values.copy()
    return pixels, alpha, gray, icc


def cmyk_to_srgb(image: Image.Image, icc: bytes | None) -> tuple[np.ndarray, bytes]:
    """Pixels (H, W, 3) uint8 in sRGB, and the profile that says so."""
    if not icc:
        raise PictureError("CMYK without a colour profile, so its colours are not known; convert it to RGB")
    profile = srgb_profile()
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise PictureError(f"CMYK with an unusable colour profile ({error}); convert it to RGB") from error
    return np.array(converted), profile


def srgb_profile() -> bytes:
    """An ICC profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
