"""Content edits: a mask shape and the content that fills it.

tamper = Tamper(free_form, splice)
received_u8, mask = tamper(protected_u8, donor_u8, rng)     # mask (H, W) bool, True = altered
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Area = tuple[float, float]
Shape = Callable[[int, int, np.random.Generator, Area], np.ndarray]
Fill = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], np.ndarray]

AREA: Area = (0.05, 0.30)
"""Default range of the share of the picture that an edit covers."""


def free_form(height: int, width: int, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
    """Brush strokes, as of a person who paints over an object: (height, width) bool."""
    low, high = area
    goal, side = rng.uniform(low, high * 0.92), min(height, width)
    best = np.zeros((height, width), np.uint8)
    for _ in range(200):
        mask = best.copy()
        _stroke(mask, rng, side)
        if mask.mean() > high:
            side *= 0.7
            continue
        best = mask
        if best.mean() >= goal:
            break
    return best.astype(bool) if best.mean() >= low else box(height, width, rng, area)


def _stroke(mask: np.ndarray, rng: np.random.Generator, side: float) -> None:
    height, width = mask.shape
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    thickness = max(1, int(side * rng.uniform(0.05, 0.16)))
    angle = rng.uniform(0, 2 * math.pi)
    for _ in range(int(rng.integers(2, 7))):
        angle += rng.normal(0, 0.7)
        reach = side * rng.uniform(0.05, 0.2)
        next_x = float(np.clip(x + reach * math.cos(angle), 0, width - 1))
        next_y = float(np.clip(y + reach * math.sin(angle), 0, height - 1))
        cv2.line(mask, (int(x), int(y)), (int(next_x), int(next_y)), 1, thickness)
        cv2.circle(mask, (int(next_x), int(next_y)), thickness // 2, 1, -1)
        x, y = next_x, next_y


def box(height: int, width: int, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
    """One rectangle."""
    fraction, aspect = rng.uniform(*area), math.exp(rng.uniform(-0.6, 0.6))
    rows = min(height, max(1, round(height * math.sqrt(fraction * aspect))))
    columns = min(width, max(1, round(fraction * height * width / rows)))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    mask = np.zeros((height, width), bool)
    mask[top : top + rows, left : left + columns] = True
    return mask


def blob(height: int, width: int, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
    """One closed curve of random harmonics, in place of a true object outline."""
    angles = np.linspace(0, 2 * math.pi, 96, endpoint=False)
    radius = np.ones_like(angles)
    for order in range(2, 8):
        radius += rng.normal(0, 0.45 / order) * np.cos(order * angles + rng.uniform(0, 2 * math.pi))
    radius = np.maximum(radius, 0.25)
    outline = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return place_outlines([outline], height, width, rng, area)


def place_outlines(
    outlines: Sequence[np.ndarray], height: int, width: int, rng: np.random.Generator, area: Area = AREA
) -> np.ndarray:
    """Outlines [(points, 2) of x, y, any unit] scaled to an area in range, at a random place."""
    points = np.concatenate(list(outlines))
    low, span = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-6)
    enclosed = sum(abs(_shoelace(outline)) for outline in outlines)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(12):
        goal = rng.uniform(*area) * height * width
        scale = math.sqrt(goal / max(enclosed, 1e-6))
        scale = min(scale, 1.1 * width / span[0], 1.1 * height / span[1])
        room = np.array([width, height]) - span * scale
        corner = rng.uniform(np.minimum(0, room), np.maximum(0, room))
        mask[:] = 0
        placed = [np.rint((outline - low) * scale + corner).astype(np.int32) for outline in outlines]
        cv2.fillPoly(mask, placed, 1)
        if area[0] <= mask.mean() <= area[1]:
            return mask.astype(bool)
    return free_form(height, width, rng, area)


def _shoelace(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


@dataclass(frozen=True)
class Objects:
    """A shape of annotated object outlines of the picture: one object, or the union of some.

    An object whose area is in range keeps its place; otherwise one is scaled and moved until it fits.
    """

    outlines: tuple[tuple[np.ndarray, ...], ...]
    """Per object its polygons, each (points, 2) of x, y in pixels of the picture."""
    __name__ = "object"

    def __call__(self, height: int, width: int, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
        """(height, width) bool."""
        order = rng.permutation(len(self.outlines))
        union = np.zeros((height, width), np.uint8)
        for index in order:
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32) for polygon in self.outlines[index]], 1)
            if area[0] <= mask.mean() <= area[1]:
                return mask.astype(bool)
            if (union | mask).mean() <= area[1]:
                union |= mask
        if union.mean() >= area[0]:
            return union.astype(bool)
        if len(order) == 0:
            return blob(height, width, rng, area)
        return place_outlines(self.outlines[order[0]], height, width, rng, area)


@dataclass(frozen=True)
class Silhouettes:
    """A shape from a library of object outlines, placed at random: for pictures without annotations."""

    library: tuple[tuple[np.ndarray, ...], ...]
    """Per object its polygons, each (points, 2) of x, y in any unit; at least one object."""
    __name__ = "object"

    def __call__(self, height: int, width: int, rng: np.random.Generator, area: Area = AREA) -> np.ndarray:
        """(height, width) bool."""
        return place_outlines(self.library[rng.integers(len(self.library))], height, width, rng, area)


def splice(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Content of another photograph, scaled to cover the picture."""
    height, width = image_u8.shape[:2]
    ratio = max(height / donor_u8.shape[0], width / donor_u8.shape[1]) * rng.uniform(1.0, 1.3)
    size = (max(width, round(donor_u8.shape[1] * ratio)), max(height, round(donor_u8.shape[0] * ratio)))
    donor = cv2.resize(donor_u8, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC)
    top, left = rng.integers(size[1] - height + 1), rng.integers(size[0] - width + 1)
    return _paste(image_u8, mask, donor[top : top + height, left : left + width])


