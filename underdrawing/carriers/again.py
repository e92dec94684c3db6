"""A carrier as somebody else uses it: random bits in any picture, whatever it holds already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import Carrier


@dataclass(frozen=True)
class Again:
    """Embeds random bits with a carrier."""

    carrier: Carrier
    most_bits: int = 128
    """Of a message; fewer where the picture has less room."""

    def __call__(self, image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The picture (H, W, 3) uint8 marked once more; as it is where it has no room."""
        count = min(self.carrier.capacity_bits(image_u8), self.most_bits)
        if not count:
            return image_u8
        message = rng.integers(0, 2, count, dtype=np.uint8)
        try:
            return self.carrier.embed(image_u8, message).apply(image_u8)
        except CapacityError:  # a picture that turns out to be too flat
            return image_u8
