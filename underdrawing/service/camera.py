"""What a camera wrote into a picture's file, for readers. Nothing of it is signed: anybody can change it."""

from __future__ import annotations

import struct
import warnings
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

_TEXT_CHARS = 100
_TAGS = {
    "maker": Base.Make,
    "model": Base.Model,
    "software": Base.Software,
    "artist": Base.Artist,
    "copyright": Base.Copyright,
}


def camera_facts(exif: bytes | None) -> dict[str, Any] | None:
    """Maker, model, lens, software, artist, copyright, time of exposure (by the camera's clock) and whether
    there is a place (GPS). exif: as in data.picture.Picture. None where nothing of it is there."""
    if not exif:
        return None
    block = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"):  # of damaged blocks
            block.load(exif)
            inner, place = block.get_ifd(IFD.Exif), block.get_ifd(IFD.GPSInfo)
            facts: dict[str, Any] = {name: _text(block.get(tag)) for name, tag in _TAGS.items()}
    except (ValueError, SyntaxError, LookupError, TypeError, OSError, ArithmeticError, struct.error):
        return None  # damaged: the picture is judged all the same
    facts["lens"] = _text(inner.get(Base.LensModel))
    facts["taken"] = _time(_text(inner.get(Base.DateTimeOriginal)) or _text(block.get(Base.DateTime)))
    facts["place"] = bool(place and place.get(2) and place.get(4))  # latitude, longitude
    return facts if any(facts.values()) else None


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    shown = "".join(letter for letter in value.partition("\0")[0] if letter.isprintable())
    return shown.strip()[:_TEXT_CHARS] or None


def _time(text: str | None) -> str | None:
    """2026-01-02 03:04:05 for EXIF's 2026:01:02 03:04:05."""
    if text is None or text.startswith("0000"):
        return None
    day, _, clock = text.partition(" ")
    return f"{day.replace(':', '-')} {clock}".strip()
