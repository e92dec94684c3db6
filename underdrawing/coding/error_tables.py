"""Frequency tables of a range coder for errors: mixtures of a normal density and one with heavy tails."""

from __future__ import annotations

import math

import numpy as np

TABLE_BITS = 20
"""Frequencies of a table add up to 2^TABLE_BITS."""
DEVIATION = 1.2533
"""Standard deviation of the normal density whose mean absolute value is 1: (pi / 2)^(1/2)."""
HEAVY = ((0.75, 0.45), (0.25, 1.5))
"""Shares and widths of the two logistic densities of the other, of about the same mean absolute value."""


def frequencies(errors: np.ndarray, spread: float, heavy: float) -> np.ndarray:
    """Positive int64 (n,) of sum 2^TABLE_BITS for symbols at these distances (n,) from the mean, in levels.

    spread: the expected absolute error in levels. heavy: share of the density with heavy tails, 0 to 1.
    """
    shares = _distribution(errors + 0.5, spread, heavy) - _distribution(errors - 0.5, spread, heavy)
    total = 1 << TABLE_BITS
    found = np.floor(shares / shares.sum() * (total - 4 * len(shares))).astype(np.int64) + 2
    found[np.argmax(found)] += total - found.sum()
    return found


def _distribution(errors: np.ndarray, spread: float, heavy: float) -> np.ndarray:
    normal = np.array([0.5 * math.erfc(-error / (spread * DEVIATION * math.sqrt(2))) for error in errors])
    tails = sum(share * _logistic(errors / (spread * width)) for share, width in HEAVY)
    return (1 - heavy) * normal + heavy * tails


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -40, 40)))
