"""The answers that systems give and that the command line, the web page and the benchmarks read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Status = Literal["intact", "altered", "unprotected", "unknown"]
SignatureState = Literal["valid", "invalid", "absent", "unknown"]
CredentialsState = Literal["none", "valid", "untrusted", "invalid", "unread"]

UNTOUCHED, DECODED, FILLED = 0, 1, 2  # values of a source map
ALTERED_PROBABILITY = 0.5
"""Pixels with a higher probability of alteration count as altered."""

ALTERED_PROBABILITY = 0.5
"""A pixel whose tampered_prob is above this counts as altered."""


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
    """(H, W, 3) uint8 RGB, in the received picture's own frame. Some systems take their mark out of the
    untouched part, as far as they know where each coefficient was moved from."""
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

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) bool, the altered pixels; None where the system cannot tell."""
        return None if self.tampered_prob is None else self.tampered_prob > ALTERED_PROBABILITY


@dataclass(frozen=True)
class SoftBinding:
    """What a manifest says to be hidden in its picture."""

    algorithm: str
    value: str
    agrees: bool | None = None
    """Whether that is the identity that was read; None where none was read, or the algorithm is not ours."""


@dataclass(frozen=True)
class Credentials:
    """What the Content Credentials of one file say, and whether they hold."""

    state: CredentialsState
    """none: there are none; valid: they hold, and the reader trusts who signed; untrusted: they hold, and who
    signed is unknown; invalid: they do not hold for this file; unread: there may be some, and the package
    that reads them is not installed."""
    message: str
    """A sentence or two for people."""
    issuer: str | None = None
    """Organization in the signer's certificate. Says something in the state "valid" only."""
    signer: str | None = None
    """Name in that certificate."""
    title: str | None = None
    generator: str | None = None
    """The program that made the manifest."""
    signed: str | None = None
    """When, as a time-stamping authority says; None without one."""
    actions: tuple[str, ...] = ()
    """As "c2pa.opened", in their order."""
    soft_binding: SoftBinding | None = None
    problems: tuple[str, ...] = ()
    """Codes of the C2PA specification for what does not hold."""
    manifest: bytes | None = None
    """The manifest store itself, where it was recovered and not in the file."""
    recovered: Credentials | None = None
    """What a registry keeps for the identity that was read, where the file's own do not hold."""

    def to_json(self) -> dict[str, Any]:
        """The object in `verify --json`."""
        told = {name: value for name, value in vars(self).items() if name != "manifest"}
        binding = None if self.soft_binding is None else dict(vars(self.soft_binding))
        recovered = None if self.recovered is None else self.recovered.to_json()
        lists = {"actions": list(self.actions), "problems": list(self.problems)}
        return told | lists | {"soft_binding": binding, "recovered": recovered}
