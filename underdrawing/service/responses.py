"""Results of workers as API responses: URLs in place of paths, and only the fields a role may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from underdrawing.service.schemas import Artefact, Examination, Match, Protection, RecordOut, Verification
from underdrawing.service.tokens import may

MEDIA = {
    ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif",
    ".gif": "image/gif", ".tif": "image/tiff", ".bmp": "image/bmp", ".heic": "image/heic",
    ".udl": "application/octet-stream",
    ".html": "text/html; charset=utf-8", ".pdf": "application/pdf", ".c2pa": "application/c2pa",
}  # fmt: skip
_KINDS = {".pdf": "pdf", ".c2pa": "manifest"}
"""By suffix; other names have their kind before the suffix."""
_EXAMINED = "picture.examined"
"""Start of the names of an examination."""
_PUBLIC_FIELDS = ("identity", "registered", "system", "size", "owner", "facts")
_READER_FIELDS = ("number", "hash", "original", "protected")


def artefacts(name: str, sizes: Mapping[str, int]) -> dict[str, Artefact]:
    """Links to the files of a response by kind: picture.mask.png is the mask; of an examination
    picture.examined.html is the report, picture.examined.face1.NAME.png is face1.NAME."""
    links = {}
    for file, size in sizes.items():
        path = PurePath(file)
        if file.startswith(_EXAMINED):
            kind = path.stem.removeprefix(_EXAMINED).removeprefix(".") or "report"
        else:
            kind = _KINDS.get(path.suffix) or PurePath(path.stem).suffix.removeprefix(".") or path.stem
        links[kind] = Artefact(url=f"/v1/artefacts/{name}/{file}", media_type=MEDIA[path.suffix], bytes=size)
    return links


def verification(
    report: dict[str, Any],
    records: Sequence[RecordOut],
    links: dict[str, Artefact],
    seconds: float,
    role: str,
) -> Verification:
    """The response to a verification. report: as in `verify --json`."""
    fields = {name: report[name] for name in Verification.model_fields if name in report}
    if not may(role, "reader"):
        fields |= {"layers": None, "details": None}
    return Verification(**fields, records=list(records), artefacts=links, artefacts_seconds=seconds)


def protection(report: dict[str, Any], links: dict[str, Artefact], seconds: float) -> Protection:
    """The response to a protection. report: as in `protect --json`."""
    fields = {name: report[name] for name in Protection.model_fields if name in report}
    return Protection(**fields, artefacts=links, artefacts_seconds=seconds)


def examination(report: dict[str, Any], links: dict[str, Artefact], seconds: float) -> Examination:
    """The response to an examination. report: as in `examine --json`, and the size of the picture."""
    fields = {name: report[name] for name in Examination.model_fields if name in report}
    return Examination(**fields, artefacts=links, artefacts_seconds=seconds)


def record(entry: dict[str, Any], role: str, manifest: str | None) -> RecordOut:
    """The fields of a record that a role may read. entry: as in `registry show --json`; manifest: its URL."""
    names = _PUBLIC_FIELDS + (_READER_FIELDS if may(role, "reader") else ())
    return RecordOut(**{name: entry[name] for name in names}, manifest=manifest)


def match(found: dict[str, Any], role: str, manifest: str | None) -> Match:
    """The fields of a match that a role may read. found: as in `retrieve --json`; manifest: its URL."""
    fields = record(found, role, manifest).model_dump()
    return Match(by=found["by"], score=found["score"], sure=found["sure"], **fields)


def display_name(name: str | None) -> str | None:
    """The file name that a client sends, without folders and control characters, at most 120 characters."""
    last = PurePath((name or "").replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[:120] or None
