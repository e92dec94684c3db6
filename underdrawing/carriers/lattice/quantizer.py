"""Quantizer of the last JPEG, estimated from coefficients, and the error density that follows from it.

Where the last JPEG used the grid of the lattice, the coefficients of a frequency lie near the multiples of
one integer q, its quantizer. The error of a coefficient is then uniform over [-q/2, q/2], which is more
precise than an estimated concentration.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from underdrawing.ops.special import normal_cdf

_LARGEST = 64
_SMALLEST = 3  # a finer one is hidden by the rounding of pixels, and has no effect
_BINS_PER_LEVEL = 4
_RANGE = 256  # levels; larger coefficients are few
_LEAST_COUNT = 24
_LEAST_GATHERING = 0.3  # above chance
_CHANCE = 3.5  # standard deviations
_AS_GOOD = 0.85  # divisors of the quantizer score as high: the largest with nearly the best score is used
_OUTLIERS = 0.03  # share of coefficients rounded differently by the encoder, or clipped
_LEAST_SPREAD = 0.4  # levels
_DENSITY_POINTS = 2049
COSINES = np.linspace(-1, 1, 2049)


@lru_cache(maxsize=1)
def _waves() -> tuple[np.ndarray, np.ndarray]:
    """cos(2 pi c / q) for each bin of |c| and quantizer q, and where it counts: c is not rounded to zero."""
    level = (np.arange(_RANGE * _BINS_PER_LEVEL) + 0.5) / _BINS_PER_LEVEL
    quantizers = np.arange(_SMALLEST, _LARGEST + 1)
    counted = level[:, None] > quantizers / 2
    return np.where(counted, np.cos(2 * np.pi * level[:, None] / quantizers), 0.0), counted.astype(float)


def estimate_quantizer(coefficients: np.ndarray) -> np.ndarray:
    """Estimate the quantizer and the spread around its multiples, (n, 2) levels, from (r, c, n) coefficients.

    Zeros where no quantizer is detected: no JPEG, one on another grid, or one too fine to matter.
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
    """log p(theta) relative to the uniform density at COSINES of theta, (2049,) float32.

    The error is uniform over `width`, blurred by `spread`, plus uniform over `short`, the remaining distance
    of distortion compensation. All in steps.
    """
    left = short * (np.arange(9) - 4) / 9
    error = np.abs(np.arccos(COSINES)[:, None] / (2 * np.pi) + left)
    grid = np.linspace(0, error.max(), _DENSITY_POINTS, dtype=np.float32)
    around = grid[:, None] + np.arange(-3, 4, dtype=np.float32)
    inside = normal_cdf((around + width / 2) / spread) - normal_cdf((around - width / 2) / spread)
    mean = np.interp(error, grid, inside.sum(1)).mean(1)
    return np.log((1 - _OUTLIERS) * mean / width + _OUTLIERS).astype(np.float32)


def expected_log_density(width: float, spread: float, short: float = 0.0) -> float:
    """Mean of that log density over angles distributed by it."""
    angles = np.linspace(0, np.pi, 513)
    table = log_density_table(width, spread, short)[np.rint((np.cos(angles) + 1) * 1024).astype(int)]
    return float(np.mean(np.exp(table) * table))
