"""What a camera wrote into a picture's file, for readers. Nothing of it is signed: anybody can change it."""

from __future__ import annotations

from typing import Any

from PIL.ExifTags import GPS, IFD, Base

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.tiff.tags import ASCII, UNDEFINED, Directory, File
from underdrawing.data.exif import HEADER

_TEXT_CHARS, _TEXT_BYTES = 100, 1000
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
    try:
        file = File((exif or b"").removeprefix(HEADER))
        page = Directory(file, file.first)
    except PictureError:
        return None  # none, or damaged: the picture is judged all the same
    inner, place = _inner(page, IFD.Exif), _inner(page, IFD.GPSInfo)
    facts: dict[str, Any] = {name: _text(page, tag) for name, tag in _TAGS.items()}
    facts["lens"] = _text(inner, Base.LensModel)
    facts["taken"] = _time(_text(inner, Base.DateTimeOriginal) or _text(page, Base.DateTime))
    facts["place"] = place is not None and {GPS.GPSLatitude, GPS.GPSLongitude} <= place.fields.keys()
    return facts if any(facts.values()) else None


def _inner(page: Directory, tag: int) -> Directory | None:
    """The directory that a tag points to; None where there is none."""
    at = page.number(tag, 0)
    try:
        return Directory(page.file, at) if at else None
    except PictureError:
        return None


def _text(directory: Directory | None, tag: int) -> str | None:
    field = None if directory is None else directory.fields.get(tag)
    if directory is None or field is None or field.kind not in (ASCII, UNDEFINED):
        return None
    value = (directory.raw(tag) or b"")[:_TEXT_BYTES].partition(b"\0")[0].decode("utf-8", "replace")
    shown = "".join(letter for letter in value if letter.isprintable())
    return shown.strip()[:_TEXT_CHARS] or None


def _time(text: str | None) -> str | None:
    """2026-01-02 03:04:05 for EXIF's 2026:01:02 03:04:05."""
    if text is None or text.startswith("0000"):
        return None
    day, _, clock = text.partition(" ")
    return f"{day.replace(':', '-')} {clock}".strip()
