"""Self-blended images: a face blended with a changed version of itself.

    source = colour and frequency changes of the picture, moved by some pixels
    mask   = hull of the landmarks, deformed, blurred, times a ratio
    result = mask * source + (1 - mask) * picture

Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022), sec. 3; numbers of the
authors' release. Departure: it changes source or target, we change the source alone, so that the outside
stays the real picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending, warp
from underdrawing.attacks.face_forgery.face import Face, Forged, composed

RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
"""Blending ratios, one drawn at random (sec. 3.2)."""


def blend(target: Face, donor: Face, rng: np.random.Generator) -> Forged:
    """A self-blended image of the target; the donor is not used."""
    height, width = target.image.shape[:2]
    source = _frequency(_colour(target.image, rng), rng)
    source = warp.warped(source, _moved(height, width, rng), cv2.INTER_LINEAR)
    region = blending.face_region(target, rng)
    mask = blending.feathered(region, target.unit * rng.uniform(0.02, 0.3)) * rng.choice(RATIOS)
    return composed(target.image, source, mask)


def _colour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift of RGB (20 levels), of hue, saturation and value, and of brightness and contrast (0.1)."""
    picture = image.astype(np.float32)
    if rng.random() < 0.3:
        picture = np.clip(picture + rng.uniform(-20, 20, 3).astype(np.float32), 0, 255)
    if rng.random() < 0.4:
        hsv = cv2.cvtColor(picture / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-8, 8)) % 360
        hsv[..., 1:] = np.clip(hsv[..., 1:] * (1 + rng.uniform(-0.3, 0.3, 2)).astype(np.float32), 0, 1)
        picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
    contrast, brightness = 1 + rng.uniform(-0.1, 0.1), 255 * rng.uniform(-0.1, 0.1)
    return np.clip(picture * contrast + brightness, 0, 255)


def _frequency(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sharpened by the share 0.2 to 0.5, or reduced two or four times and enlarged."""
    height, width = picture.shape[:2]
    if rng.random() < 0.5:
        detail = picture - cv2.GaussianBlur(picture, (0, 0), 1.0)
        return np.clip(picture + rng.uniform(0.4, 1.5) * detail, 0, 255)
    factor = rng.choice([2, 4])
    small = cv2.resize(picture, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=rng.choice(warp.INTERPOLATIONS[:2]))


def _moved(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """The map of a small scale and shift: 3 % across, 1.5 % down, scale 0.95 to 1/0.95, as published."""
    scale = rng.uniform(0.95, 1 / 0.95)
    shift = rng.uniform((-0.03 * width, -0.015 * height), (0.03 * width, 0.015 * height))
    middle = np.array([width, height]) / 2
    return ((warp.identity(height, width) - middle - shift) / scale + middle).astype(np.float32)