def copy_move(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Another part of the same picture: the pasted content is itself protected."""
    height, width = image_u8.shape[:2]
    shift = [int(side * rng.uniform(0.2, 0.8)) for side in (height, width)]
    return _paste(image_u8, mask, np.roll(image_u8, shift, axis=(0, 1)))


def inpaint(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Inpainting (Telea 2004); above 512 px a side at reduced size, or it takes minutes."""
    height, width = image_u8.shape[:2]
    ratio = 512 / max(height, width)
    if ratio >= 1:
        return cv2.inpaint(image_u8, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small = cv2.resize(image_u8, size, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    filled = cv2.inpaint(small, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return _paste(image_u8, mask, cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC))


def inpaint_fast(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Smooth fill from the rim by a pyramid of normalized averages: milliseconds, for training."""
    filled, weight = [image_u8.astype(np.float32)], [(~mask).astype(np.float32)]
    filled[0] *= weight[0][..., None]
    while min(weight[-1].shape) > 2:
        filled.append(cv2.pyrDown(filled[-1]))
        weight.append(cv2.pyrDown(weight[-1]))
    level = filled[-1] / np.maximum(weight[-1], 1e-4)[..., None]
    for values, weights in zip(filled[-2::-1], weight[-2::-1], strict=True):
        above = cv2.resize(level, (weights.shape[1], weights.shape[0]), interpolation=cv2.INTER_LINEAR)
        level = values + above * (1 - weights)[..., None]
    return _paste(image_u8, mask, np.clip(np.rint(level), 0, 255).astype(np.uint8))


def blurred(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The same area under a strong blur."""
    sigma = min(image_u8.shape[:2]) * rng.uniform(0.01, 0.04)
    return _paste(image_u8, mask, cv2.GaussianBlur(image_u8, (0, 0), sigma))


def solid(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One colour, as of a marker or a black bar."""
    colour = rng.integers(0, 256, 3) if rng.random() < 0.5 else np.full(3, rng.choice([0, 127, 255]))
    return _paste(image_u8, mask, np.broadcast_to(colour.astype(np.uint8), image_u8.shape))


def _paste(image_u8: np.ndarray, mask: np.ndarray, content_u8: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], content_u8, image_u8)


@dataclass(frozen=True)
class Tamper:
    """A mask shape with a fill."""

    shape: Shape = free_form
    fill: Fill = splice
    area: Area = AREA

    @property
    def name(self) -> str:
        """Name in tables: free_form-splice."""
        return f"{self.shape.__name__}-{self.fill.__name__}"

    def __call__(
        self, image_u8: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The altered picture (H, W, 3) uint8 and the mask (H, W) bool, True where it was altered."""
        mask = self.shape(*image_u8.shape[:2], rng, self.area)
        return self.fill(image_u8, mask, donor_u8, rng), mask


FILLS: tuple[Fill, ...] = (splice, copy_move, inpaint, blurred, solid)
"""Fills of the benchmarks, in turn."""
