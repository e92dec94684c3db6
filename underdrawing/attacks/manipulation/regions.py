"""Regions that look like objects: segments of the picture itself, and organic outlines.

segment    picture at 80 px -> floods of random seeds and tolerances -> those with the strongest rim, holes
           filled -> full size, where the rim follows the colours of both sides
outline    a closed curve of random harmonics (attacks/tamper.py)
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery.blending import bounds
from underdrawing.attacks.tamper import Area, blob

AREA: Area = (0.012, 0.2)
"""Default range of the share of the picture that a region covers."""
_SMALL = 80
"""Longer side of the picture in which segments grow."""
_SEEDS = 24
_UNITED = 0.35
"""Share of the segments that are united with a neighbour."""
_LEAST_SOLIDITY = 0.68
"""Area of a segment in that of its convex hull."""
_MOST_CUT = 0.12
"""Share of the rim of a segment at the border of the picture."""
_DISK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
_WIDE_DISK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_LEAST_CONTRAST = 20.0
"""Levels between both sides of a rim, above which it follows the colours."""


def region(image: np.ndarray, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
    """(H, W) float32 in [0, 1]: a segment in four of five, else an outline; its rim is antialiased."""
    if rng.random() < 0.8:
        found = segment(image, rng, area)
        if found is not None:
            return found
    return outline(*image.shape[:2], rng, area)


def outline(height: int, width: int, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
    """(height, width) float32: a closed curve."""
    low, high = area
    goal = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    mask = blob(height, width, rng, (goal, min(1.25 * goal, high * 1.05)))
    return _smooth(mask.astype(np.float32), 0.16 * float(np.sqrt(mask.sum() / np.pi)) + 0.5)


def segment(image: np.ndarray, rng: np.random.Generator, area: Area = AREA) -> np.ndarray | None:
    """(H, W) float32: a part of like colours with a strong rim; None where none has a fair size."""
    height, width = image.shape[:2]
    ratio = _SMALL / max(height, width)
    size = (max(16, round(width * ratio)), max(16, round(height * ratio)))
    small = cv2.bilateralFilter(cv2.resize(image, size, interpolation=cv2.INTER_AREA), 5, 30, 3)
    steps = _steps(small)
    parts = []
    for _ in range(_SEEDS):
        part = _grown(small, rng, area)
        if part is not None:
            parts.append((_rim(part, steps), part))
    if not parts:
        return None
    parts.sort(key=lambda scored: -scored[0])
    part = parts[int(rng.integers(min(3, len(parts))))][1]
    if rng.random() < _UNITED:
        part = _with_neighbour(part, [other for _, other in parts], area[1])
    rough = cv2.resize(part.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return _on_edges(image, _smooth(rough, 0.7 / ratio))


def _with_neighbour(part: np.ndarray, others: list[np.ndarray], most: float) -> np.ndarray:
    """The part united with the first other that touches it and adds something; closed."""
    around = cv2.dilate(part, _DISK)
    for other in others:
        both = part | other
        if (around & other).any() and part.sum() < 0.9 * both.sum() and both.mean() <= most:
            return cv2.morphologyEx(both, cv2.MORPH_CLOSE, _DISK)
    return part


def _grown(small: np.ndarray, rng: np.random.Generator, area: Area) -> np.ndarray | None:
    """(h, w) uint8: what a flood of random tolerance fills from a random pixel, closed.

    None where its area is out of range, it is ragged, or lies along the border of the picture, as a piece of
    sky does.
    """
    height, width = small.shape[:2]
    flooded = np.zeros((height + 2, width + 2), np.uint8)
    seed = (int(rng.integers(2, width - 2)), int(rng.integers(2, height - 2)))
    tolerance = (float(rng.uniform(12, 48)),) * 3
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
    count = cv2.floodFill(small, flooded, seed, 0, tolerance, tolerance, flags)[0]
    if not 0.5 * area[0] <= count / flooded.size <= area[1]:
        return None
    closed = cv2.morphologyEx(flooded, cv2.MORPH_CLOSE, _DISK)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _WIDE_DISK)[1:-1, 1:-1]
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    if cv2.contourArea(contour) < _LEAST_SOLIDITY * cv2.contourArea(cv2.convexHull(contour)):
        return None
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, [contour], -1, 1, -1)
    if not area[0] <= filled.mean() <= area[1]:
        return None
    cut = filled[[0, -1]].sum() + filled[:, [0, -1]].sum()
    return filled if cut <= _MOST_CUT * len(contour) else None


def _steps(small: np.ndarray) -> np.ndarray:
    """(h, w) float32 largest difference of a channel in 3x3 pixels; 0 at the border of the picture."""
    steps = (cv2.dilate(small, _DISK) - cv2.erode(small, _DISK)).max(2).astype(np.float32)
    steps[[0, -1]] = steps[:, [0, -1]] = 0
    return steps


def _rim(part: np.ndarray, steps: np.ndarray) -> float:
    """Mean step along the rim of a part; the border of the picture counts as none."""
    padded = cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    rim = part & (cv2.erode(padded, _DISK)[1:-1, 1:-1] == 0)
    return float(steps[rim > 0].mean()) if rim.any() else 0.0


def _smooth(mask: np.ndarray, sigma: float) -> np.ndarray:
    """The mask with a round rim, a pixel or two wide."""
    soft = cv2.GaussianBlur(mask, (0, 0), sigma)
    return np.clip((soft - 0.5) * (1.6 * sigma) + 0.5, 0, 1)


def _on_edges(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mask with its rim where the colours change: alpha of a pixel between the means of both sides."""
    sigma = 0.012 * max(image.shape[:2])
    window = bounds(cv2.dilate(mask, np.ones((5, 5), np.uint8)))
    picture, rough = image[window].astype(np.float32), mask[window]
    inner = cv2.GaussianBlur(rough, (0, 0), sigma)
    products = cv2.GaussianBlur(picture * rough[..., None], (0, 0), sigma)
    everything = cv2.GaussianBlur(picture, (0, 0), sigma)
    within = products / np.maximum(inner, 0.02)[..., None]
    beyond = (everything - products) / np.maximum(1 - inner, 0.02)[..., None]
    apart = within - beyond
    square = np.einsum("hwc,hwc->hw", apart, apart)
    share = np.einsum("hwc,hwc->hw", picture - beyond, apart) / np.maximum(square, 1)
    near = (inner > 0.08) & (inner < 0.92) & (square > _LEAST_CONTRAST**2)
    refined = mask.copy()
    refined[window] = np.where(near, np.clip(1.4 * (share - 0.5) + 0.5, 0, 1), rough)
    refined = _smooth(refined, 1.6)
    return refined if refined.sum() > 0.6 * mask.sum() else mask
