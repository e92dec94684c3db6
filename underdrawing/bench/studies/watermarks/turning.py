"""A carrier of faces as `NAME:turned` protects with it: each further message in a turn without a mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from underdrawing import zoo
from underdrawing.carriers.face_bits import FaceBits, Patches
from underdrawing.carriers.turned import in_turn
from underdrawing.coding.short_identity import SHORT_IDENTITIES, short_identity
from underdrawing.core.interfaces import Reading
from underdrawing.judging.marked_bits import is_marked


@dataclass(frozen=True)
class Turning:
    """Embeds in the first turn without a mark, or in the last one. Reads the first turn, which has
    the first message."""

    carrier: FaceBits
    turns: int
    tells_length: ClassVar[bool] = False

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """See Carrier."""
        return self.carrier.capacity_bits(image_u8)

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Patches:
        """See Carrier."""
        free = (turn for turn in range(self.turns) if not self._marked(image_u8, turn))
        turn = next(free, self.turns - 1)
        return in_turn(self.carrier, turn).embed(image_u8, bits)

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Carrier."""
        return self.carrier.read(received_u8, count)

    def _marked(self, image_u8: np.ndarray, turn: int) -> bool:
        length = max(n for n in SHORT_IDENTITIES if n <= self.capacity_bits(image_u8))
        return is_marked(short_identity(length), in_turn(self.carrier, turn).read(image_u8, length))


def loaded(name: str) -> Any:
    """The carrier of a name; NAME:turned as `protect --system` takes it. Errors: those of zoo.load."""
    if name.partition(":")[2] != zoo.TURNED:
        return zoo.load(name)
    protector = zoo.protector(name)
    return Turning(protector.carrier, protector.turns)
