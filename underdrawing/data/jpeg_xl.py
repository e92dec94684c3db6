"""JPEG files coded again as JPEG XL without loss, by libjxl in imagecodecs (the extra "jxl").

JPEG XL stores the coefficients of a JPEG, and in a box what else is needed to give back its very bytes
(ISO/IEC 18181-2, "jbrd"); files become 20 to 30 % smaller.
"""

from __future__ import annotations

from underdrawing.core.errors import CodeError
from underdrawing.core.extras import needs_extra

_JPEG = b"\xff\xd8\xff"
_CODESTREAM = b"\xff\x0a"
_BOXES = b"\0\0\0\x0cJXL \r\n\x87\n"
_SIZE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, from 1 (ISO/IEC 18181-1, size header)."""


def transcoded(data: bytes) -> bytes | None:
    """A JPEG file as JPEG XL.

    None where it is no JPEG, imagecodecs is not installed, or the file does not come back byte for byte.
    """
    if not data.startswith(_JPEG):
        return None
    try:
        import imagecodecs
    except ImportError:
        return None
    try:
        found = bytes(imagecodecs.jpegxl_encode_jpeg(data, usecontainer=True))
        return found if bytes(imagecodecs.jpegxl_decode_jpeg(found)) == data else None
    except (RuntimeError, ValueError):  # a coding that JPEG XL does not know, as arithmetic
        return None


def restored(data: bytes, max_pixels: int) -> bytes:
    """The JPEG file of `transcoded`.

    CodeError for damaged data and for pictures of more than `max_pixels`, before they are decoded.
    MissingExtraError where imagecodecs is not installed.
    """
    with needs_extra("jxl"):
        import imagecodecs
    try:
        width, height = _size(data)
    except (IndexError, ValueError) as error:
        raise CodeError("the JPEG XL data of the archive are damaged") from error
    if width * height > max_pixels:
        raise CodeError(
            f"the JPEG of the archive has {width}x{height} px, more than the {max_pixels / 1e6:.0f} "
            "megapixels allowed; it may be a decompression bomb"
        )
    try:
        return bytes(imagecodecs.jpegxl_decode_jpeg(data))
    except (RuntimeError, ValueError) as error:
        raise CodeError(f"the JPEG XL data of the archive are damaged ({error})") from error


def _size(data: bytes) -> tuple[int, int]:
    """Width and height by the size header. ValueError, IndexError for other data."""
    stream = _codestream(data) if data.startswith(_BOXES) else data
    if not stream.startswith(_CODESTREAM):
        raise ValueError("no codestream")
    bits = int.from_bytes(stream[2:14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIZE_BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _codestream(data: bytes) -> bytes:
    """The start of the first box with a part of the codestream."""
    place = 0
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        start = place + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        if kind in (b"jxlc", b"jxlp"):
            start += 4 * (kind == b"jxlp")  # its number
            return data[start : start + 64]
        if length < start - place:
            break
        place += length
    raise ValueError("no codestream")
