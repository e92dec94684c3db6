"""From witnesses to a status: which evidence spoke, what it excludes, and what it cannot judge.

docs/TRUST.md gives the rules and the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from underdrawing.core.types import ALTERED_PROBABILITY, Signature, Status, Verdict, Witness, WitnessState
from underdrawing.judging.regions import unexplained_regions
from underdrawing.judging.witness.witness import Finding

LEAST_BITS = 100
"""Signed bits about the received part, below which they cannot tell one picture from another."""
_CONTRADICTED = np.float32(0.9)  # probability of an alteration that the signed content shows
_MOST_UNVOUCHED = 0.9  # share of the picture above which nothing is called intact
_FLAT_LEVELS = 0.8  # deviation of the luma in a window, below which it shows no content
_WINDOW_PX = 24
_CLIPPED = 0.9  # share of a block at black or white above which it carries nothing


def status(witnesses: Sequence[Witness], unvouched_share: float = 0.0) -> Status:
    """The status of a picture with a mark."""
    if any(w.state == "contradicts" for w in witnesses):
        return "altered"
    confirmed = any(w.state == "agrees" and w.binding for w in witnesses)
    return "intact" if confirmed and unvouched_share <= _MOST_UNVOUCHED else "unvouched"


def mark_witness(fraction: float, share: float = 1.0, *, private: bool = False) -> Witness:
    """The mark as a witness.

    fraction: of the picture that its evidence shows as altered; share: that it covers. private: whether a
    secret is needed to write it.
    """
    if fraction > 0:
        message = f"The mark is missing or wrong in {max(fraction, 0.001):.1%} of the picture."
    elif private:
        message = "The mark is whole. Without the secret nobody could have written it over an edit."
    else:
        message = (
            "The mark is whole. This excludes edits by ordinary software, but for very small ones; somebody "
            "with this program could have written the mark over an edit."
        )
    state: WitnessState = "contradicts" if fraction > 0 else "agrees"
    return Witness("mark", state, private, share, None, message)


def content_witness(
    finding: Finding | None, signature: Signature, share: float = 1.0, *, rewritten: float = 0.0
) -> Witness:
    """The signed content as a witness.

    finding: None where no content was read. share: of the received picture in view; rewritten: of the view
    that contradicts the content under a mark that looks right.
    """

    def witness(
        state: WitnessState, message: str, binding: bool = False, least: float | None = None
    ) -> Witness:
        return Witness("signed content", state, binding, share, least, message)

    if finding is None:
        return witness("silent", "The signed content was not readable here.")
    if finding.is_other:
        return witness("contradicts", "The signed content is that of another picture.")
    if finding.altered.any():
        what = f"The picture differs from the signed content in {max(finding.altered.mean(), 0.001):.1%}."
        if rewritten > 0:
            what += f" In {max(rewritten, 0.001):.1%} the mark was written again over the edit."
        return witness("contradicts", what)
    unproven = {
        "absent": "The content in the mark is not signed: anybody could have written it.",
        "unknown": "The key that signed the content is not at hand, so nothing proves it."
        if not signature.registered
        else "The signature of the content lies in a registry that is not at hand, so nothing proves it.",
        "invalid": "The signature does not fit the content: somebody else wrote it.",
    }
    if signature.state != "valid":
        return witness("silent", unproven[signature.state])
    if finding.bits < LEAST_BITS or finding.least_area is None:
        return witness(
            "silent", f"{finding.bits:.0f} signed bits describe this: they do not suffice to vouch."
        )
    least = f"{finding.least_area:.1%}" if finding.least_area < 0.1 else f"{finding.least_area:.0%}"
    agrees = (
        "The picture agrees with the signed content. This excludes other pictures, and nine in ten visible "
        f"edits of {least} of the picture, even by somebody with this program."
    )
    return witness("agrees", agrees, True, finding.least_area)


def join_evidence(by_mark: np.ndarray, finding: Finding | None) -> tuple[np.ndarray, float]:
    """Probability (8 r, 8 c) of alteration by mark and signed content; share that only the content shows."""
    if finding is None:
        return by_mark, 0.0
    if finding.is_other:
        contradicted = np.ones_like(finding.altered)
    else:
        contradicted = unexplained_regions(finding.altered, by_mark)
    rewritten = float((contradicted & (by_mark <= ALTERED_PROBABILITY)).mean())
    return np.where(contradicted, np.maximum(by_mark, _CONTRADICTED), by_mark), rewritten


def coarse_content_witness(matches: bool | None) -> Witness:
    """The content as a witness where it is compared at low resolution only; `matches` as in Verdict."""
    state: WitnessState = "contradicts" if matches is False else "silent"
    if matches is False:
        message = "The content in the mark is that of another picture."
    else:
        message = "The content was compared at low resolution only, where many pictures are alike."
    return Witness("signed content", state, False, 1.0, None, message)


def unvouched_blocks(image: np.ndarray, clipped: np.ndarray) -> np.ndarray:
    """(r, c) bool: blocks too flat, or too clipped ((r, c) share), to carry or show anything.

    image: (8 r, 8 c, 3) uint8.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    window = (_WINDOW_PX, _WINDOW_PX)
    mean, square = cv2.blur(gray, window), cv2.blur(gray * gray, window)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    flat = cv2.resize(deviation, clipped.shape[::-1], interpolation=cv2.INTER_AREA) < _FLAT_LEVELS
    return flat | (clipped > _CLIPPED)


def signed_identity(verdict: Verdict) -> str:
    """The first half of a message: identity, and state of the signature."""
    registered = verdict.signature.registered
    missing = "by a signature in a registry that is not at hand" if registered else "which is not at hand"
    signed = {
        "valid": f", signed by key {verdict.signature.key}",
        "invalid": ", but the signature does not hold",
        "unknown": f", signed by key {verdict.signature.key}..., {missing}",
        "absent": ", no signature read",
    }[verdict.signature.state]
    return f"Protected as {verdict.identity}{signed}"


def earlier_protection(verdict: Verdict) -> str:
    """A sentence on the earlier protection that the present protector states; empty without one."""
    if verdict.previous is None:
        return ""
    identity, key = verdict.previous
    by = f" signed by key {key}..." if key else ""
    return f" The protector states that the picture was protected before as {identity}{by}."
