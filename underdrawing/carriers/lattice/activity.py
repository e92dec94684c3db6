"""Activity: texture of a block, which masks a change; measured again in the received picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from underdrawing.carriers.lattice.parameters import FREQUENCIES, EmbeddingLevel
from underdrawing.ops.dct import synthesise

_FLOOR = 0.1  # variance, levels^2, added so that the activity of a flat block is above zero
_ROUNDS = 2  # of the fixed-point iteration; more do not change the result
_LEAST_LEFT = 0.05  # least share of the variance that is attributed to the original


def activity(plane: np.ndarray) -> np.ndarray:
    """Texture of each 8x8 block in luma levels, (8 r, 8 c) float32 -> (r, c).

    Harmonic mean over the block of the local standard deviation in windows of 10 px. Harmonic, because a
    change is visible on the flat side of an edge. Measured at half resolution, so that halving a picture
    hardly changes the result.
    """
    return _harmonic(_variance(plane))


def activity_before(marked: np.ndarray, level: EmbeddingLevel) -> np.ndarray:
    """Activity of a marked plane before embedding, (8 r, 8 c) float32 -> (r, c).

    The mark adds variance in proportion to its density, which depends on the activity: solved as a fixed
    point. At strengths above 1 the set of coefficients in use depends on this correction.
    """
    variance = _variance(marked)
    found = _harmonic(variance)
    energy = (level.steps * level.moves) ** 2 / 12 * _half_resolution_power()
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
    """Activity (r, c) from local variance (4 r, 4 c)."""
    flatness = 1 / np.sqrt(variance + _FLOOR)
    return 1 / cv2.resize(
        flatness, (variance.shape[1] // 4, variance.shape[0] // 4), interpolation=cv2.INTER_AREA
    )


@cache
def _half_resolution_power() -> np.ndarray:
    """(n,) variance at half resolution per squared level of a coefficient at each of FREQUENCIES."""
    one = np.eye(len(FREQUENCIES), dtype=np.float32)[:, None]
    halves = (cv2.resize(synthesise(c[None], FREQUENCIES), (4, 4), interpolation=cv2.INTER_AREA) for c in one)
    return np.array([(half * half).mean() for half in halves], np.float32)
