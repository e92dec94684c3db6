"""Benign channels: degradations that keep the content of a picture. Codecs are the real ones, by Pillow.

A channel is a frozen value. Called with a picture and a generator it returns the received picture; `attack`
also returns the Placement, by which masks and originals follow the picture.

    received_u8 = Jpeg(70)(image_u8, rng)
    received_u8, placement = Crop(0.7).attack(image_u8, rng)       # Crop: attacks/geometry.py
"""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from underdrawing.attacks.placement import Placement


class Channel(ABC):
    """A degradation that keeps the content. Pictures are (H, W, 3) uint8 RGB."""

    train_range: ClassVar[tuple[float, float]]
    """Range of strengths in training."""
    eval_grid: ClassVar[tuple[float, ...]]
    """Strengths in measurements."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables, with the strength: jpeg70, crop70%."""

    @property
    def strength(self) -> float | None:
        """The parameter of the degradation; None for a channel without one."""
        return None

    @abstractmethod
    def attack(self, image_u8: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Placement]:
        """The received picture (H', W', 3) uint8 and its placement in `image_u8`."""

    def __call__(self, image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The received picture without its placement."""
        return self.attack(image_u8, rng)[0]


class _InPlace(Channel):
    """A channel that keeps every pixel in place."""

    def attack(self, image_u8: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Placement]:
        return self._change(image_u8, rng), Placement.identity(image_u8)

    @abstractmethod
    def _change(self, image_u8: np.ndarray, rng: np.random.Generator) -> np.ndarray: ...


def recode(image_u8: np.ndarray, format: str, **options: object) -> np.ndarray:
    """Encode and decode a picture with a codec of Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, format, **options)
    buffer.seek(0)
    with Image.open(buffer) as coded:
        return np.asarray(coded.convert("RGB"))


def _to_u8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Nothing(_InPlace):
    """Identity: a lossless file."""

    train_range: ClassVar = (0.0, 0.0)
    eval_grid: ClassVar = (0.0,)
    name: ClassVar[str] = "none"

    def _change(self, image_u8, rng):
        return image_u8.copy()


@dataclass(frozen=True)
class Jpeg(_InPlace):
    """JPEG by libjpeg-turbo; `subsampling` as Pillow counts it: 2 halves the chroma (4:2:0), 0 keeps it."""

    quality: int
    subsampling: int = 2
    train_range: ClassVar = (40.0, 98.0)
    eval_grid: ClassVar = (90.0, 70.0, 50.0, 30.0)

    @property
    def name(self) -> str:
        return f"jpeg{self.quality}" + ("" if self.subsampling == 2 else "-444")

    @property
    def strength(self) -> float:
        return float(self.quality)

    def _change(self, image_u8, rng):
        return recode(image_u8, "JPEG", quality=self.quality, subsampling=self.subsampling)


@dataclass(frozen=True)
class Webp(_InPlace):
    """Lossy WebP."""

    quality: int
    train_range: ClassVar = (45.0, 98.0)
    eval_grid: ClassVar = (75.0, 50.0)

    @property
    def name(self) -> str:
        return f"webp{self.quality}"

    @property
    def strength(self) -> float:
        return float(self.quality)

    def _change(self, image_u8, rng):
        return recode(image_u8, "WEBP", quality=self.quality)


@dataclass(frozen=True)
class Avif(_InPlace):
    """AVIF; `speed` is the encoder's effort, 10 the fastest."""

    quality: int
    speed: int = 8
    train_range: ClassVar = (50.0, 95.0)
    eval_grid: ClassVar = (60.0,)

    @property
    def name(self) -> str:
        return f"avif{self.quality}"

    @property
    def strength(self) -> float:
        return float(self.quality)

    def _change(self, image_u8, rng):
        return recode(image_u8, "AVIF", quality=self.quality, speed=self.speed)


@dataclass(frozen=True)
class Blur(_InPlace):
    """Gaussian blur, `sigma` in pixels."""

    sigma: float
    train_range: ClassVar = (0.3, 1.5)
    eval_grid: ClassVar = (1.0,)

    @property
    def name(self) -> str:
        return f"blur{self.sigma:g}"

    @property
    def strength(self) -> float:
        return self.sigma

    def _change(self, image_u8, rng):
        return cv2.GaussianBlur(image_u8, (0, 0), self.sigma)


@dataclass(frozen=True)
class Noise(_InPlace):
    """White Gaussian noise, `sigma` in 8-bit levels, independent in the three channels."""

    sigma: float
    train_range: ClassVar = (1.0, 12.0)
    eval_grid: ClassVar = (5.0, 10.0)

    @property
    def name(self) -> str:
        return f"noise{self.sigma:g}"

    @property
    def strength(self) -> float:
        return self.sigma

    def _change(self, image_u8, rng):
        noise = rng.standard_normal(image_u8.shape, dtype=np.float32) * np.float32(self.sigma)
        return _to_u8(image_u8 + noise)


@dataclass(frozen=True)
class _Enhanced(_InPlace):
    """One of Pillow's enhancers; factor 1 changes nothing."""

    factor: float
    train_range: ClassVar = (0.75, 1.3)
    eval_grid: ClassVar = (0.8, 1.2)
    word: ClassVar[str]
    enhancer: ClassVar[type]

    @property
    def name(self) -> str:
        return f"{self.word}{(self.factor - 1) * 100:+.0f}%"

    @property
    def strength(self) -> float:
        return self.factor

    def _change(self, image_u8, rng):
        return np.asarray(self.enhancer(Image.fromarray(image_u8)).enhance(self.factor))


class Brightness(_Enhanced):
    """Every level times `factor`."""

    word, enhancer = "brightness", ImageEnhance.Brightness


class Contrast(_Enhanced):
    """Distance from the mean gray times `factor`."""

    word, enhancer = "contrast", ImageEnhance.Contrast


class Saturation(_Enhanced):
    """Distance from gray times `factor`."""

    word, enhancer = "saturation", ImageEnhance.Color


@dataclass(frozen=True)
class Gamma(_InPlace):
    """level -> 255 (level / 255)^gamma."""

    gamma: float
    train_range: ClassVar = (0.75, 1.35)
    eval_grid: ClassVar = (0.8, 1.25)

    @property
    def name(self) -> str:
        return f"gamma{self.gamma:g}"

    @property
    def strength(self) -> float:
        return self.gamma

    def _change(self, image_u8, rng):
        table = _to_u8(255.0 * (np.arange(256) / 255.0) ** self.gamma)
        return cv2.LUT(image_u8, table)


@dataclass(frozen=True)
class Erase(_InPlace):
    """A gray box over the share `fraction` of the picture: a stress test of detection (WAVES), not benign."""

    fraction: float
    train_range: ClassVar = (0.02, 0.25)
    eval_grid: ClassVar = (0.05, 0.1, 0.25)

    @property
    def name(self) -> str:
        return f"erase{self.fraction * 100:g}%"

    @property
    def strength(self) -> float:
        return self.fraction

    def _change(self, image_u8, rng):
        height, width = image_u8.shape[:2]
        rows, columns = (max(1, round(side * math.sqrt(self.fraction))) for side in (height, width))
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        received = image_u8.copy()
        received[top : top + rows, left : left + columns] = 127
        return received
