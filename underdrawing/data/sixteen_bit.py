"""PNG and TIFF files with 16 bits a channel: read by OpenCV and written here; Pillow reduces RGB to 8."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

_BITS_PER_SAMPLE = 258
_SAMPLE_FORMAT = 339
_PNG_DEPTH, _PNG_COLOR_TYPE = 24, 25
"""Offsets of these bytes of IHDR, the first chunk of every PNG."""
_PNG_GRAY = (0, 4)
_PNG_HEAD_BYTES = 33
"""Signature and IHDR chunk; other chunks follow."""


def is_16_bit(image: Image.Image, data: bytes) -> bool:
    """Whether a file, opened by Pillow, holds 16 bits a channel."""
    if image.format == "PNG":
        return data[_PNG_DEPTH] == 16
    return image.format == "TIFF" and set(image.tag_v2.get(_BITS_PER_SAMPLE, ())) == {16}


def decode(data: bytes, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Pixels (H, W, 3) uint16 as stored, alpha (H, W) uint16 or None, gray.

    The caller has checked with Pillow that the file is complete: OpenCV accepts truncated files.
    PictureError for signed and floating-point pixels.
    """
    import cv2

    if image.format == "TIFF" and set(image.tag_v2.get(_SAMPLE_FORMAT, (1,))) != {1}:
        raise PictureError("16-bit pixels that are signed or floating point cannot be worked with")
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None or values.dtype != np.uint16:
        raise PictureError("16-bit pixels that cannot be decoded")
    gray = values.ndim == 2 or (image.format == "PNG" and data[_PNG_COLOR_TYPE] in _PNG_GRAY)
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2), None, gray
    alpha = values[..., 3].copy() if values.shape[2] == 4 else None
    return np.ascontiguousarray(values[..., 2::-1]), alpha, gray


def encode(picture: Picture, name: str, icc: bytes | None) -> bytes:
    """A PNG or TIFF file of a picture with uint16 pixels."""
    if picture.alpha is not None:  # as RGB: few readers know 16-bit gray with alpha
        values = np.dstack([picture.pixels, picture.alpha])
    else:
        values = picture.pixels[..., :1] if picture.gray else picture.pixels
    icc = fitting_icc(icc, values.shape[2] == 1)
    return _png(picture, values, icc) if name == "PNG" else _tiff(picture, values, icc)


def _png(picture: Picture, values: np.ndarray, icc: bytes | None) -> bytes:
    import cv2

    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[values.shape[2]]
    done, encoded = cv2.imencode(".png", values[..., order])
    if not done:
        raise PictureError("the PNG encoder gave up")
    data = encoded.tobytes()
    chunks = b""
    if icc:
        chunks += _chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))
    if picture.exif:
        chunks += _chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
    if picture.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp)
    return data[:_PNG_HEAD_BYTES] + chunks + data[_PNG_HEAD_BYTES:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _tiff(picture: Picture, values: np.ndarray, icc: bytes | None) -> bytes:
    """One deflated strip; little-endian, tags in rising order as TIFF 6.0 requires."""
    height, width, count = values.shape
    strip = zlib.compress(values.astype("<u2").tobytes(), 6)
    tags: list[tuple[int, int, list[int] | bytes]] = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [16] * count), (259, 3, [8]),
        (262, 3, [1 if count == 1 else 2]), (273, 4, [8]), (274, 3, [1]), (277, 3, [count]),
        (278, 4, [height]), (279, 4, [len(strip)]), (284, 3, [1]),
    ]  # fmt: skip
    if picture.alpha is not None:
        tags.append((338, 3, [2]))
    if picture.xmp:
        tags.append((700, 1, picture.xmp))
    if icc:
        tags.append((34675, 7, icc))
    strip += bytes(len(strip) % 2)
    directory = 8 + len(strip)
    place = directory + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, kind, value in tags:
        code = "H" if kind == 3 else "I"
        data = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{code}", *value)
        entries += struct.pack("<HHI", tag, kind, len(value))
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", place + len(extra))
            extra += data + bytes(len(data) % 2)
    head = b"II*\0" + struct.pack("<I", directory)
    return head + strip + struct.pack("<H", len(tags)) + entries + bytes(4) + extra
