"""Animations made from one photograph: a square view that pans or zooms, with or without parallax."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_SMALLEST = 0.7  # side of a view, in short sides of the photograph
_PARALLAX = 0.06  # largest shift of what is near against what is far, in sides of the view
_STILL = 0.15  # share of animations without motion


@dataclass(frozen=True)
class View:
    """A square part of a picture, px; coordinates are continuous: the first pixel covers 0 to 1."""

    left: float
    top: float
    side: float

    def points(self, points: np.ndarray, side: int) -> np.ndarray:
        """Points (n, 2) x, y of the picture, in a frame of `side` px of the view."""
        return ((points - (self.left, self.top)) * (side / self.side)).astype(np.float32)


@dataclass(frozen=True)
class Path:
    """The views of an animation, and how far what is near moves beyond them."""

    views: tuple[View, ...]
    """One a frame."""
    near: tuple[tuple[float, float], ...]
    """(x, y) one a frame, in sides of the view."""
    centre: tuple[float, float]
    """Of what is near, px of the photograph."""


def draw_path(height: int, width: int, count: int, rng: np.random.Generator) -> Path:
    """A random path over a photograph: with constant speed from one view to another, or still."""
    short = min(height, width)
    ends = []
    for _ in range(2):
        side = short * rng.uniform(_SMALLEST, 1.0)
        ends.append((rng.uniform(0, width - side), rng.uniform(0, height - side), side))
    moves = rng.random() >= _STILL
    steps = np.linspace(0, 1, count) if moves and count > 1 else np.zeros(count)
    path = [np.add(ends[0], t * np.subtract(ends[1], ends[0])) for t in steps]
    depth = rng.uniform(-_PARALLAX, _PARALLAX, 2) if moves and rng.random() < 0.5 else np.zeros(2)
    near = tuple((float(t * depth[0]), float(t * depth[1])) for t in steps)
    centre = (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7))
    return Path(tuple(View(*map(float, view)) for view in path), near, centre)


def frames_of(photo: np.ndarray, path: Path, side: int) -> np.ndarray:
    """The animation (T, side, side, 3) uint8 of a photograph (H, W, 3) uint8."""
    smallest = min(view.side for view in path.views)
    scale = min(1.0, 1.2 * side / smallest)
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    source = cv2.resize(photo, size, interpolation=cv2.INTER_AREA) if scale < 1 else photo
    ratio = np.array([size[0] / photo.shape[1], size[1] / photo.shape[0]])
    grid = (np.arange(side) + 0.5) / side
    frames = []
    for view, (near_x, near_y) in zip(path.views, path.near, strict=True):
        x, y = np.meshgrid(view.left + view.side * grid, view.top + view.side * grid)
        depth = np.exp(-((x - path.centre[0]) ** 2 + (y - path.centre[1]) ** 2) / (0.3 * view.side) ** 2)
        x, y = x - near_x * view.side * depth, y - near_y * view.side * depth
        maps = ((x * ratio[0] - 0.5).astype(np.float32), (y * ratio[1] - 0.5).astype(np.float32))
        frames.append(cv2.remap(source, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    return np.stack(frames)
