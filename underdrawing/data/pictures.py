"""Reading and writing of picture files.

    file -> load_picture -> Picture (upright pixels, colour profile, metadata) -> save_picture -> file

Pixels stay in the picture's own colour profile; only CMYK is converted, to sRGB by its profile.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from underdrawing.core.errors import (
    CodeError,
    MissingExtraError,
    MissingPictureError,
    OutputError,
    PictureError,
    UnderdrawingError,
)
from underdrawing.data.containers import FORMATS, container_of, format_of
from underdrawing.data.containers.interface import Written
from underdrawing.data.containers.shared import channels
from underdrawing.data.exif import upright_exif
from underdrawing.data.files import write_atomic
from underdrawing.data.icc import icc_of_cicp
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture
from underdrawing.data.provenance import has_credentials
from underdrawing.data.udl import unwrapped
from underdrawing.data.xmp import upright_xmp

MAX_PIXELS = 120_000_000
"""Larger pictures are refused before they are decoded: 100 megapixels and what cameras add to that."""
MAX_FILE_BYTES = 1 << 30
CREDENTIALS_LOST = (
    "Content Credentials left out: they describe the bytes of the original; signing new ones (--credentials) "
    "makes them part of those"
)
_BEYOND_FORMAT = (OSError, ValueError, OverflowError, SystemError, struct.error)
"""What encoders raise for sizes and numbers that a format does not hold."""
_MOST_NOTES, _NOTE_CHARS = 40, 400
"""A hostile file can have a million faults, and names as long as itself."""
FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, the bytes of a picture file, or an open binary file."""


def load_picture(source: FileSource, *, max_pixels: int = MAX_PIXELS) -> Picture:
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

    quality: 1..100; None takes the one that preserves the mark. Metadata that the format has no place for is
    left out, and named in the notes of `encode_picture`; 16-bit pixels stay 16-bit in PNG and TIFF.
    OutputError where the format cannot hold the picture, where the file exists and `overwrite` is False, or
    where it cannot be written.
    """
    path = Path(path)
    write_atomic(path, encode_picture(picture, path, format=format, quality=quality).data, overwrite)


def encode_picture(
    picture: Picture, path: Path, *, format: str | None = None, quality: int | None = None
) -> Written:
    """The file that `save_picture` writes to `path`; OutputError as there."""
    name = format or picture.format
    try:
        name = format or format_of(path) or name
        if name not in FORMATS:
            raise PictureError(f"{name} is no format written here; expected {', '.join(FORMATS)}")
        picture, notes = _with_profile(picture, FORMATS[name].CARRIES)
        written = FORMATS[name].write(picture, quality)
    except MissingExtraError:
        raise
    except UnderdrawingError as error:
        raise OutputError(f"{path}: {error}") from error
    except _BEYOND_FORMAT as error:
        raise OutputError(f"{path}: cannot be written as {name} ({error})") from error
    notes += (CREDENTIALS_LOST,) if picture.credentials else ()
    return written._replace(notes=_limited((*written.notes, *notes)))


def is_lossless(picture: Picture, path: Path, quality: int | None = None) -> bool:
    """Whether the file that `encode_picture` writes has the very pixels of the picture."""
    name = format_of(path) or picture.format
    webp = name == picture.format == "WEBP" and picture.quality == 100 and quality is None
    return webp or name in ("PNG", "TIFF", "BMP", "UDL")


def _with_profile(picture: Picture, carries: Collection[str]) -> tuple[Picture, tuple[str, ...]]:
    """The picture with a colour profile in place of code points, where its file holds only the former."""
    cicp = picture.cicp
    if (
        cicp is None
        or cicp.is_srgb
        or picture.icc
        or picture.gray
        or "cicp" in carries
        or "icc" not in carries
    ):
        return picture, ()
    icc = icc_of_cicp(cicp)
    if icc is None:
        return picture, ()
    return replace(picture, icc=icc, cicp=None), ("colour code points (CICP) became a colour profile",)


def read_bytes(source: FileSource) -> tuple[str | None, bytes]:
    """The name of a picture file, where it is known, and its bytes.

    MissingPictureError where there is no such file; PictureError where it cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return None, bytes(source)
    if not isinstance(source, str | os.PathLike):
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
    except FileNotFoundError as error:
        raise MissingPictureError(f"{path}: cannot be read ({error.strerror})") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise PictureError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def own_file(data: bytes, max_pixels: int = MAX_PIXELS) -> bytes:
    """The original's bytes where `data` is a .udl file that keeps them; else `data`.

    PictureError where they are damaged; MissingExtraError for a JPEG in JPEG XL without the extra "jxl".
    """
    try:
        return unwrapped(data, max_pixels)
    except CodeError as error:
        raise PictureError(str(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return f"no picture of a known type, or a damaged one ({', '.join(FORMATS)})"
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
    data = own_file(data, max_pixels)
    picture = container_of(data).read(data, max_pixels)
    return replace(picture, credentials=has_credentials(data), notes=_limited(picture.notes))


def _limited(notes: tuple[str, ...]) -> tuple[str, ...]:
    """The notes, where they are many or long not all of them."""
    more = len(notes) - _MOST_NOTES
    short = [
        note if len(note) <= _NOTE_CHARS else f"{note[:_NOTE_CHARS]} ..." for note in notes[:_MOST_NOTES]
    ]
    return (*short, f"and {more} more notes on this file") if more > 0 else tuple(short)


def picture_of(image: Image.Image, format: str | None = None) -> Picture:
    """A decoded, upright PIL image with 8 bits a channel as a Picture. format: of its file, if any.

    PictureError for modes that are not supported, and for CMYK without a profile.
    """
    pixels, alpha, gray, icc = channels(image)
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    known = format if format in FORMATS else "PNG"
    own = upright_exif(exif, image.size)
    return Picture(pixels, alpha, gray, known, fitting_icc(icc, gray), own, upright_xmp(xmp, image.size))
