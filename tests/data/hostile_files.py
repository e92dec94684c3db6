"""Pictures as they should not be, and as they seldom are: made here, each by one function, by name."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import skimage.data
from PIL import Image, ImageCms

PHOTO = skimage.data.astronaut()[100:196, 150:278]  # 96 x 128, a face: no symmetry
BROKEN: dict[str, Callable[[], bytes]] = {}
"""Files that are to be refused."""
ODD: dict[str, Callable[[], bytes]] = {}
"""Files that are unusual and are to be read."""
CUT: dict[str, Callable[[], bytes]] = {}
"""Files that lack rows: viewers show them, so they are read, and are not to be protected."""
NARROW: dict[str, Callable[[], bytes]] = {}
"""Pictures that can be read, too narrow to carry a code."""


def file_of(image: Image.Image, format: str, **options) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photo() -> Image.Image:
    """A photograph of 128 x 96 pixels."""
    return Image.fromarray(PHOTO)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """A gray PNG with a header that may say more than its rows hold."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def exif_block(orientation: int, order: str = "<", extra: bytes = b"") -> bytes:
    """An EXIF block with an orientation, a maker's name, and anything behind it."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(order + "HHI4s", 0x010F, 2, 4, b"abc\0")
    entries += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + mark + struct.pack(order + "IH", 8, 2) + entries + bytes(4) + extra


def stored_turned(orientation: int) -> Image.Image:
    """The photograph as a camera stores it that was held in that way."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    return photo().transpose(Image.Transpose(undo[orientation])) if orientation > 1 else photo()


def _case(into: dict[str, Callable[[], bytes]]):
    def keep(make: Callable[[], bytes]) -> Callable[[], bytes]:
        into[make.__name__] = make
        return make

    return keep


@_case(BROKEN)
def empty() -> bytes:
    return b""


@_case(BROKEN)
def zeros() -> bytes:
    return bytes(10_000)


@_case(BROKEN)
def text() -> bytes:
    return b"Dear reader, this is no picture.\n" * 50


@_case(CUT)
def truncated_jpeg() -> bytes:
    data = file_of(photo(), "JPEG")
    return data[: len(data) // 2]


@_case(CUT)
def truncated_progressive_jpeg() -> bytes:
    data = file_of(photo(), "JPEG", progressive=True)
    return data[: len(data) // 2]


@_case(CUT)
def truncated_png() -> bytes:
    data = file_of(photo(), "PNG")
    return data[: len(data) // 2]


@_case(CUT)
def truncated_deep_png() -> bytes:
    import cv2

    data = cv2.imencode(".png", PHOTO.astype(np.uint16) * 257)[1].tobytes()
    return data[: len(data) // 2]


@_case(BROKEN)
def truncated_webp() -> bytes:
    data = file_of(photo(), "WEBP")
    return data[: len(data) // 2]


@_case(BROKEN)
def truncated_avif() -> bytes:
    data = file_of(photo(), "AVIF")
    return data[: len(data) // 2]


@_case(BROKEN)
def truncated_tiff() -> bytes:
    data = file_of(photo(), "TIFF")
    return data[: len(data) // 2]


@_case(BROKEN)
def flipped_bits_png() -> bytes:
    data = bytearray(file_of(photo(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


@_case(BROKEN)
def huge_header_png() -> bytes:
    return png_of(50_000, 50_000, bytes(50_001))


@_case(BROKEN)
def zero_bomb_png() -> bytes:
    return png_of(40_000, 40_000, bytes(40_001 * 500))


@_case(BROKEN)
def huge_header_bmp() -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, *[0] * 6)
    )


@_case(NARROW)
def tall_png() -> bytes:
    return file_of(Image.new("L", (64, 62_400), 99), "PNG")


@_case(NARROW)
def wide_jpeg() -> bytes:
    return file_of(Image.new("L", (65_500, 600), 99), "JPEG")


@_case(NARROW)
def wide_avif() -> bytes:
    return file_of(Image.new("RGB", (6_000, 64), 99), "AVIF")


@_case(BROKEN)
def animated_webp() -> bytes:
    return file_of(photo(), "WEBP", save_all=True, append_images=[photo().rotate(90)])


@_case(BROKEN)
def animated_png() -> bytes:
    return file_of(photo(), "PNG", save_all=True, append_images=[photo().rotate(90)])


@_case(BROKEN)
def gif() -> bytes:
    return file_of(photo(), "GIF")


@_case(BROKEN)
def pages_tiff() -> bytes:
    return file_of(photo(), "TIFF", save_all=True, append_images=[photo()])


@_case(BROKEN)
def cmyk_without_profile() -> bytes:
    return file_of(photo().convert("CMYK"), "JPEG")


@_case(BROKEN)
def cmyk_with_rgb_profile() -> bytes:
    return file_of(photo().convert("CMYK"), "JPEG", icc_profile=srgb())


@_case(BROKEN)
def float_tiff() -> bytes:
    return file_of(Image.fromarray(PHOTO[..., 0].astype(np.float32)), "TIFF")


@_case(BROKEN)
def postscript() -> bytes:
    return file_of(photo(), "EPS")


@_case(ODD)
def one_pixel() -> bytes:
    return file_of(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG")


@_case(ODD)
def progressive_jpeg() -> bytes:
    return file_of(photo(), "JPEG", progressive=True, quality=90)


@_case(ODD)
def gray_jpeg() -> bytes:
    return file_of(photo().convert("L"), "JPEG", quality=90)


@_case(ODD)
def palette_with_alpha_png() -> bytes:
    palette = photo().quantize(16)
    return file_of(palette, "PNG", transparency=bytes(range(0, 256, 16)))


@_case(ODD)
def bilevel_png() -> bytes:
    return file_of(photo().convert("1"), "PNG")


@_case(ODD)
def interlaced_gray_alpha_png() -> bytes:
    return file_of(photo().convert("LA"), "PNG")


@_case(ODD)
def colour_key_png() -> bytes:
    return file_of(photo(), "PNG", transparency=tuple(int(v) for v in PHOTO[0, 0]))


@_case(ODD)
def bad_profile_jpeg() -> bytes:
    return file_of(photo(), "JPEG", icc_profile=b"no colour profile at all" * 40)


@_case(ODD)
def bad_exif_jpeg() -> bytes:
    return file_of(photo(), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 40)


@_case(ODD)
def giant_exif_png() -> bytes:
    return file_of(photo(), "PNG", exif=exif_block(1, extra=bytes(200_000)))


@_case(ODD)
def bytes_after_the_end_jpeg() -> bytes:
    return file_of(photo(), "JPEG") + bytes(5000)


@_case(ODD)
def half_transparent_webp() -> bytes:
    rgba = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 128, np.uint8)])
    return file_of(Image.fromarray(rgba), "WEBP", lossless=True, exact=True)


@lru_cache
def srgb() -> bytes:
    """A colour profile of three channels; made once, because it holds the second in which it was made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def gray_profile() -> bytes:
    """A colour profile that says of itself that it has one channel."""
    profile = bytearray(srgb())
    profile[16:20] = b"GRAY"
    return bytes(profile)
