"""Verdicts, signatures and Content Credentials: results that systems return and all interfaces show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Status = Literal["intact", "altered", "unvouched", "unprotected", "unknown"]
WitnessName = Literal["mark", "signed content", "lossless layer", "registered original"]
WitnessState = Literal["agrees", "contradicts", "silent"]
SignatureState = Literal["valid", "invalid", "absent", "unknown"]
CredentialsState = Literal["none", "valid", "untrusted", "invalid", "unread"]

UNTOUCHED, DECODED, FILLED, REFERENCE, LOSSLESS, NATURAL = range(6)  # values of a source map
ALTERED_PROBABILITY = 0.5
"""A pixel whose tampered_prob is above this counts as altered."""
IDENTITY_BITS = 64
"""Of an identity, 16 hex digits; drawn at random, no two pictures have the same one."""


@dataclass(frozen=True)
class Signature:
    """State of the owner's signature over identity and hidden code."""

    state: SignatureState = "absent"
    """valid or invalid under `key`; absent: none was read; unknown: the key is not available, or the registry
    that keeps the signature."""
    key: str | None = None
    """Fingerprint of the signer's public key, 16 hex digits; its first 8 where the key is not available."""
    trusted: bool = False
    """Whether that key is in the verifier's trust store; independent of whether the signature is valid."""
    registered: bool = False
    """Whether a registry keeps the signature, and not the mark."""


@dataclass(frozen=True)
class Witness:
    """One source of evidence about a received picture, and its answer; see docs/TRUST.md."""

    name: WitnessName
    state: WitnessState
    """silent: it was not read, or does not suffice for a decision here."""
    binding: bool
    """Whether its agreement is out of reach of an attacker who has this software, but neither the owner's key
    nor the secret. Only a binding witness makes a picture intact."""
    share: float
    """Of the received picture that it can judge, 0..1."""
    least_area: float | None
    """Share of the received picture from which it finds nine of ten rewritten edits; None: unknown."""
    message: str
    """One sentence: what its agreement excludes, what it contradicts, or why it is silent."""

    def to_json(self) -> dict[str, Any]:
        """The object in `verify --json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Assurance:
    """The evidence on which a status stands."""

    witnesses: tuple[Witness, ...] = ()
    """In the order mark, signed content, lossless layer, registered original; one that a system or a picture
    lacks is absent."""
    unvouched_share: float = 0.0
    """Of the received picture that no binding witness judges: black, clipped or flat areas."""

    @property
    def strongest(self) -> Witness | None:
        """The last binding witness that is not silent, or else the last one that is not silent."""
        speaking = [w for w in self.witnesses if w.state != "silent"]
        return next((w for w in reversed(speaking) if w.binding), speaking[-1] if speaking else None)

    def witness(self, name: WitnessName) -> Witness | None:
        """The witness of this name, or None."""
        return next((w for w in self.witnesses if w.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The object in `verify --json`."""
        return {
            "strongest": None if self.strongest is None else self.strongest.name,
            "least_area": None if self.strongest is None else self.strongest.least_area,
            "unvouched_share": self.unvouched_share,
            "witnesses": [witness.to_json() for witness in self.witnesses],
        }


