"""The lossy base of a tile: low frequencies of 8 x 8 blocks, with an integer cosine transform.

Both sides compute the reconstruction in int64, so that it is the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 8
_BITS = 7
_BASIS = np.array(
    [
        [45, 45, 45, 45, 45, 45, 45, 45],
        [63, 53, 36, 12, -12, -36, -53, -63],
        [59, 24, -24, -59, -59, -24, 24, 59],
        [53, -12, -63, -36, 36, 63, 12, -53],
        [45, -45, -45, 45, 45, -45, -45, 45],
        [36, -63, 12, 53, -53, -12, 63, -36],
        [24, -59, 59, -24, -24, 59, -59, 24],
        [12, -36, 53, -63, 63, -53, 36, -12],
    ],
    np.int64,
)
"""round(2^7 * c_k / 2 * cos((2 n + 1) k pi / 16)), c_0 = 1 / sqrt(2): the orthonormal DCT times 2^7."""
_KEPT_STEP = ((1, 8, 24), (2, 4, 32), (4, 2, 64), (32, 1, 96))
"""For a first grid of at most this stride: frequencies u + v below this are kept, in steps at 8 bits."""


@dataclass(frozen=True)
class Base:
    """Geometry and precision of the base of every tile of a picture."""

    kept: int
    """Frequencies (u, v) with u + v below this."""
    step: int
    """Of the quantizer of luma; twice that for other planes."""

    @classmethod
    def of(cls, stride: int, depth: int) -> Base:
        """For a first grid of this stride and samples of `depth` bits."""
        kept, step = next((kept, step) for limit, kept, step in _KEPT_STEP if stride <= limit)
        return cls(kept, step << (depth - 8))

    @property
    def frequencies(self) -> list[tuple[int, int]]:
        """Kept ones, in coding order."""
        places = [(u, v) for u in range(BLOCK) for v in range(BLOCK) if u + v < self.kept]
        return sorted(places, key=lambda place: (sum(place), place))

    def quantized(self, plane: np.ndarray, chroma: bool) -> np.ndarray:
        """Levels (frequencies, h / 8, w / 8) int64 of a plane (h, w) of integers, sides multiples of 8."""
        spectrum = np.einsum("un,yxnm,vm->uvyx", _BASIS, _blocks(plane), _BASIS, optimize=True)
        unit = (self.step << chroma) << (2 * _BITS)
        return np.stack([(2 * spectrum[place] + unit) // (2 * unit) for place in self.frequencies])

    def reconstructed(self, levels: np.ndarray, chroma: bool) -> np.ndarray:
        """The plane (h, w) int64 of quantized levels."""
        spectrum = np.zeros((BLOCK, BLOCK, *levels.shape[1:]), np.int64)
        for place, values in zip(self.frequencies, levels, strict=True):
            spectrum[place] = values
        blocks = np.einsum("un,uvyx,vm->ynxm", _BASIS, spectrum, _BASIS, optimize=True)
        height, width = (side * BLOCK for side in levels.shape[1:])
        step = self.step << chroma
        return ((blocks * step + (1 << (2 * _BITS - 1))) >> (2 * _BITS)).reshape(height, width)


def _blocks(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    shape = height // BLOCK, BLOCK, width // BLOCK, BLOCK
    return plane.astype(np.int64).reshape(shape).transpose(0, 2, 1, 3)


def differences(levels: np.ndarray) -> np.ndarray:
    """Levels with each mean as its difference from the one to the left, in the first column from above."""
    coded = levels.copy()
    coded[0, :, 1:] -= levels[0, :, :-1]
    coded[0, 1:, 0] -= levels[0, :-1, 0]
    return coded


def summed(coded: np.ndarray) -> np.ndarray:
    """The inverse of `differences`."""
    levels = coded.copy()
    levels[0, :, 0] = np.cumsum(levels[0, :, 0])
    levels[0] = np.cumsum(levels[0], 1)
    return levels
