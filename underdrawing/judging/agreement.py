"""Correlation of two pictures at low resolution."""

from __future__ import annotations

import cv2
import numpy as np

_MIN_CELLS = 8  # weighted cells of 16 px; fewer give no estimate
_MIN_CONTRAST = 3.0  # levels; a flatter picture has no meaningful correlation


def correlation(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> float | None:
    """Weighted correlation in [-1, 1] of two pictures (H, W, 3) in gray at 1/16 of their size.

    weight: (H, W) in [0, 1]. None where the weighted area is too small or both pictures are flat, 0 where one
    is flat and the other has contrast.
    """
    size = max(4, first.shape[1] // 16), max(4, first.shape[0] // 16)
    w, a, b = (
        cv2.resize(np.ascontiguousarray(x), size, interpolation=cv2.INTER_AREA).astype(np.float64)
        for x in (weight.astype(np.float32), first, second)
    )
    a, b = a.mean(2), b.mean(2)
    total = w.sum()
    if total < _MIN_CELLS:
        return None
    a, b = a - (w * a).sum() / total, b - (w * b).sum() / total
    spread_a, spread_b = np.sqrt((w * a * a).sum() / total), np.sqrt((w * b * b).sum() / total)
    if min(spread_a, spread_b) < _MIN_CONTRAST:
        return None if max(spread_a, spread_b) < 3 * _MIN_CONTRAST else 0.0
    return float((w * a * b).sum() / total / (spread_a * spread_b))
