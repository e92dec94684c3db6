"""The results of protect and verify: as JSON, as one line, and as HTML in notebooks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from underdrawing import __version__
from underdrawing.core.types import Credentials, Verdict
from underdrawing.data.animations import Animation
from underdrawing.data.picture import Picture
from underdrawing.judging.signed_content import LOCAL_BITS
from underdrawing.report import labels, witnesses
from underdrawing.report.page import notebook_html

LAYERS = ("base", "middle", "top")
"""Of a mark; keys of ProtectReport.bits beside "content"."""


@dataclass(frozen=True, repr=False)
class ProtectReport:
    """Result of `protect`."""

    file: str | None
    output: str | None
    identity: str | None
    """16 hex digits; None where the system hides none."""
    psnr_db: float
    """Of the protected pixels against the original ones, RGB, before the output is encoded."""
    ssim: float
    """Of the same pair."""
    bits: dict[str, int]
    """Bits of each part of the hidden code, as read back."""
    seconds: float
    """Time of embedding, without reading and writing files."""
    signed_by: str | None
    """Fingerprint of the owner's key; None without a signature."""
    protected: Picture
    """Of an animation, its first frame."""
    animation: Animation | None = None
    """All protected frames, where the source is an animated file."""
    registered: int | None = None
    """Number of the record; None without a registry."""
    credentials: bool = False
    """Whether the output has Content Credentials."""
    source_file: bytes | None = None
    """Content of the original's file; None where there is none."""
    record: Any = None
    """registry.record.Record of the picture; None without a registry."""
    already: tuple[str, str | None] | None = None
    """Identity and key (8 hex digits, or None) of an earlier protection, which this one replaces; None where
    the source had none."""
    growth: float | None = None
    """Bytes of the output for one of the original's file; None where one of them is no file."""
    notes: tuple[str, ...] = ()
    """What reading tolerated or converted, what differs from what was asked for, and what the output lacks of
    the source; a sentence each."""

    @property
    def verdict_can(self) -> list[str] | None:
        """What `verify` will be able to say of a re-encoded copy: "identity", "signature", "altered" (find
        edits) and "recovered" (show what was there); None for systems without layers."""
        if not all(name in self.bits for name in (*LAYERS, "content")):
            return None
        able = {
            "identity": self.identity is not None,
            "signature": self.signed_by is not None,
            "altered": self.bits["middle"] + self.bits["top"] > 0,
            "recovered": self.bits["content"] >= LOCAL_BITS,
        }
        return [name for name, can in able.items() if can]

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
            "verdict_can": self.verdict_can,
            "seconds": round(self.seconds, 3),
            "registered": self.registered,
            "credentials": self.credentials,
            "growth": None if self.growth is None else _number(self.growth, 3),
            "already": None
            if self.already is None
            else dict(zip(("identity", "signed_by"), self.already, strict=True)),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        signed = f"signed by {self.signed_by}" if self.signed_by else "not signed"
        identity = f"identity {self.identity}" if self.identity else "no identity"
        files = f"{self.file or 'picture'} -> {self.output or 'not written'}"
        return f"<ProtectReport {files}: {identity}, {signed}, {self.psnr_db:.1f} dB>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        pictures = {"Protected": Image.fromarray(self.protected.image)}
        message = repr(self)[1:-1].removeprefix("ProtectReport ")
        return notebook_html("Protected", "#1d7a46", message, pictures)


@dataclass(frozen=True, repr=False)
class VerifyReport:
    """Result of `verify`."""

    file: str | None
    verdict: Verdict
    """With mask, recovered picture and maps as arrays."""
    seconds: float
    """Time of verification, without reading and writing files."""
    picture: Picture
    """As received."""
    signer: str | None = None
    """Name of the signer's key in the verifier's trust store; None where it is not there."""
    written: dict[str, str] | None = None
    """Paths of the written findings by kind: mask, recovered, html and others."""
    credentials: Credentials | None = None
    """Content Credentials of the file; None where the source is no file."""
    sha256: str | None = None
    """Of the file, 64 hex digits; None where the source is no file."""
    checked: str = "1970-01-01T00:00:00Z"
    """Time of verification, UTC, as 2026-01-02T03:04:05Z."""
    record: dict[str, Any] | None = None
    """The record in a registry of the identity or, found by content, of the picture: identity, registered,
    size, owner, facts, proven. It describes the photograph as protected, not as received. Where neither mark
    nor registered original proves that it is of this picture, `proven` is False, size and owner are None, and
    there are no facts."""
    notes: tuple[str, ...] = ()
    """What reading tolerated or converted; a sentence each."""

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
            "assurance": None if verdict.assurance is None else verdict.assurance.to_json(),
            "previous": None
            if verdict.previous is None
            else dict(zip(("identity", "key"), verdict.previous, strict=True)),
            "recorded": verdict.recorded,
            "mask": written.get("mask"),
            "unvouched": written.get("unvouched"),
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
            "notes": list(self.notes),
            "sha256": self.sha256,
            "checked": self.checked,
            "version": __version__,
            "seconds": round(self.seconds, 3),
            "details": _plain(verdict.details),
        }

    def __repr__(self) -> str:
        verdict = repr(self.verdict)[1:-1].removeprefix("Verdict ")
        signer = "" if self.signer is None else f", key of {self.signer}"
        return f"<VerifyReport {self.file or 'picture'}: {verdict}{signer}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        verdict, pictures = self.verdict, {"Received": Image.fromarray(self.picture.image)}
        if verdict.mask is not None:
            pictures["Altered area"] = Image.fromarray(verdict.mask)
        if verdict.recovered is not None:
            pictures["Recovered"] = Image.fromarray(verdict.recovered)
        report = self.to_json()
        title, color = labels.state(report)
        message = " ".join(filter(None, (verdict.message, witnesses.sentence(report))))
        return notebook_html(title, color, message, pictures)


def _number(value: float | None, digits: int) -> float | None:
    """A rounded number; None for infinity, which JSON lacks."""
    return round(float(value), digits) if value is not None and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """A value in JSON's types; arrays are left out."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if not isinstance(item, np.ndarray)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
