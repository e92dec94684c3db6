"""PNG files with 8 or 16 bits a channel; those of 16 are read by OpenCV, as Pillow reduces RGB to 8."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import PngImagePlugin

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture
from underdrawing.data.xmp import upright_xmp

FORMAT = "PNG"
SUFFIXES = (".png",)
INVENTORY = (
    Item("colour profile", "kept"),
    Item("EXIF", "kept"),
    Item("XMP", "kept"),
)
_CARRIES: tuple[str, ...] = ("icc", "exif", "xmp", "depth")
_XMP_KEY = "XML:com.adobe.xmp"
_DEPTH, _COLOR_TYPE = 24, 25
"""Offsets of these bytes of IHDR, the first chunk of every PNG."""
_GRAY = (0, 4)
_HEAD_BYTES = 33
"""Signature and IHDR chunk; other chunks follow."""


def is_this(head: bytes) -> bool:
    return head[:8] == b"\x89PNG\r\n\x1a\n"


def read(data: bytes, max_pixels: int) -> Picture:
    if data[_DEPTH] != 16:
        return shared.read_by_pillow(data, FORMAT, max_pixels)
    with shared.opened(data, FORMAT, max_pixels) as image:
        exif, xmp = image.info.get("exif") or shared.exif_in_text(image), image.info.get("xmp")
        turn = orientation(exif, xmp)
        image.load()  # Pillow finds the file complete; OpenCV accepts truncated files
        pixels, alpha, gray = _deep_pixels(data)
        pixels = shared.upright(pixels, turn)
        size = (pixels.shape[1], pixels.shape[0])
        return Picture(
            pixels=pixels,
            alpha=shared.upright(alpha, turn),
            gray=gray,
            format=FORMAT,
            icc=fitting_icc(image.info.get("icc_profile"), gray),
            exif=upright_exif(exif, size, turn),
            xmp=upright_xmp(xmp, size),
        )


def _deep_pixels(data: bytes) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Pixels (H, W, 3) uint16 as stored, alpha (H, W) uint16 or None, gray."""
    import cv2

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None or values.dtype != np.uint16:
        raise PictureError("16-bit pixels that cannot be decoded")
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2), None, True
    alpha = values[..., 3].copy() if values.shape[2] == 4 else None
    return np.ascontiguousarray(values[..., 2::-1]), alpha, data[_COLOR_TYPE] in _GRAY


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, _CARRIES)
    if picture.pixels.dtype == np.uint16:
        return Written(_deep_file(picture), FORMAT, notes)
    options: dict = {"compress_level": 4}
    if icc := fitting_icc(picture.icc, picture.gray):
        options["icc_profile"] = icc
    if picture.xmp:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(_XMP_KEY, picture.xmp.decode("utf-8", "replace"))
    if picture.exif:
        options["exif"] = picture.exif
    image = shared.image_of(picture, alpha=True, gray=picture.gray)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT, notes)


def _deep_file(picture: Picture) -> bytes:
    if picture.alpha is not None:  # as RGB: few readers know 16-bit gray with alpha
        values = np.dstack([picture.pixels, picture.alpha])
    else:
        values = picture.pixels[..., :1] if picture.gray else picture.pixels
    icc = fitting_icc(picture.icc, values.shape[2] == 1)
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
    return data[:_HEAD_BYTES] + chunks + data[_HEAD_BYTES:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
