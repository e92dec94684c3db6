"""Verdict of a system joined with the comparison of the received picture with its registered original."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from underdrawing.core.types import (
    ALTERED_PROBABILITY,
    REFERENCE,
    UNTOUCHED,
    Assurance,
    Verdict,
    Witness,
)
from underdrawing.judging.assurance import earlier_protection, signed_identity, status
from underdrawing.judging.reference import Comparison, recover
from underdrawing.registry.placing import Placement
from underdrawing.registry.record import Record

UNPROVEN = (
    "The registry holds a record under this identity, which is not proven for this picture; its facts are "
    "withheld."
)
_WHOLE = 0.98  # of the received picture inside the original, from which the rest is not mentioned
_FINE = 0.6  # pixels of the rendition for one received, above which it shows what the mark shows
_CONFIDENCE = 0.95  # of a pixel from the rendition at the received resolution


def with_comparison(
    received: np.ndarray, verdict: Verdict, placed: Placement, comparison: Comparison, witness: Witness
) -> Verdict:
    """The verdict with mask, recovered picture, status and witnesses of both; its message is not changed.

    Inside the original its mask replaces that of the system. Regions that the system alone flags are kept,
    unless the original is binding and fine enough to show them.
    """
    overrules = witness.binding and placed.alignment is not None and placed.alignment.pitch >= _FINE
    by_system = np.zeros(received.shape[:2], np.float32)
    if verdict.tampered_prob is not None:
        by_system = verdict.tampered_prob
    kept = np.where(comparison.inside, 0, by_system)
    if not overrules:
        kept = np.maximum(kept, by_system * _apart(by_system > ALTERED_PROBABILITY, comparison.altered))
    probability = np.maximum(comparison.probability, kept).astype(np.float32)
    altered = probability > ALTERED_PROBABILITY
    witnesses = () if verdict.assurance is None else verdict.assurance.witnesses
    if overrules and not altered.any():
        witnesses = tuple(_overruled(one) for one in witnesses)
        verdict = replace(verdict, content_matches=True if verdict.content_matches is not None else None)
    unvouched = verdict.unvouched
    if witness.binding:
        unvouched = ~comparison.inside if unvouched is None else unvouched & ~comparison.inside
    share = 0.0 if unvouched is None else round(float(unvouched.mean()), 4)
    result = replace(
        verdict,
        tampered_prob=probability,
        altered_fraction=float(altered.mean()),
        unvouched=unvouched,
        assurance=Assurance((*witnesses, witness), share),
        status="altered" if altered.any() else status((*witnesses, witness), share),
    )
    return _recovered(received, result, placed, comparison)


def with_another_picture(verdict: Verdict, record: Record, registered: Record | None) -> Verdict:
    """The verdict where the original of the identity is another picture: its mark was copied.

    registered: the record that this picture has under another identity, or None.
    """
    what = "The registered original of this identity is another picture: the mark was copied."
    witness = Witness("registered original", "contradicts", False, 1.0, None, what)
    witnesses = () if verdict.assurance is None else verdict.assurance.witnesses
    where = "" if registered is None else f" This picture is registered as {_named(registered)}."
    shape = None if verdict.tampered_prob is None else verdict.tampered_prob.shape
    return replace(
        verdict,
        status="altered",
        content_matches=False,
        tampered_prob=None if shape is None else np.ones(shape, np.float32),
        altered_fraction=None if shape is None else 1.0,
        assurance=Assurance((*witnesses, witness), 0.0),
        message=f"{signed_identity(verdict)}; t{what[1:]}{where}",
        details=verdict.details | {"registered": {"identity": record.identity, "another_picture": True}},
    )


def witness_message(fraction: float, least_area: float, binding: bool) -> str:
    """What the registered original says, in one sentence or two."""
    if fraction > 0:
        return f"The picture differs from the registered original in {_share(fraction)}."
    excluded = f"nine in ten edits of {_share(least_area)} of the picture or more, whoever made them"
    if binding:
        return f"The picture agrees with the registered original. This excludes {excluded}."
    return (
        "The picture agrees with the registered original, but its record is signed neither by a key that is "
        "trusted here nor by the key of the mark."
    )


def message(verdict: Verdict, record: Record, witness: Witness, earlier: Record | None) -> str:
    """One sentence for the user about a verdict that is joined with its registered original."""
    altered = f"{_share(verdict.altered_fraction or 0)} of the picture"
    if verdict.present:
        who = f"{signed_identity(verdict)}; it"
    else:
        who = f"No mark was found, but the picture is registered as {_named(record)}; it"
    if witness.state == "contradicts":
        what = f"differs from the registered original in {altered}; what was there is shown from it."
    elif verdict.status == "altered":
        what = f"is altered in {altered} by the evidence of the mark, although it agrees with the registered "
        what += "original as far as that shows."
    elif witness.binding:
        what = "agrees with the registered original."
    else:
        what = "agrees with the registered original, but no key that is trusted here signed that record."
    if witness.share < _WHOLE:
        what += f" {1 - witness.share:.0%} of the picture lies outside of the original."
    if verdict.present and verdict.identity != record.identity:
        what += f" That original is registered as {_named(record)}."
    what += earlier_protection(verdict)
    if earlier is not None:
        what += f" The same picture was registered earlier as {_named(earlier)}."
    return f"{who} {what}"


def _recovered(received: np.ndarray, verdict: Verdict, placed: Placement, comparison: Comparison) -> Verdict:
    """The verdict with altered pixels from the original, and from the system where that does not reach."""
    assert placed.rendition is not None and placed.alignment is not None
    source = np.full(received.shape[:2], UNTOUCHED, np.uint8)
    base, confidence = received, np.ones(source.shape, np.float32)
    if verdict.recovered is not None and verdict.source_map is not None:
        theirs = (verdict.source_map == UNTOUCHED) | ~comparison.inside
        if verdict.mask is not None:
            theirs |= verdict.mask & ~comparison.altered
        base = np.where(theirs[..., None], verdict.recovered, received)
        source = np.where(theirs, verdict.source_map, source)
        if verdict.confidence is not None:
            confidence = np.where(theirs, verdict.confidence, confidence)
    if comparison.altered.any():
        original, region = recover(received, placed.rendition, placed.alignment, comparison.altered)
        base = np.where(region[..., None], original, base)
        source = np.where(region, np.uint8(REFERENCE), source)
        sure = _CONFIDENCE * min(1.0, float(np.sqrt(placed.alignment.pitch)))
        confidence = np.where(region, np.float32(sure), confidence)
    return replace(verdict, recovered=base, source_map=source, confidence=confidence.astype(np.float32))


def _apart(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W) bool: regions of a mask that another one does not touch."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return mask & ~np.isin(labels, np.unique(labels[other]))


def _overruled(witness: Witness) -> Witness:
    if witness.state != "contradicts":
        return witness
    message = f"Not confirmed by the registered original, which agrees: {witness.message}"
    return replace(witness, state="silent", message=message)


def _named(record: Record) -> str:
    owner = "without a signature" if record.owner is None else f"by key {record.owner.fingerprint}"
    return f"{record.identity or 'a record without identity'} {owner} on {record.registered[:10]}"


def _share(fraction: float) -> str:
    return f"{max(fraction, 0.0001):.2%}" if fraction < 0.01 else f"{fraction:.1%}"
