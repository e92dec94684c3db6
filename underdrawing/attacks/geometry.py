"""Geometric channels (scale, crop, rotate, mirror), and chains of channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from PIL import Image

from underdrawing.attacks.channel import Channel, Jpeg
from underdrawing.attacks.placement import Placement


@dataclass(frozen=True)
class Scale(Channel):
    """Resize both sides by `factor` with one of Pillow's antialiased filters."""

    factor: float
    resampling: Image.Resampling = Image.Resampling.LANCZOS

    @property
    def name(self) -> str:
        kind = "" if self.resampling == Image.Resampling.LANCZOS else f"-{self.resampling.name.lower()}"
        return f"scale{self.factor:g}{kind}"

    def attack(self, image_u8, rng):
        height, width = image_u8.shape[:2]
        return resize(image_u8, round(height * self.factor), round(width * self.factor), self.resampling)


@dataclass(frozen=True)
class Fit(Channel):
    """Resize to a long side of at most `side` px, as platforms do; smaller pictures stay."""

    side: int
    label: ClassVar = "{.side}px"

    def attack(self, image_u8, rng):
        factor = min(1.0, self.side / max(image_u8.shape[:2]))
        return resize(image_u8, *(round(length * factor) for length in image_u8.shape[:2]))


def resize(
    image_u8: np.ndarray, height: int, width: int, resampling: Image.Resampling = Image.Resampling.LANCZOS
) -> tuple[np.ndarray, Placement]:
    """The picture at another size, and its placement; at least one pixel a side."""
    height, width = max(1, height), max(1, width)
    received = np.asarray(Image.fromarray(image_u8).resize((width, height), resampling))
    ratio_y, ratio_x = image_u8.shape[0] / height, image_u8.shape[1] / width
    return received, Placement(image_u8.shape[:2], (height, width), ((ratio_x, 0.0), (0.0, ratio_y)))


@dataclass(frozen=True)
class Crop(Channel):
    """Keep a window of the same aspect and the share `keep` of the area, at a random offset."""

    keep: float

    @property
    def name(self) -> str:
        return f"crop{self.keep * 100:g}%"

    def attack(self, image_u8, rng):
        height, width = image_u8.shape[:2]
        rows, columns = (max(1, round(side * math.sqrt(self.keep))) for side in (height, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        received = image_u8[top : top + rows, left : left + columns].copy()
        return received, Placement((height, width), (rows, columns), offset=(float(left), float(top)))


@dataclass(frozen=True)
class CropBack(Channel):
    """Crop, then resize to the size before (WAVES: resized crop)."""

    keep: float

    @property
    def name(self) -> str:
        return f"cropback{self.keep * 100:g}%"

    def attack(self, image_u8, rng):
        cropped, placement = Crop(self.keep).attack(image_u8, rng)
        received, later = resize(cropped, *image_u8.shape[:2], Image.Resampling.BICUBIC)
        return received, placement.then(later)


@dataclass(frozen=True)
class Rotate(Channel):
    """Rotate about the centre by `degrees`, counter-clockwise, size kept, corners black, bicubic."""

    degrees: float
    label: ClassVar = "rotate{.degrees:g}"

    def attack(self, image_u8, rng):
        received = Image.fromarray(image_u8).rotate(self.degrees, Image.Resampling.BICUBIC)
        height, width = image_u8.shape[:2]
        cosine, sine = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        linear = ((cosine, -sine), (sine, cosine))
        centre = np.array([width / 2, height / 2])
        offset = centre - np.array(linear) @ centre
        placement = Placement((height, width), (height, width), linear, (float(offset[0]), float(offset[1])))
        return np.asarray(received), placement


@dataclass(frozen=True)
class Flip(Channel):
    """Mirror left and right."""

    label: ClassVar = "flip"

    def attack(self, image_u8, rng):
        size = image_u8.shape[:2]
        placement = Placement(size, size, ((-1.0, 0.0), (0.0, 1.0)), (float(size[1]), 0.0))
        return np.ascontiguousarray(image_u8[:, ::-1]), placement


@dataclass(frozen=True)
class Chain(Channel):
    """A sequence of channels under one name."""

    label: str
    steps: tuple[Channel, ...]

    def attack(self, image_u8, rng):
        received, placement = image_u8, Placement.identity(image_u8)
        for step in self.steps:
            received, later = step.attack(received, rng)
            placement = placement.then(later)
        return received, placement


SCREENSHOT = Chain("screenshot", (Scale(0.8), Jpeg(80), Crop(0.9)))
JPEG_TWICE = Chain("jpeg70x2", (Jpeg(70), Jpeg(70)))


def another_exposure(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scene of (H, W, 3) uint8 taken again: zoomed, moved by a few pixels, in another light."""
    height, width = image.shape[:2]
    zoom, (x, y) = rng.uniform(0.96, 1.06), rng.uniform(-6, 6, 2)
    matrix = np.array([[zoom, 0, x + width * (1 - zoom) / 2], [0, zoom, y + height * (1 - zoom) / 2]])
    moved = cv2.warpAffine(image, matrix, (width, height), None, cv2.INTER_CUBIC, cv2.BORDER_REFLECT)
    return np.clip(np.rint(moved * rng.uniform(0.85, 1.15) + rng.uniform(-10, 10)), 0, 255).astype(np.uint8)
