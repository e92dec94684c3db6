"""JPEG files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.exif import orientation, upright_exif
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture
from underdrawing.data.xmp import upright_xmp

FORMAT = "JPEG"
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
INVENTORY = (
    Item("colour profile", "kept"),
    Item("EXIF", "kept"),
    Item("XMP", "kept"),
)
_DEFAULT_QUALITY = 95
_SEGMENT_BYTES = 65533
_LUMA_TABLE_SUM_50 = 3688
"""Sum of the JPEG standard's luma table (ITU-T T.81, table K.1), libjpeg's quality 50."""


def is_this(head: bytes) -> bool:
    return head[:3] == b"\xff\xd8\xff"


def read(data: bytes, max_pixels: int) -> Picture:
    with shared.opened(data, FORMAT, max_pixels) as image:
        exif, xmp = image.info.get("exif"), image.info.get("xmp")
        turn = orientation(exif, xmp)
        image.load()
        pixels, alpha, gray, icc = shared.channels(image)
        pixels = shared.upright(pixels, turn)
        size = (pixels.shape[1], pixels.shape[0])
        return Picture(
            pixels=pixels,
            alpha=shared.upright(alpha, turn),
            gray=gray,
            format=FORMAT,
            icc=fitting_icc(icc, gray),
            exif=upright_exif(exif, size, turn),
            xmp=upright_xmp(xmp, size),
            quality=quality_of(image),
        )


def quality_of(image: Image.Image) -> int | None:
    """Estimate the quality of a JPEG on libjpeg's scale by its luma table."""
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    total = sum(tables[min(tables)])
    if total <= 64:  # steps of 1 throughout
        return 100
    scale = 100 * total / _LUMA_TABLE_SUM_50  # inverse of libjpeg's scaling
    return int(np.clip(round(100 - scale / 2 if scale <= 100 else 5000 / scale), 1, 99))


def write(picture: Picture, quality: int | None) -> Written:
    shared.opaque(picture, FORMAT)
    if quality is None:
        own = picture.quality if picture.format == FORMAT else None
        quality = max(_DEFAULT_QUALITY, own or 0)
    options = {"quality": shared.checked_quality(quality), "subsampling": 0, "optimize": True}
    for name, block, room in (
        ("icc_profile", fitting_icc(picture.icc, picture.gray), None),
        ("exif", picture.exif, _SEGMENT_BYTES),
        ("xmp", picture.xmp, _SEGMENT_BYTES - 29),
    ):
        if block and (room is None or len(block) <= room):
            options[name] = block
    image = shared.image_of(replace(picture, alpha=None), alpha=False, gray=picture.gray)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT)
