"""How well a donor fits a target: what a person looks at who searches for a face to paste."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery.blending import to_lab
from underdrawing.attacks.face_forgery.face import Face

_COVERED = 15.0
"""Distance in the a-b plane of Lab between forehead and chin at which the lower half counts as covered."""


def mismatch(target: Face, donor: Face) -> float:
    """0 for the target itself; pose, tone and sharpness of the donor add about 1 each when they differ.

    3 is added for a donor whose mouth is covered. A donor may be mirrored: the side of its turn is free.
    """
    pitch = [face.shape.rotation[1, 2] for face in (target, donor)]
    pose = 3 * abs(abs(target.turn) - abs(donor.turn)) + 2 * abs(pitch[0] - pitch[1])
    tone = np.linalg.norm((skin_tone(target) - skin_tone(donor)) * (0.03, 0.05, 0.05))
    sharpness = abs(np.log(_sharpness(target) / _sharpness(donor)))
    return float(pose + tone + 0.7 * sharpness + 3 * covered(donor))


def skin_tone(face: Face) -> np.ndarray:
    """(3,) median Lab of cheeks, nose and forehead."""
    return _tone(face, ((-0.5, 0.45), (0.5, 0.45), (0.0, 0.3), (0.0, -0.45)))


def covered(face: Face) -> bool:
    """Whether the lower half has another colour than the skin above: a mask, a scarf, a hand with a glove."""
    above = _tone(face, ((0.0, 0.1), (-0.2, -0.4), (0.2, -0.4), (0.0, -0.4)))
    below = _tone(face, ((-0.4, 0.75), (0.4, 0.75), (-0.3, 1.4), (0.3, 1.4), (0.0, 1.5)))
    return bool(np.hypot(*(above - below)[1:]) > _COVERED)


def _tone(face: Face, places: tuple[tuple[float, float], ...]) -> np.ndarray:
    side = max(1, round(0.06 * face.unit))
    height, width = face.image.shape[:2]
    pixels = []
    for place in places:
        x, y = (
            np.rint(face.shape.at(*place, 0.1)).astype(int).clip(side, (width - side - 1, height - side - 1))
        )
        pixels.append(face.image[y - side : y + side + 1, x - side : x + side + 1].reshape(-1, 3))
    return np.median(to_lab(np.concatenate(pixels)[None])[0], axis=0)


def _sharpness(face: Face) -> float:
    """Standard deviation of the finest detail between eyes and mouth, in 8-bit levels, and 1."""
    low, high = face.landmarks.min(0).astype(int), face.landmarks.max(0).astype(int) + 1
    gray = face.image[low[1] : high[1], low[0] : high[0]].astype(np.float32).mean(2)
    return 1 + float((gray - cv2.GaussianBlur(gray, (0, 0), 1.0)).std())
