"""Activity: how much texture a block has to hide a change in, re-derived by the reader from the received
picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from underdrawing.carriers.lattice.parameters import FREQUENCIES, MOVES, EmbeddingLevel
from underdrawing.ops.dct import synthesise

_FLOOR = 0.1  # variance in levels^2 that every picture has; keeps the activity of a flat one above zero
_ROUNDS = 2  # of taking the mark out; more bring nothing
_LEAST_LEFT = 0.05  # of the variance, that is the picture's own


def activity(plane: np.ndarray) -> np.ndarray:
    """Texture of each 8x8 block in luma levels, (8 r, 8 c) float32 -> (r, c).

    The harmonic mean over the block of the local standard deviation in windows of 10 px. Harmonic, because on
    the flat side of an edge a change is seen: one flat corner outweighs the edge. Measured at half
    resolution, so that a picture that was halved gives nearly the same.
    """
    return _harmonic(_variance(plane))


def activity_before(marked: np.ndarray, level: EmbeddingLevel) -> np.ndarray:
    """The activity that a marked plane had before, as the embedder saw it, (8 r, 8 c) float32 -> (r, c).

    The mark is texture itself, as much as its density says, and that follows from the activity: so the one at
    which both agree is looked for. Where a level above 1 fills soft places, that is the difference between
    knowing which coefficients are in use and not.
    """
    variance = _variance(marked)
    found = _harmonic(variance)
    energy = (level.steps * MOVES) ** 2 / 12 * _half_resolution_power()
    for _ in range(_ROUNDS):
        added = np.repeat(np.repeat((level.density(found) * energy).sum(2), 4, 0), 4, 1)
        own = variance - cv2.boxFilter(added.astype(np.float32), -1, (5, 5))
        found = np.sqrt(found * _harmonic(np.maximum(own, _LEAST_LEFT * variance)))
    return found


def _variance(plane: np.ndarray) -> np.ndarray:
    """Local variance at half resolution, (4 r, 4 c) levels^2."""
    height, width = plane.shape
    half = cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    mean = cv2.boxFilter(half, -1, (5, 5))
    return np.maximum(cv2.boxFilter(half * half, -1, (5, 5)) - mean * mean, 0)


def _harmonic(variance: np.ndarray) -> np.ndarray:
    """The activity (r, c) of blocks of such variance (4 r, 4 c)."""
    flatness = 1 / np.sqrt(variance + _FLOOR)
    return 1 / cv2.resize(
        flatness, (variance.shape[1] // 4, variance.shape[0] // 4), interpolation=cv2.INTER_AREA
    )


@cache
def _half_resolution_power() -> np.ndarray:
    """(n,) variance at half resolution that one level in a coefficient of each of FREQUENCIES brings."""
    one = np.eye(len(FREQUENCIES), dtype=np.float32)[:, None]
    halves = (cv2.resize(synthesise(c[None], FREQUENCIES), (4, 4), interpolation=cv2.INTER_AREA) for c in one)
    return np.array([(half * half).mean() for half in halves], np.float32)
