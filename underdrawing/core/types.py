"""The answers that systems give and that the command line, the web page and the benchmarks read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Status = Literal["intact", "altered", "unprotected", "error"]
SignatureState = Literal["valid", "invalid", "absent", "unknown"]

UNTOUCHED, DECODED, FILLED = 0, 1, 2  # values of a source map


@dataclass(frozen=True)
class Signature:
    """What is known of the owner's signature over identity and hidden code."""

    state: SignatureState = "absent"
    """valid: it holds under `key`; invalid: it does not; absent: none was read; unknown: no key at hand."""
    key: str | None = None
    """Fingerprint of the signer's public key, 16 hex digits, or None."""
    trusted: bool = False
    """Whether that key is in the reader's trust store. Says nothing of whether the signature holds."""


@dataclass(frozen=True)
class Verdict:
    """What a reader found in one received picture; None means that this system cannot tell."""

    status: Status
    present: bool
    message: str
    """One sentence for people."""
    identity: str | None = None
    """16 hex digits."""
    signature: Signature = Signature()
    tampered_prob: np.ndarray | None = None
    """(H, W) float32 in [0, 1], in the received picture's own frame, calibrated."""
    recovered: np.ndarray | None = None
    """(H, W, 3) uint8 RGB, in the received picture's own frame."""
    source_map: np.ndarray | None = None
    """(H, W) uint8: UNTOUCHED, DECODED from the hidden code, or FILLED in by a prior."""
    confidence: np.ndarray | None = None
    """(H, W) float32 in [0, 1]: how sure the recovered pixel is."""
    content: np.ndarray | None = None
    """(h, w, 3) uint8 RGB: the whole picture as the hidden code alone describes it."""
    content_matches: bool | None = None
    """False where the signed content is that of another picture: the mark was copied."""
    altered_fraction: float | None = None
    layers: tuple[str, ...] = ()
    """The parts of the hidden code that were read and checked, of ("base", "middle", "top")."""
    facts: dict | None = None
    fake_prob: float | None = None
    details: dict = field(default_factory=dict)
    """Numbers behind the verdict: alignment, evidence, false-accept bound."""
