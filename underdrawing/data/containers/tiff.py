"""TIFF files with 8 or 16 bits a channel; those of 16 are read by OpenCV and written here."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.exif import upright_exif
from underdrawing.data.metadata import fitting_icc, tiff_exif
from underdrawing.data.picture import Picture
from underdrawing.data.xmp import upright_xmp

FORMAT = "TIFF"
SUFFIXES = (".tif", ".tiff")
INVENTORY = (
    Item("colour profile", "kept"),
    Item("EXIF", "kept"),
    Item("XMP", "kept"),
)
_CARRIES: tuple[str, ...] = ("icc", "exif", "xmp", "depth")
_BITS_PER_SAMPLE = 258
_SAMPLE_FORMAT = 339
_XMP_TAG = 700


def is_this(head: bytes) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read(data: bytes, max_pixels: int) -> Picture:
    with shared.opened(data, FORMAT, max_pixels) as image:
        image.load()
        icc = image.info.get("icc_profile")
        if set(image.tag_v2.get(_BITS_PER_SAMPLE, ())) == {16}:
            pixels, alpha, gray = _deep_pixels(data, image)
        else:
            pixels, alpha, gray, icc = shared.channels(image)
        size = (pixels.shape[1], pixels.shape[0])
        return Picture(  # both decoders turn TIFF upright
            pixels=np.ascontiguousarray(pixels),
            alpha=alpha,
            gray=gray,
            format=FORMAT,
            icc=fitting_icc(icc, gray),
            exif=upright_exif(tiff_exif(image), size),
            xmp=upright_xmp(image.info.get("xmp"), size),
        )


def _deep_pixels(data: bytes, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Pixels (H, W, 3) uint16 as stored, alpha (H, W) uint16 or None, gray."""
    import cv2

    if set(image.tag_v2.get(_SAMPLE_FORMAT, (1,))) != {1}:
        raise PictureError("16-bit pixels that are signed or floating point cannot be worked with")
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None or values.dtype != np.uint16:
        raise PictureError("16-bit pixels that cannot be decoded")
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2), None, True
    alpha = values[..., 3].copy() if values.shape[2] == 4 else None
    return np.ascontiguousarray(values[..., 2::-1]), alpha, False


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, _CARRIES)
    if picture.pixels.dtype == np.uint16:
        return Written(_deep_file(picture), FORMAT, notes)
    options: dict = {"compression": "tiff_adobe_deflate"}
    if icc := fitting_icc(picture.icc, picture.gray):
        options["icc_profile"] = icc
    if picture.xmp:
        tags = Image.Exif()
        tags.load(picture.exif or b"")
        tags[_XMP_TAG] = picture.xmp
        options["exif"] = tags
    elif picture.exif:
        options["exif"] = picture.exif
    image = shared.image_of(picture, alpha=True, gray=picture.gray)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT, notes)


def _deep_file(picture: Picture) -> bytes:
    """One deflated strip; little-endian, tags in rising order as TIFF 6.0 requires."""
    if picture.alpha is not None:
        values = np.dstack([picture.pixels, picture.alpha])
    else:
        values = picture.pixels[..., :1] if picture.gray else picture.pixels
    icc = fitting_icc(picture.icc, values.shape[2] == 1)
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
