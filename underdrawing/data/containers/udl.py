"""UDL files: pixels coded without loss, and the metadata that Picture has; data.udl has their layout.

A .udl that keeps an original's own file is opened before (data.udl.unwrapped) and read as that file.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from underdrawing.core.errors import CodeError, PictureError
from underdrawing.data import udl
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.picture import Cicp, Picture, Resolution, Text

FORMAT = "UDL"
SUFFIXES = (".udl",)
INVENTORY = (
    Item("16 bits, gray, alpha", "kept"),
    Item("colour profile, EXIF, XMP, IPTC", "kept", "a section each"),
    Item("comments, texts, resolution, colour code points (CICP)", "kept", "in the header"),
    Item("an original's own file", "converted", "read as that file; protected pixels are coded without loss"),
    Item("sha256 and length of the original's file", "left out", "they are those of the original"),
)
CARRIES = ("icc", "exif", "xmp", "iptc", "comments", "resolution", "texts", "cicp", "depth")
_BLOCKS = ("icc", "exif", "xmp", "iptc")


def is_this(head: bytes) -> bool:
    return head.startswith(udl.MAGIC)


def read(data: bytes, max_pixels: int) -> Picture:
    file = udl.read(data, max_pixels)
    if file.header.channels == 0:
        raise PictureError("an archive that keeps an archive; unpack the outer one first")
    return picture_of(file, codec().unpack(file))


def write(picture: Picture, quality: int | None) -> Written:
    return Written(coded(picture), FORMAT, shared.lost(picture, FORMAT, CARRIES))


def codec() -> Any:
    """The codec of the zoo. It is a system, above this room, so it is found by its name at run time."""
    return import_module("underdrawing.zoo").load("masked-lossless")


def coded(
    picture: Picture,
    *,
    rounds: int | None = None,
    tile: int = udl.TILE,
    facts: Mapping[str, Any] | None = None,
) -> bytes:
    """The file of a picture. rounds, tile: of the codec. facts: of its original, for the header."""
    sections = {name: getattr(picture, name) for name in _BLOCKS if getattr(picture, name)}
    pixels = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])
    all_facts = {**_facts(picture), **(facts or {})}
    return codec().pack(pixels, rounds=rounds, tile=tile, sections=sections, facts=all_facts)


def picture_of(file: udl.Container, pixels: np.ndarray, *, salvage: bool = False) -> Picture:
    """A picture of decoded pixels (H, W, channels) with the metadata of their file.

    salvage: damaged metadata are left out, instead of a CodeError.
    """
    channels, facts = pixels.shape[2], file.header.facts
    gray = channels in (1, 2)
    color = np.repeat(pixels[..., :1], 3, 2) if gray else np.ascontiguousarray(pixels[..., :3])
    alpha = np.ascontiguousarray(pixels[..., -1]) if channels in (2, 4) else None
    blocks: dict[str, Any] = {}
    for name in _BLOCKS:
        try:
            blocks[name] = file.section(name)
        except CodeError:
            if not salvage:
                raise
            blocks[name] = None
    return Picture(color, alpha, gray, FORMAT, **blocks, **_from_facts(facts))


def _facts(picture: Picture) -> dict[str, Any]:
    facts: dict[str, Any] = {"format": picture.format, "gray": picture.gray}
    if picture.comments:
        facts["comments"] = [base64.b64encode(comment).decode() for comment in picture.comments]
    for name in ("resolution", "cicp"):
        if getattr(picture, name) is not None:
            facts[name] = list(getattr(picture, name))
    if picture.texts:
        facts["texts"] = [list(text) for text in picture.texts]
    return facts


def _from_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = {
            "comments": tuple(base64.b64decode(comment) for comment in facts.get("comments", ())),
            "texts": tuple(Text(str(keyword), str(text)) for keyword, text in facts.get("texts", ())),
        }
        if "resolution" in facts:
            x, y, unit = facts["resolution"]
            found["resolution"] = Resolution(float(x), float(y), str(unit))
        if "cicp" in facts:
            primaries, transfer, matrix, full_range = facts["cicp"]
            found["cicp"] = Cicp(int(primaries), int(transfer), int(matrix), bool(full_range))
        return found
    except (TypeError, ValueError) as error:
        raise CodeError(f"the archive's metadata are none that this package writes ({error})") from error
