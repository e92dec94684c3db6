"""The system under test, as benchmarks see it: protect, verify, and nothing of how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.core.types import Verdict


@dataclass(frozen=True)
class Subject:
    """A loaded system with one owner, where it can sign, and one identity.

    model: `protect(image_u8, owner=, identity=, secret=, strength=)`, whose answer's `.apply(image_u8)` gives
    the protected pixels, and `verify(image_u8, secret=, find_key=) -> Verdict`. Where it has them,
    `identify(image_u8, secret=)` (the identity alone, quicker than a whole verdict) and `describe(image_u8,
    bits)` (the picture as a code of at most so many bits tells it) are measured too.
    """

    name: str
    model: Any
    owner: Owner | None
    identity: bytes = bytes.fromhex("0123456789abcdef")

    def protect(self, image_u8: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """The protected picture (H, W, 3) uint8."""
        protection = self.model.protect(
            image_u8, owner=self.owner, identity=self.identity, secret=None, strength=strength
        )
        return protection.apply(image_u8)

    def verify(self, received_u8: np.ndarray) -> Verdict:
        """The whole verdict, without a secret, the owner's public key at hand."""
        return self.model.verify(received_u8, secret=None, find_key=self._find_key)

    def identify(self, received_u8: np.ndarray) -> str | None:
        """The identity, by the shortest way that the system has."""
        if hasattr(self.model, "identify"):
            return self.model.identify(received_u8, secret=None)
        return self.verify(received_u8).identity

    def describe(self, image_u8: np.ndarray, bits: int) -> np.ndarray | None:
        """The picture as the hidden code tells it in at most `bits`, or None where a system cannot say."""
        if hasattr(self.model, "describe"):
            return self.model.describe(image_u8, bits)
        return None

    def names(self, identity: str | None) -> bool:
        """Whether that is the identity that was hidden."""
        return identity is not None and identity.lower() == self.identity.hex()

    def _find_key(self, fingerprint: bytes) -> PublicKey | None:
        return None if self.owner is None else self.owner.public
