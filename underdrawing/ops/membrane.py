"""A membrane stretched over a hole: values that are as smooth as can be and meet what is around them.

The solution of Laplace's equation inside a mask with the surroundings as its border (Perez, Gangnet and Blake
2003 paste pictures so), from coarse to fine, each level smoothed a few times.
"""

from __future__ import annotations

import cv2
import numpy as np

_LEAST_SIDE_PX = 4
_SWEEPS = 12


def membrane(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H, W, C) float32 values with those inside mask (H, W) bool replaced; zeros where nothing is left."""
    if not mask.any():
        return values
    if mask.all() or min(mask.shape) < 2 * _LEAST_SIDE_PX:
        known = values[~mask] if not mask.all() else np.zeros((1, values.shape[2]), np.float32)
        filled = values.copy()
        filled[mask] = known.mean(0)
        return filled
    size = mask.shape[1] // 2, mask.shape[0] // 2
    left = (~mask).astype(np.float32)
    share = cv2.resize(left, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(values * left[..., None], size, interpolation=cv2.INTER_AREA)
    coarse = membrane(sums / np.maximum(share, 1e-6)[..., None], share < 1e-3)
    guess = cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    filled = np.where(mask[..., None], guess, values)
    for _ in range(_SWEEPS):
        filled = np.where(mask[..., None], cv2.blur(filled, (3, 3)), values)
    return filled
