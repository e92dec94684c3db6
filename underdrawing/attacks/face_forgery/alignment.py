"""Similarity between a face's landmarks and the frame in which the swap autoencoder works."""

from __future__ import annotations

import numpy as np

_TEMPLATE = np.array(
    [[0.3419, 0.3766], [0.6565, 0.3750], [0.5002, 0.5556], [0.3710, 0.7397], [0.6315, 0.7382]], np.float32
)
"""Landmarks of an upright face in the frame, as shares of its side: eyes, nose, corners of the mouth. Those
of ArcFace's 112 px (Deng et al. 2019), higher by 8.5 %, so that the chin is inside."""


def to_frame(landmarks: np.ndarray, side: int) -> np.ndarray:
    """Picture -> frame: the 2x3 similarity that brings (5, 2) landmarks nearest to the template, side px."""
    points = landmarks.astype(np.float64)
    wanted = _TEMPLATE.astype(np.float64) * side
    centre, goal = points.mean(0), wanted.mean(0)
    p, q = points - centre, wanted - goal
    norm = max((p**2).sum(), 1e-6)
    a = (p * q).sum() / norm
    b = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / norm
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (goal - linear @ centre)[:, None]]).astype(np.float32)


def is_frontal(landmarks: np.ndarray) -> bool:
    """Whether both eyes are visible enough for the frame: their distance against that of eyes and mouth."""
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    apart = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    return apart > 0.45 * float(np.linalg.norm(mouth - eyes))
