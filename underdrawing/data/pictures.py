"""Reading and writing of picture files.

    file -> load_picture -> Picture (upright pixels, colour profile, metadata) -> save_picture -> file

Pixels stay in the picture's own colour profile; only CMYK is converted, to sRGB by its profile.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from underdrawing.core.errors import MissingExtraError, OutputError, PictureError, UnderdrawingError
from underdrawing.data import encoders, sixteen_bit
from underdrawing.data.files import write_atomic
from underdrawing.data.metadata import fitting_icc, tiff_exif, upright_exif, upright_xmp
from underdrawing.data.picture import Picture

MAX_PIXELS = 120_000_000
"""Larger pictures are refused before they are decoded: 100 megapixels and what cameras add to that."""
MAX_FILE_BYTES = 1 << 30
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_GRAY_MODES = ("1", "L", "LA", "La")
_ORIENTATION = 0x0112
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


def load_picture(source: str | Path | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file, from a path, its bytes or an open binary file.

    PictureError, naming the file where its name is known, for whatever is no picture that can be worked with:
    no such file, truncated, damaged, of another type, animated, of several pages, larger than `max_pixels`,
    CMYK without a profile, 32-bit pixels. MissingExtraError for HEIC without pillow-heif.
    """
    name, data = read_bytes(source)
    prefix = f"{name}: " if name else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, and of sizes checked below
            return _decode(data, max_pixels)
    except MissingExtraError as error:
        raise MissingExtraError(f"{prefix}{error}") from error
    except UnderdrawingError as error:
        raise PictureError(f"{prefix}{error}") from error
    except Exception as error:  # at damaged files decoders raise anything: IndexError, SyntaxError ...
        raise PictureError(f"{prefix}{_reason(error)}") from error


def save_picture(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture file, whole or not at all, in the format of `path`'s suffix (its own without one).

    quality: 1..100; None takes the one that keeps the mark (encoders.DEFAULTS). Metadata that the format has
    no place for is left out; 16-bit pixels stay 16-bit in PNG and TIFF. OutputError where the format cannot
    hold the picture, where the file exists and `overwrite` is False, or where it cannot be written.
    """
    path = Path(path)
    write_atomic(path, encode_picture(picture, path, format=format, quality=quality)[0], overwrite)


def encode_picture(
    picture: Picture, path: Path, *, format: str | None = None, quality: int | None = None
) -> tuple[bytes, str]:
    """The file that `save_picture` writes to `path`, and its format; OutputError as there."""
    name = format or picture.format
    try:
        name = format or encoders.format_of(path) or name
        return encoders.encode(picture, name, quality), name
    except MissingExtraError:
        raise
    except UnderdrawingError as error:
        raise OutputError(f"{path}: {error}") from error
    except (OSError, ValueError, OverflowError, SystemError) as error:  # sizes beyond the format
        raise OutputError(f"{path}: cannot be written as {name} ({error})") from error


def read_bytes(source: str | Path | bytes | BinaryIO) -> tuple[str | None, bytes]:
    """The name of a picture file, where it is known, and its bytes. PictureError where it cannot be read."""
    if isinstance(source, bytes):
        return None, source
    if not isinstance(source, str | Path):
        return str(getattr(source, "name", "")) or None, source.read(MAX_FILE_BYTES + 1)
    path = Path(source)
    try:
        if path.exists() and not path.is_file():
            raise PictureError(f"{path}: no file; a pipe, device or folder cannot be read as a picture")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PictureError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB")
        return str(path), path.read_bytes()
    except PictureError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise PictureError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return f"no picture of a known type, or a damaged one ({', '.join(_FORMATS)}, HEIF)"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than the {MAX_PIXELS / 1e6:.0f} megapixels allowed; it may be a decompression bomb"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    return f"damaged or cut short ({error or type(error).__name__})"


def _decode(data: bytes, max_pixels: int) -> Picture:
    if not data:
        raise PictureError("an empty file")
    if len(data) > MAX_FILE_BYTES:
        raise PictureError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    if data[:6] in (b"GIF87a", b"GIF89a"):
        raise PictureError("GIF pictures cannot be worked with yet; convert it to PNG")
    with _open(data) as image:
        _check_size(image, max_pixels)
        turn = image.getexif().get(_ORIENTATION, 1)
        image.load()
        if sixteen_bit.is_16_bit(image, data):
            pixels, alpha, gray = sixteen_bit.decode(data, image)
            icc = image.info.get("icc_profile")
        else:
            pixels, alpha, gray, icc = _channels(image)
        if image.format == "TIFF":
            turn = 1  # both decoders have turned it
            exif = tiff_exif(image)
        else:
            exif = image.info.get("exif") or _exif_in_text(image)
        upright = _TURNS.get(turn, _TURNS[1])
        return Picture(
            pixels=np.ascontiguousarray(upright(pixels)),
            alpha=None if alpha is None else np.ascontiguousarray(upright(alpha)),
            gray=gray,
            format="JPEG" if image.format == "MPO" else str(image.format),
            icc=fitting_icc(icc, gray),
            exif=upright_exif(exif),
            xmp=upright_xmp(image.info.get("xmp")),
            quality=encoders.quality_of(image, data),
        )


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(f"{width}x{height} is more than the {max_pixels / 1e6:.0f} megapixels allowed")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "HEIF"):  # those hold previews beside the one picture
        kind = "pages" if image.format == "TIFF" else "frames: animated pictures are not supported yet"
        raise PictureError(f"it has {frames} {kind}; expected one picture")


def _open(data: bytes) -> Image.Image:
    formats = list(_FORMATS)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        encoders.register_heif()
        formats.append("HEIF")
    return Image.open(io.BytesIO(data), formats=formats)


def picture_of(image: Image.Image, format: str | None = None) -> Picture:
    """A decoded, upright PIL image with 8 bits a channel as a Picture. format: of its file, if any.

    PictureError for modes that are not supported, and for CMYK without a profile.
    """
    pixels, alpha, gray, icc = _channels(image)
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    known = format if format in (*_FORMATS, "HEIF") else "PNG"
    return Picture(pixels, alpha, gray, known, fitting_icc(icc, gray), upright_exif(exif), upright_xmp(xmp))


def _exif_in_text(image: Image.Image) -> bytes | None:
    """EXIF from the text chunks, where older programs put it in PNG."""
    exif = image.getexif()
    return exif.tobytes() if len(exif) else None


def _channels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None, bool, bytes | None]:
    """Pixels (H, W, 3) uint8, alpha (H, W) or None, gray, and the colour profile of the pixels."""
    icc = image.info.get("icc_profile")
    if image.mode == "CMYK":
        pixels, icc = _cmyk_to_srgb(image, icc)
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


def _cmyk_to_srgb(image: Image.Image, icc: bytes | None) -> tuple[np.ndarray, bytes]:
    """Pixels (H, W, 3) uint8 in sRGB, and the profile that says so."""
    if not icc:
        raise PictureError("CMYK without a colour profile, so its colours are not known; convert it to RGB")
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise PictureError(f"CMYK with an unusable colour profile ({error}); convert it to RGB") from error
    return np.array(converted), target.tobytes()
