"""WebP files."""

from __future__ import annotations

from dataclasses import replace

from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

FORMAT = "WEBP"
SUFFIXES = (".webp",)
INVENTORY = (
    Item("colour profile", "kept"),
    Item("EXIF", "kept"),
    Item("XMP", "kept"),
)
_CARRIES: tuple[str, ...] = ("icc", "exif", "xmp")
_DEFAULT_QUALITY = 98  # at 95 a quarter of photographs lose their top layer


def is_this(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def read(data: bytes, max_pixels: int) -> Picture:
    lossless = data[12:16] == b"VP8L" or b"VP8L" in data[:4096]
    return replace(shared.read_by_pillow(data, FORMAT, max_pixels), quality=100 if lossless else None)


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, _CARRIES)
    options: dict = {"method": 4, "quality": _DEFAULT_QUALITY}
    if quality is not None:
        options["quality"] = shared.checked_quality(quality)
    elif picture.format == FORMAT and picture.quality == 100:
        # `exact` keeps the colours of transparent pixels, which contain the mark, too
        options |= {"lossless": True, "exact": True, "quality": 50}
    blocks = {"icc_profile": fitting_icc(picture.icc, False), "exif": picture.exif, "xmp": picture.xmp}
    options |= {name: block for name, block in blocks.items() if block}
    image = shared.image_of(picture, alpha=True, gray=False)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT, notes)
