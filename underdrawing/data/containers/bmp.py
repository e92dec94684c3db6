"""BMP files, of Windows and OS/2, as Pillow reads them."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.picture import Picture, Resolution

FORMAT = "BMP"
SUFFIXES = (".bmp",)
INVENTORY = (
    Item("resolution", "kept"),
    Item("gray", "kept"),
    Item("palette, 1 or 4 bits, 16 bits a pixel, run lengths", "converted", "24 bits a pixel, or 8-bit gray"),
    Item("rows from top to bottom", "converted", "from bottom to top"),
    Item("alpha of 32 bits a pixel", "left out", "refused where a pixel is transparent"),
    Item("colour profile, gamma and primaries (versions 4 and 5)", "left out"),
)
CARRIES = ("resolution",)
_HEADER_BYTES, _BITS, _COMPRESSION, _COLOR_SPACE = 14, 28, 30, 70
"""Offsets in the file; the colour space is in headers of 108 bytes and more."""
_WITH_COLOR_SPACE = 108
_SRGB, _WINDOWS = b"BGRs", b" niW"
_RUN_LENGTHS = (1, 2)


class Native(NamedTuple):
    """What of the coding does not come again in a BMP, a sentence each."""

    coding: tuple[str, ...]
    names: tuple[str, ...] = ()


def is_this(head: bytes) -> bool:
    return head[:2] == b"BM"


def read(data: bytes, max_pixels: int) -> Picture:
    with shared.opened(data, FORMAT, max_pixels) as image:
        image.load()
        pixels, alpha, gray, _ = shared.channels(image)
        dpi = image.info.get("dpi")
    color_space = data[_COLOR_SPACE : _COLOR_SPACE + 4]
    header_bytes, coding = int.from_bytes(data[_HEADER_BYTES:18], "little"), []
    profiled = header_bytes >= _WITH_COLOR_SPACE and color_space not in (_SRGB, _WINDOWS)
    if header_bytes > 12:
        bits, compression = struct.unpack_from("<HI", data, _BITS)
        if bits <= 8 and not (gray and bits == 8):
            coding.append(f"a palette of {bits} bits became {8 if gray else 24} bits a pixel")
        elif bits == 16:
            coding.append("16 bits a pixel became 24")
        if bits <= 8 and compression in _RUN_LENGTHS:
            coding.append("the rows are no longer compressed")
    return Picture(
        pixels=pixels,
        alpha=alpha,
        gray=gray,
        format=FORMAT,
        icc=None,
        exif=None,
        xmp=None,
        resolution=Resolution(*dpi, "inch") if dpi and min(dpi) > 0 else None,
        native=Native(tuple(coding)),
        notes=("the colour space of the BMP header is left out",) if profiled else (),
    )


def write(picture: Picture, quality: int | None) -> Written:
    shared.opaque(picture, FORMAT)
    notes = shared.lost(picture, FORMAT, CARRIES)
    if isinstance(picture.native, Native):
        notes += picture.native.coding
    options: dict[str, Any] = {"dpi": (0, 0)}  # not stated
    if resolution := picture.resolution:
        per_inch = {"inch": 1, "cm": 2.54}.get(resolution.unit)
        if per_inch:
            options["dpi"] = (resolution.x * per_inch, resolution.y * per_inch)
        else:
            notes += ("shape of pixels left out: BMP files have no place for it",)
    image = shared.image_of(picture, alpha=False, gray=picture.gray)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT, notes)
