"""The system under test, as studies see it: protect and verify."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.bench.harness.record import versions_of
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.core.types import Verdict


@dataclass(frozen=True)
class Subject:
    """A loaded system with one owner, where it can sign, and one identity.

    model: `protect(image_u8, owner=, identity=, secret=, strength=) -> Protection` and `verify(image_u8,
    secret=, find_key=) -> Verdict`; optional `identify(image_u8, secret=)`, the identity alone, and
    `describe(image_u8, bits)`, the decoded content of a code of at most `bits`.
    """

    name: str
    model: Any
    owner: Owner | None
    identity: bytes = bytes.fromhex("0123456789abcdef")
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the system and its blocks; see `versions_of`."""

    def protect(self, image_u8: np.ndarray, strength: float = 1.0, **stated: Any) -> np.ndarray:
        """The protected picture (H, W, 3) uint8. stated: further arguments of the model."""
        protection = self.model.protect(
            image_u8, owner=self.owner, identity=self.identity, secret=None, strength=strength, **stated
        )
        return protection.apply(image_u8)

    def verify(self, received_u8: np.ndarray) -> Verdict:
        """The whole verdict, without a secret, with the owner's public key."""
        return self.model.verify(received_u8, secret=None, find_key=self._find_key)

    def read_back(self, received_u8: np.ndarray) -> Verdict:
        """What is read in a whole picture at its own size, with the owner's public key, not judged."""
        return self.model.read_back(received_u8, secret=None, find_key=self._find_key)

    def identify(self, received_u8: np.ndarray) -> str | None:
        """The identity, by the fastest method of the system."""
        if hasattr(self.model, "identify"):
            return self.model.identify(received_u8, secret=None)
        return self.verify(received_u8).identity

    def describe(self, image_u8: np.ndarray, bits: int) -> np.ndarray | None:
        """The decoded content of a code of at most `bits`; None for a system that cannot."""
        if hasattr(self.model, "describe"):
            return self.model.describe(image_u8, bits)
        return None

    def matches(self, identity: str | None) -> bool:
        """Whether this is the embedded identity."""
        return identity is not None and identity.lower() == self.identity.hex()

    def _find_key(self, fingerprint: bytes) -> PublicKey | None:
        return None if self.owner is None else self.owner.public


def load_subject(name: str, weights: Path | None = None) -> Subject:
    """A system of the zoo, or NAME:VARIANT, with a new owner and identity; weights: not the released."""
    owner = Owner.create() if "sign" in zoo.card(name.partition(":")[0]).abilities else None
    versions = versions_of(name, other_weights=weights is not None)
    return Subject(name, zoo.load(name, weights), owner, secrets.token_bytes(8), versions)
