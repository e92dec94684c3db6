"""BMP files."""

from __future__ import annotations

from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.picture import Picture

FORMAT = "BMP"
SUFFIXES = (".bmp",)
INVENTORY = (Item("colour profile", "left out"),)
_CARRIES: tuple[str, ...] = ()


def is_this(head: bytes) -> bool:
    return head[:2] == b"BM"


def read(data: bytes, max_pixels: int) -> Picture:
    return shared.read_by_pillow(data, FORMAT, max_pixels)


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, _CARRIES)
    shared.opaque(picture, FORMAT)
    image = shared.image_of(picture, alpha=False, gray=picture.gray)
    return Written(shared.written_by_pillow(image, FORMAT, {}), FORMAT, notes)
