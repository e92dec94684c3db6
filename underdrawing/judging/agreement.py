"""Whether two pictures show the same thing, seen from afar."""

from __future__ import annotations

import cv2
import numpy as np

_LEAST_CELLS = 8  # of 16 px that have to be left to compare
_LEAST_CONTRAST = 3.0  # levels; a picture flatter than this correlates with nothing


def correlation(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> float | None:
    """Weighted correlation of two pictures at 1/16 of the size, gray; None where one of them is flat."""
    size = max(4, first.shape[1] // 16), max(4, first.shape[0] // 16)
    w, a, b = (
        cv2.resize(np.ascontiguousarray(x), size, interpolation=cv2.INTER_AREA).astype(np.float64)
        for x in (weight.astype(np.float32), first, second)
    )
    a, b = a.mean(2), b.mean(2)
    total = w.sum()
    if total < _LEAST_CELLS:
        return None
    a, b = a - (w * a).sum() / total, b - (w * b).sum() / total
    spread_a, spread_b = np.sqrt((w * a * a).sum() / total), np.sqrt((w * b * b).sum() / total)
    if min(spread_a, spread_b) < _LEAST_CONTRAST:
        return None if max(spread_a, spread_b) < 3 * _LEAST_CONTRAST else 0.0
    return float((w * a * b).sum() / total / (spread_a * spread_b))