@dataclass(frozen=True, repr=False)
class Verdict:
    """Result for one received picture; None where the system does not determine a field."""

    status: Status
    """intact and altered: by a binding witness, or altered by any; unvouched: a mark is present and nothing
    contradicts it, but no binding witness confirms the picture; unprotected: neither mark nor registered
    original."""
    present: bool
    message: str
    """One sentence for the user."""
    identity: str | None = None
    """16 hex digits."""
    signature: Signature = Signature()
    tampered_prob: np.ndarray | None = None
    """(H, W) float32 in [0, 1], calibrated, in pixels of the received picture."""
    recovered: np.ndarray | None = None
    """(H, W, 3) uint8 RGB, in pixels of the received picture. Some systems remove their mark from the
    unaltered part where they know the original coefficients."""
    source_map: np.ndarray | None = None
    """(H, W) uint8: UNTOUCHED, DECODED from the hidden code, FILLED in by a prior, from the
    registered original (REFERENCE), decoded from the layer of lossless copies (LOSSLESS), or drawn after
    the hidden code with detail that nobody recorded (NATURAL)."""
    confidence: np.ndarray | None = None
    """(H, W) float32 in [0, 1]: confidence of the recovered pixel."""
    content: np.ndarray | None = None
    """(h, w, 3) uint8 RGB: the whole picture decoded from the hidden code alone."""
    content_matches: bool | None = None
    """False where the signed content belongs to another picture, as the mark was copied."""
    altered_fraction: float | None = None
    layers: tuple[str, ...] = ()
    """Layers of the hidden code that were read and passed their check, of ("base", "middle", "top"), or
    "top70", "top80" where only these parts of the top were read."""
    facts: dict | None = None
    fake_prob: float | None = None
    assurance: Assurance | None = None
    """Witnesses behind the status; None where the system has no mark or found none."""
    unvouched: np.ndarray | None = None
    """(H, W) bool: pixels of the received picture that no binding witness judges."""
    previous: tuple[str, str | None] | None = None
    """Identity and fingerprint of the key (8 hex digits, or None) of an earlier protection, as stated by the
    present protector."""
    recorded: dict[str, int | float | str | None] | None = None
    """Facts of the picture as protected that the mark records: "faces", the number of them (15: or more),
    "caption", 6 hex digits of its hash, "label", a class of ImageNet, and its "confidence" (None: named by
    somebody); None without any. Signed with the content."""
    details: dict = field(default_factory=dict)
    """Measurements behind the verdict: alignment, evidence, false-accept bound."""
    identity_bits: int = IDENTITY_BITS
    """Bits of the identity in the mark; with fewer than IDENTITY_BITS several pictures may share one."""

    @property
    def shared_identity(self) -> bool:
        """Whether other pictures may have the same identity, since the mark has few bits for it."""
        return self.identity_bits < IDENTITY_BITS

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) bool, the altered pixels; None without tampered_prob."""
        return None if self.tampered_prob is None else self.tampered_prob > ALTERED_PROBABILITY

    def __repr__(self) -> str:
        parts: list[str] = [self.status]
        if self.altered_fraction is not None:
            parts.append(f"{100 * self.altered_fraction:.1f} % of the picture")
        if self.identity is not None:
            parts.append(f"identity {self.identity}, signature {self.signature.state}")
        return f"<Verdict {', '.join(parts)}>"


@dataclass(frozen=True)
class SoftBinding:
    """Identity that a manifest states for its picture."""

    algorithm: str
    value: str
    agrees: bool | None = None
    """Whether it equals the identity that was read; None without one, or for an unknown algorithm."""


@dataclass(frozen=True)
class Credentials:
    """Content of one file's Content Credentials, and the result of their validation."""

    state: CredentialsState
    """none: there are none; valid: validated, the signer is trusted; untrusted: validated, the signer is
    unknown; invalid: not valid for this file; unread: the package that reads them is not installed."""
    message: str
    """One or two sentences for the user."""
    issuer: str | None = None
    """Organization in the signer's certificate. Verified in the state "valid" only."""
    signer: str | None = None
    """Name in that certificate."""
    title: str | None = None
    generator: str | None = None
    """The program that made the manifest."""
    signed: str | None = None
    """Time given by a time-stamping authority; None without one."""
    actions: tuple[str, ...] = ()
    """Such as "c2pa.opened", in the order of the manifest."""
    soft_binding: SoftBinding | None = None
    problems: tuple[str, ...] = ()
    """Validation failures, as codes of the C2PA specification."""
    manifest: bytes | None = None
    """The manifest store, where it was recovered and is not in the file."""
    recovered: Credentials | None = None
    """Credentials stored for the identity, where those of the file are not valid."""

    def to_json(self) -> dict[str, Any]:
        """The object in `verify --json`."""
        values = {name: value for name, value in vars(self).items() if name != "manifest"}
        binding = None if self.soft_binding is None else dict(vars(self.soft_binding))
        recovered = None if self.recovered is None else self.recovered.to_json()
        lists = {"actions": list(self.actions), "problems": list(self.problems)}
        return values | lists | {"soft_binding": binding, "recovered": recovered}
