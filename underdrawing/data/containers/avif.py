"""AVIF files."""

from __future__ import annotations

from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

FORMAT = "AVIF"
SUFFIXES = (".avif",)
INVENTORY = (
    Item("colour profile", "kept"),
    Item("EXIF", "kept"),
    Item("XMP", "kept"),
)
_CARRIES: tuple[str, ...] = ("icc", "exif", "xmp")
_BRANDS = (b"avif", b"avis")
_DEFAULT_QUALITY = 90


def is_this(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and (head[8:12] in _BRANDS or (head[8:12] == b"mif1" and b"avif" in head))


def read(data: bytes, max_pixels: int) -> Picture:
    return shared.read_by_pillow(data, FORMAT, max_pixels)


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, _CARRIES)
    quality = _DEFAULT_QUALITY if quality is None else shared.checked_quality(quality)
    blocks = {"icc_profile": fitting_icc(picture.icc, False), "exif": picture.exif, "xmp": picture.xmp}
    options = {"quality": quality, "subsampling": "4:4:4", "speed": 7}
    options |= {name: block for name, block in blocks.items() if block}
    image = shared.image_of(picture, alpha=True, gray=False)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT, notes)
