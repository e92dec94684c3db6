"""Pose of a face, by its five landmarks alone."""

from __future__ import annotations

import numpy as np

_MOST_OFFSET = 0.5
"""Of the nose from the middle of the eyes, along their line, in distances between the eyes: 0 in front, above
0.5 beyond one eye."""
_LEAST_WIDTH = 0.45
"""Distance between the eyes over that from their middle to the mouth; 0.87 in front."""
_MOST_ROLL = 45.0


def is_turned(landmarks: np.ndarray) -> bool:
    """Whether a face is in profile, or turned in the plane of the picture by more than 45 degrees.

    landmarks: (5, 2), in the order of DetectedFace. Detectors learn upright faces from the front.
    """
    left, right, nose = (landmarks[i].astype(np.float64) for i in range(3))
    mouth = landmarks[3:].astype(np.float64).mean(0)
    across, middle = right - left, (left + right) / 2
    width = float(np.hypot(*across))
    if width < 1:
        return True
    offset = abs(float((nose - middle) @ across)) / width**2
    roll = abs(float(np.degrees(np.arctan2(across[1], across[0]))))
    return offset > _MOST_OFFSET or width < _LEAST_WIDTH * np.hypot(*(mouth - middle)) or roll > _MOST_ROLL
