"""Retouching of a region: blur, sharpening, colour, tone, and healing of spots."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.manipulation import fills, regions
from underdrawing.attacks.manipulation.picture import Manipulated, composed

_AREA = (0.03, 0.4)
Edit = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""(pixels (h, w, 3) float32, rng) -> changed pixels."""


def retouch(image: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Manipulated:
    """One edit of a region with a soft rim, or healed spots; the donor is not used."""
    if rng.random() < 0.2:
        return _healed(image, rng)
    edit = EDITS[int(rng.choice(len(EDITS), p=_SHARES))]
    region = regions.region(image, rng, _AREA)
    unit = min(image.shape[:2]) / 320
    window = blending.bounds(region)
    changed, mask = image.astype(np.float32), np.zeros(region.shape, np.float32)
    changed[window] = edit(changed[window], rng)
    mask[window] = blending.feathered(region[window], unit * rng.uniform(0.5, 8))
    return composed(image, changed, mask)


def blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian, median or bilateral."""
    choice = rng.random()
    if choice < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), float(np.exp(rng.uniform(np.log(1.2), np.log(7)))))
    if choice < 0.7:
        return cv2.medianBlur(
            np.clip(pixels, 0, 255).astype(np.uint8), int(rng.choice([5, 7, 9]))
        ) + np.float32(0)
    return cv2.bilateralFilter(pixels, 7, float(rng.uniform(25, 70)), float(rng.uniform(2, 5)))


def sharpen(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unsharp masking."""
    detail = pixels - cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.8, 2.5)))
    return pixels + np.float32(rng.uniform(0.8, 2.2)) * detail


def colour(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another hue and saturation: the a-b plane of CIE Lab turned, scaled and shifted."""
    lab = blending.to_lab(pixels)
    angle, gain = rng.normal(0, 0.45), rng.uniform(0.4, 1.4)
    turn = gain * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    lab[..., 1:] = lab[..., 1:] @ turn.astype(np.float32) + rng.normal(0, 6, 2).astype(np.float32)
    return blending.from_lab(lab)


def tone(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lightened or darkened, with another contrast."""
    gamma = float(np.exp(rng.choice([-1, 1]) * rng.uniform(0.15, 0.6)))
    mean, contrast = pixels.mean(), rng.uniform(0.85, 1.25)
    return 255 * (np.clip(mean + contrast * (pixels - mean), 0, 255) / 255) ** gamma


EDITS: tuple[Edit, ...] = (blur, sharpen, colour, tone)
_SHARES = (0.35, 0.17, 0.28, 0.2)


def _healed(image: np.ndarray, rng: np.random.Generator) -> Manipulated:
    """Two to six strokes of a healing brush, each filled from a place near it."""
    height, width = image.shape[:2]
    picture, region = image.copy(), np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(2, 7))):
        radius = min(height, width) * rng.uniform(0.02, 0.055)
        x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
        ends = np.rint(16 * rng.normal((x, y), ((0, 0), (radius, radius)))).astype(int).tolist()
        stroke = np.zeros((height, width), np.float32)
        cv2.line(stroke, *ends, 1.0, max(1, round(2 * radius)), cv2.LINE_AA, shift=4)
        window = fills.with_margin(blending.bounds(stroke), round(5 * radius))
        hole = stroke[window] > 0
        filled = np.clip(fills.cloned(picture[window], hole, rng), 0, 255).astype(np.uint8)
        picture[window][hole] = filled[hole]
        region = np.maximum(region, stroke)
    return composed(image, picture, region)
