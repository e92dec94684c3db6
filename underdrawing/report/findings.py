"""What protect and verify answer, and the files in which verify lays down its findings.

STEM.mask.png         8-bit, the calibrated probability of alteration x 255, in the received picture's frame
STEM.recovered.png    what was there
STEM.source.png       palette picture; 0 untouched, 1 decoded from the hidden code, 2 filled in by a prior
STEM.confidence.png   8-bit, how sure each recovered pixel is, x 255
STEM.content.png      the whole picture as the hidden code alone tells it
STEM.c2pa             Content Credentials that the file had lost, as the registry keeps them
STEM.report.json      the same object that `verify --json` prints
STEM.report.html      all of it side by side, in one file that needs no other
STEM.report.pdf       the same on paper's pages, where it is asked for
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from underdrawing import __version__
from underdrawing.core.types import Credentials, Verdict
from underdrawing.data.pictures import Picture
from underdrawing.report.page import Figure, figures, page

SOURCE_COLORS = (232, 232, 228, 30, 110, 190, 226, 140, 30)
"""RGB of untouched, decoded and filled in the source map's palette."""


_KINDS = {"c2pa": "manifest", "report.pdf": "pdf", "report.html": "html", "report.json": "json"}


@dataclass(frozen=True)
class ProtectReport:
    """What `protect` did."""

    file: str | None
    output: str | None
    identity: str | None
    """16 hex digits, or None where the system hides none."""
    psnr_db: float
    """Of the protected pixels against the original's, RGB, before the output's codec."""
    ssim: float
    """Of the same pair."""
    bits: dict[str, int]
    """How many bits each part of the hidden code has."""
    seconds: float
    """To make the protected pixels; reading and writing files not counted."""
    signed_by: str | None
    """Fingerprint of the owner's key, or None where nobody signed."""
    protected: Picture
    registered: int | None = None
    """Number of its record, or None where no registry was given."""
    credentials: bool = False
    """Whether Content Credentials were written into the output."""
    source_file: bytes | None = None
    """Content of the original's file; None where there is none."""
    record: Any = None
    """registry.record.Record of the picture; None without a registry."""

    def to_json(self) -> dict[str, Any]:
        """The object that `protect --json` prints."""
        return {
            "file": self.file,
            "status": "protected",
            "output": self.output,
            "identity": self.identity,
            "signed_by": self.signed_by,
            "psnr_db": _number(self.psnr_db, 2),
            "ssim": _number(self.ssim, 4),
            "bits": self.bits,
            "seconds": round(self.seconds, 3),
            "registered": self.registered,
            "credentials": self.credentials,
        }


@dataclass(frozen=True)
class VerifyReport:
    """What `verify` found; `verdict` holds the arrays, `written` the paths of what was written."""

    file: str | None
    verdict: Verdict
    seconds: float
    picture: Picture
    signer: str | None = None
    """What the reader's trust store calls the signer's key, or None where it does not know it."""
    written: dict[str, str] | None = None
    credentials: Credentials | None = None
    """What the file's Content Credentials say; None where the source is no file."""
    sha256: str | None = None
    """Of the file, 64 hex digits; None where the source is no file."""
    checked: str = "1970-01-01T00:00:00Z"
    """When, UTC, as 2026-01-02T03:04:05Z."""
    record: dict[str, Any] | None = None
    """The latest record of the identity in a registry: identity, registered, size, owner, facts. It tells of
    the photograph that was protected, whatever became of that since."""

    def to_json(self) -> dict[str, Any]:
        """The object that `verify --json` prints."""
        verdict, written = self.verdict, self.written or {}
        signature = verdict.signature
        signed = {"state": signature.state, "key": signature.key, "trusted": signature.trusted}
        return {
            "file": self.file,
            "status": verdict.status,
            "present": verdict.present,
            "identity": verdict.identity,
            "signature": signed | {"name": self.signer},
            "altered_fraction": _number(verdict.altered_fraction, 5),
            "content_matches": verdict.content_matches,
            "mask": written.get("mask"),
            "recovered": written.get("recovered"),
            "source_map": written.get("source"),
            "confidence": written.get("confidence"),
            "content": written.get("content"),
            "html": written.get("html"),
            "pdf": written.get("pdf"),
            "layers": list(verdict.layers),
            "credentials": None if self.credentials is None else self.credentials.to_json(),
            "manifest": written.get("manifest"),
            "record": self.record,
            "message": verdict.message,
            "sha256": self.sha256,
            "checked": self.checked,
            "version": __version__,
            "seconds": round(self.seconds, 3),
            "details": _plain(verdict.details),
        }


