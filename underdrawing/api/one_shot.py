"""protect, verify, retrieve, examine: one picture with a Session of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from underdrawing.api.picture_text import TextSource
from underdrawing.api.session import Session
from underdrawing.api.verifying import Recover
from underdrawing.coding.keys import Owner, TrustStore
from underdrawing.content.importance.request import SigningPlace
from underdrawing.credentials.signing import CredentialSigner
from underdrawing.data.pictures import MAX_PIXELS
from underdrawing.data.sources import Source
from underdrawing.registry.facts import Facts
from underdrawing.registry.rendition import LONG_SIDE_PX
from underdrawing.registry.retrieval import Match
from underdrawing.registry.store import Registry
from underdrawing.report.examination import ExamineReport
from underdrawing.report.reports import ProtectReport, VerifyReport


def protect(
    source: Source,
    output: str | Path | None = None,
    *,
    sign: Owner | str | Path | None = None,
    secret: str | Path | bytes | None = None,
    overwrite: bool = False,
    registry: Registry | str | Path | None = None,
    facts: Facts | Mapping[str, Any] | None = None,
    identity: str | bytes | None = None,
    strength: float = 1.0,
    quality: int | None = None,
    system: str = "photo",
    credentials: CredentialSigner | None = None,
    manifests: str | Path | None = None,
    rendition_px: int = LONG_SIDE_PX,
    focus: str | Sequence[str] = "auto",
    signing: SigningPlace = "auto",
    label: str | None = None,
    originals: str | Path | None = None,
) -> ProtectReport:
    """Embed in a picture a code of its own content and an identity, signed by `sign` if given.

    Arguments and errors: those of Session and `Session.protect`.
    """
    session = Session(
        sign=sign,
        secret=secret,
        registry=registry,
        credentials=credentials,
        manifests=manifests,
        originals=originals,
        system=system,
        strength=strength,
        quality=quality,
        rendition_px=rendition_px,
        focus=focus,
        signing=signing,
    )
    with session:
        return session.protect(
            source, output, identity=identity, facts=facts, label=label, overwrite=overwrite
        )


def verify(
    source: Source,
    output: str | Path | None = None,
    *,
    trust: TrustStore | str | Path | None = None,
    secret: str | Path | bytes | None = None,
    system: str = "photo",
    overwrite: bool = False,
    stem: str | None = None,
    registry: Registry | str | Path | None = None,
    manifests: str | Path | None = None,
    max_pixels: int = MAX_PIXELS,
    thorough: bool = False,
    recover: Recover = "faithful",
    pdf: bool = False,
) -> VerifyReport:
    """Find who protected a picture, whether and where it was altered, and what was there.

    Arguments and errors: those of Session and `Session.verify`.
    """
    session = Session(
        trust=trust,
        secret=secret,
        registry=registry,
        manifests=manifests,
        system=system,
        max_pixels=max_pixels,
        thorough=thorough,
        recover=recover,
    )
    with session:
        return session.verify(source, output, stem=stem, overwrite=overwrite, pdf=pdf)


def retrieve(
    source: Source,
    registry: Registry | str | Path,
    output: str | Path | None = None,
    *,
    limit: int = 5,
    secret: str | Path | bytes | None = None,
    system: str = "photo",
    manifests: str | Path | None = None,
    trust: TrustStore | str | Path | None = None,
    overwrite: bool = False,
    stem: str | None = None,
    originals: str | Path | None = None,
) -> list[Match]:
    """Find the registered photographs that a picture leads to, best first, at most `limit`.

    Arguments and errors: those of Session and `Session.retrieve`.
    """
    session = Session(
        trust=trust,
        secret=secret,
        registry=registry,
        manifests=manifests,
        originals=originals,
        system=system,
    )
    with session:
        return session.retrieve(source, output, limit=limit, stem=stem, overwrite=overwrite)


def examine(
    source: Source,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    stem: str | None = None,
    max_pixels: int = MAX_PIXELS,
    text: str | TextSource | None = None,
) -> ExamineReport:
    """Examine a picture that nobody protected: its faces, and the whole of it.

    Arguments and errors: those of `Session.examine`.
    """
    with Session(max_pixels=max_pixels) as session:
        return session.examine(source, output, overwrite=overwrite, stem=stem, text=text)
