"""From what a worker says to what a caller is told: links for paths, and only what their role allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from underdrawing.service.schemas import Artefact, Match, Protection, RecordOut, Verification
from underdrawing.service.tokens import may

MEDIA = {
    ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif",
    ".tif": "image/tiff", ".bmp": "image/bmp", ".heic": "image/heic", ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf", ".c2pa": "application/c2pa",
}  # fmt: skip
_KINDS = {".pdf": "pdf", ".c2pa": "manifest"}
"""Where the suffix tells the kind; elsewhere it stands before the suffix."""
_PUBLIC_RECORD = ("identity", "registered", "system", "size", "owner", "facts")
_PLACED = ("number", "hash", "original", "protected")


def artefacts(name: str, sizes: Mapping[str, int]) -> dict[str, Artefact]:
    """Files of an answer by kind: picture.mask.png is the mask."""
    made = {}
    for file, size in sizes.items():
        path = PurePath(file)
        kind = _KINDS.get(path.suffix) or PurePath(path.stem).suffix.removeprefix(".") or path.stem
        made[kind] = Artefact(url=f"/v1/artefacts/{name}/{file}", media_type=MEDIA[path.suffix], bytes=size)
    return made


def verification(
    report: dict[str, Any],
    records: Sequence[RecordOut],
    links: dict[str, Artefact],
    seconds: float,
    role: str,
) -> Verification:
    """The answer to a verification. report: `verify --json`."""
    soft = may(role, "reader")
    return Verification(
        file=report["file"],
        status=report["status"],
        present=report["present"],
        message=report["message"],
        identity=report["identity"],
        signature=report["signature"],
        altered_fraction=report["altered_fraction"],
        content_matches=report["content_matches"],
        layers=report["layers"] if soft else None,
        details=report["details"] if soft else None,
        seconds=report["seconds"],
        credentials=report["credentials"],
        sha256=report["sha256"],
        checked=report["checked"],
        records=list(records),
        artefacts=links,
        artefacts_seconds=seconds,
    )


def protection(report: dict[str, Any], links: dict[str, Artefact], seconds: float) -> Protection:
    """The answer to a protection. report: `protect --json`."""
    told = {name: report[name] for name in Protection.model_fields if name in report}
    return Protection(**told, artefacts=links, artefacts_seconds=seconds)


def record(told: dict[str, Any], role: str, manifest: str | None) -> RecordOut:
    """A record as a role may see it. told: as `registry show --json` prints it; manifest: an address."""
    names = _PUBLIC_RECORD + (_PLACED if may(role, "reader") else ())
    return RecordOut(**{name: told[name] for name in names}, manifest=manifest)


def match(told: dict[str, Any], role: str, manifest: str | None) -> Match:
    """A match as a role may see it. told: as in `retrieve --json`; manifest: an address."""
    shown = record(told, role, manifest).model_dump()
    return Match(by=told["by"], score=told["score"], sure=told["sure"], **shown)


def shown_name(name: str | None) -> str | None:
    """The name that a client gives its file, fit to be shown: its last part, printable, not endless."""
    last = PurePath((name or "").replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[:120] or None
