"""The last JPEG's quantizer, found in the pixels, and what it says of each coefficient's error.

Where a picture was last stored as JPEG on the lattice's own grid, its coefficients lie near the multiples of
one integer for each frequency. That integer tells more than any measured concentration: the coefficient that
the embedder set lies within half of it from the one received, anywhere there with the same probability.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr

_LARGEST = 64
_SMALLEST = 3  # below it the rounding of the pixels hides the quantizer, and it matters no more
_BINS_PER_LEVEL = 4
_RANGE = 256  # levels; larger coefficients are few
_LEAST_COUNT = 24
_LEAST_GATHERING = 0.3  # beyond what chance brings
_CHANCE = 3.5  # standard deviations
_AS_GOOD = 0.85  # a divisor of the quantizer gathers as well: the largest that does nearly so is taken
_OUTLIERS = 0.03  # coefficients that an encoder rounded its own way, or that were cut off with the pixels
_LEAST_SPREAD = 0.4  # levels
COSINES = np.linspace(-1, 1, 2049)


@lru_cache(maxsize=1)
def _waves() -> tuple[np.ndarray, np.ndarray]:
    """cos(2 pi c / q) for each bin of |c| and quantizer q, and where it counts: c is not rounded to zero."""
    level = (np.arange(_RANGE * _BINS_PER_LEVEL) + 0.5) / _BINS_PER_LEVEL
    quantizers = np.arange(_SMALLEST, _LARGEST + 1)
    counted = level[:, None] > quantizers / 2
    return np.where(counted, np.cos(2 * np.pi * level[:, None] / quantizers), 0.0), counted.astype(float)


def find_quantizer(coefficients: np.ndarray) -> np.ndarray:
    """Quantizer and spread around its multiples, (n, 2) levels, of n frequencies' coefficients (r, c, n).

    Zeros where none shows: no JPEG, one on another grid, or one too fine to matter.
    """
    n = coefficients.shape[2]
    bins = np.minimum(np.abs(coefficients) * _BINS_PER_LEVEL, _RANGE * _BINS_PER_LEVEL - 1).astype(np.int64)
    flat = bins.reshape(-1, n) + np.arange(n) * _RANGE * _BINS_PER_LEVEL
    histogram = np.bincount(flat.ravel(), minlength=n * _RANGE * _BINS_PER_LEVEL).reshape(n, -1)
    waves, counted = _waves()
    count = histogram @ counted
    gathering = histogram @ waves / np.maximum(count, 1)
    chance = _CHANCE / np.sqrt(2 * np.maximum(count, 1))
    clear = (count >= _LEAST_COUNT) & (gathering > _LEAST_GATHERING + chance)
    result = np.zeros((n, 2), np.float32)
    for k in np.flatnonzero(clear.any(1)):
        best = gathering[k][clear[k]].max()
        q = np.flatnonzero(clear[k] & (gathering[k] > _AS_GOOD * best)).max()
        step = q + _SMALLEST
        spread = step / (2 * np.pi) * np.sqrt(-2 * np.log(min(gathering[k, q], 0.999)))
        result[k] = step, max(spread, _LEAST_SPREAD)
    return result


@lru_cache(maxsize=256)
def log_density_table(width: float, spread: float, short: float = 0.0) -> np.ndarray:
    """log p(theta) over the uniform density at COSINES of theta, of an error uniform over `width`, blurred by
    `spread`, (2049,) float32.

    short: width of what the embedder left of the way to the lattice point, uniform too. All in steps.
    """
    left = short * (np.arange(9) - 4) / 9
    error = np.arccos(COSINES)[:, None, None] / (2 * np.pi) + left[:, None] + np.arange(-3, 4)
    inside = ndtr((error + width / 2) / spread) - ndtr((error - width / 2) / spread)
    return np.log((1 - _OUTLIERS) * inside.sum(2).mean(1) / width + _OUTLIERS).astype(np.float32)


def expected_log_density(width: float, spread: float, short: float = 0.0) -> float:
    """The mean of that log density over angles that follow it."""
    angles = np.linspace(0, np.pi, 513)
    table = log_density_table(width, spread, short)[np.rint((np.cos(angles) + 1) * 1024).astype(int)]
    return float(np.mean(np.exp(table) * table))