def finding_files(
    report: VerifyReport, stem: str, *, folder: Path | None = None, pdf: bool = False
) -> dict[str, bytes]:
    """The content of every file of findings by its name, which starts with `stem`.

    folder: where the files will be written; STEM.report.json names them there. pdf: with STEM.report.pdf.
    MissingExtraError for a PDF without reportlab.
    """
    files = picture_files(report, stem)
    previews = figures(
        Image.fromarray(report.picture.image), finding_pictures(report.verdict), report.verdict.tampered_prob
    )
    shown = report.to_json()
    if pdf:
        files[f"{stem}.report.pdf"] = _pdf(shown, previews)
    files[f"{stem}.report.html"] = page(shown, previews).encode("utf-8", "replace")
    written = paths_by_kind(files, stem, folder)
    text = json.dumps(replace(report, written=written).to_json(), indent=2, allow_nan=False) + "\n"
    return files | {f"{stem}.report.json": text.encode("utf-8")}


def picture_files(report: VerifyReport, stem: str) -> dict[str, bytes]:
    """The part of `finding_files` that is not a report: PNG files, and the manifest store if recovered."""
    files = {
        f"{stem}.{kind}.png": _png(image, report.picture.icc if kind == "recovered" else None)
        for kind, image in finding_pictures(report.verdict).items()
    }
    recovered = report.credentials.recovered if report.credentials else None
    if recovered is not None and recovered.manifest is not None:
        files[f"{stem}.c2pa"] = recovered.manifest
    return files


def paths_by_kind(files: Iterable[str], stem: str, folder: Path | None = None) -> dict[str, str]:
    """The paths of `finding_files` by kind, as `VerifyReport.written` has them."""
    suffixes = {name: name.removeprefix(f"{stem}.") for name in files}
    return {
        _KINDS.get(suffix, suffix.removesuffix(".png")): str(folder / name) if folder else name
        for name, suffix in suffixes.items()
    }


def finding_pictures(verdict: Verdict) -> dict[str, Image.Image]:
    """The pictures that a verdict holds, by kind: mask, recovered, source, confidence, content."""
    pictures: dict[str, Image.Image] = {}
    if verdict.tampered_prob is not None:
        pictures["mask"] = Image.fromarray(_levels(verdict.tampered_prob))
    if verdict.recovered is not None:
        pictures["recovered"] = Image.fromarray(verdict.recovered)
    if verdict.source_map is not None:
        source = Image.fromarray(verdict.source_map.astype(np.uint8), "L")
        source.putpalette(SOURCE_COLORS)
        pictures["source"] = source
    if verdict.confidence is not None:
        pictures["confidence"] = Image.fromarray(_levels(verdict.confidence))
    if verdict.content is not None:
        pictures["content"] = Image.fromarray(verdict.content)
    return pictures


def _pdf(told: dict[str, Any], small: list[Figure]) -> bytes:
    from underdrawing.report.pdf import pdf

    return pdf(told, small)


def _levels(unit: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)


def _png(image: Image.Image, icc: bytes | None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=2, icc_profile=icc)
    return buffer.getvalue()


def _number(value: float | None, digits: int) -> float | None:
    """A finite number rounded, None otherwise: JSON has no infinity."""
    return round(float(value), digits) if value is not None and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """The same value in JSON's own types; what has none (arrays) is left out."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if not isinstance(item, np.ndarray)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
