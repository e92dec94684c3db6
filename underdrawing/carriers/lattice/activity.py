"""Activity: how much texture a block has to hide a change in, re-derived by the reader from the received
picture."""

from __future__ import annotations

import cv2
import numpy as np

_FLOOR = 0.1  # variance in levels^2 that every picture has; keeps the activity of a flat one above zero


def activity(plane: np.ndarray) -> np.ndarray:
    """Texture of each 8x8 block in luma levels, (8 r, 8 c) float32 -> (r, c).

    The harmonic mean over the block of the local standard deviation in windows of 10 px. Harmonic, because on
    the flat side of an edge a change is seen: one flat corner outweighs the edge. Measured at half
    resolution, so that a picture that was halved gives nearly the same.
    """
    height, width = plane.shape
    half = cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    mean = cv2.boxFilter(half, -1, (5, 5))
    variance = np.maximum(cv2.boxFilter(half * half, -1, (5, 5)) - mean * mean, 0)
    flatness = 1 / np.sqrt(variance + _FLOOR)
    return 1 / cv2.resize(flatness, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
