"""Frequency tables of a range coder: a mixture of two logistic densities, fitted to counts of errors."""

from __future__ import annotations

from itertools import product

import numpy as np

TABLE_BITS = 20
"""Frequencies of a table add up to 2^TABLE_BITS."""
Shape = tuple[float, float, float]
"""Width of the narrow part in spreads; share of the wide part; its width in those of the narrow."""
_WIDTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25)
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
_WIDE = (1.8, 2.5, 4.0)


def fitted_shape(errors: np.ndarray, counts: np.ndarray, spread: float) -> Shape:
    """The shape of the largest likelihood on a grid. errors: (n,) in levels, with counts (n,)."""
    scores = {
        shape: float(counts @ np.log(_probabilities(errors, spread, shape) * 0.9999 + 1e-6))
        for shape in product(_WIDTHS, _SHARES, _WIDE)
    }
    return max(scores, key=lambda shape: scores[shape])


def frequencies(errors: np.ndarray, spread: float, shape: Shape) -> np.ndarray:
    """Positive int64 (n,) of sum 2^TABLE_BITS for symbols at these distances from the mean, in levels."""
    shares = _probabilities(errors, spread, shape)
    total = 1 << TABLE_BITS
    found = np.floor(shares / shares.sum() * (total - 4 * len(shares))).astype(np.int64) + 2
    found[np.argmax(found)] += total - found.sum()
    return found


def _probabilities(errors: np.ndarray, spread: float, shape: Shape) -> np.ndarray:
    return _distribution(errors + 0.5, spread, shape) - _distribution(errors - 0.5, spread, shape)


def _distribution(errors: np.ndarray, spread: float, shape: Shape) -> np.ndarray:
    width, share, wide = shape
    return (1 - share) * _logistic(errors / (spread * width)) + share * _logistic(
        errors / (spread * width * wide)
    )


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -40, 40)))
