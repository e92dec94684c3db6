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

    label: ClassVar[str]
    """Format of the name, filled from the channel's fields."""

    @property
    def name(self) -> str:
        """Name in tables, with the strength: jpeg70, crop70%."""
        return self.label.format(self)

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

    label: ClassVar = "none"

    def _change(self, image_u8, rng):
        return image_u8.copy()


@dataclass(frozen=True)
class Jpeg(_InPlace):
    """JPEG by libjpeg-turbo; `subsampling` as Pillow counts it: 2 halves the chroma (4:2:0), 0 keeps it."""

    quality: int
    subsampling: int = 2

    @property
    def name(self) -> str:
        return f"jpeg{self.quality}" + ("" if self.subsampling == 2 else "-444")

    def _change(self, image_u8, rng):
        return recode(image_u8, "JPEG", quality=self.quality, subsampling=self.subsampling)


@dataclass(frozen=True)
class Webp(_InPlace):
    """Lossy WebP."""

    quality: int
    label: ClassVar = "webp{.quality}"

    def _change(self, image_u8, rng):
        return recode(image_u8, "WEBP", quality=self.quality)


@dataclass(frozen=True)
class Avif(_InPlace):
    """AVIF; `speed` is the encoder's effort, 10 the fastest."""

    quality: int
    speed: int = 8
    label: ClassVar = "avif{.quality}"

    def _change(self, image_u8, rng):
        return recode(image_u8, "AVIF", quality=self.quality, speed=self.speed)


@dataclass(frozen=True)
class Palette(_InPlace):
    """A palette of at most 256 `colours` by median cut, as in GIF and reduced PNG."""

    colours: int
    dithered: bool = False

    @property
    def name(self) -> str:
        return f"palette{self.colours}" + ("-dithered" if self.dithered else "")

    def _change(self, image_u8, rng):
        dither = Image.Dither.FLOYDSTEINBERG if self.dithered else Image.Dither.NONE
        picture = Image.fromarray(image_u8)
        reduced = picture.quantize(self.colours, dither=Image.Dither.NONE)
        return np.asarray((picture.quantize(palette=reduced, dither=dither)).convert("RGB"))


_P3_TO_SRGB = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
"""Linear levels of Display P3 -> linear sRGB: both have the white D65 (CSS Color 4, sec. 10)."""


@dataclass(frozen=True)
class DisplayP3(_InPlace):
    """The levels are those of a Display P3 file; it is converted to sRGB, and clipped."""

    label: ClassVar = "p3-to-srgb"

    def _change(self, image_u8, rng):
        linear = (image_u8 / 255.0) ** 2.2
        return _to_u8(255 * np.clip(linear @ _P3_TO_SRGB.T, 0, 1) ** (1 / 2.2))


@dataclass(frozen=True)
class Blur(_InPlace):
    """Gaussian blur, `sigma` in pixels."""

    sigma: float
    label: ClassVar = "blur{.sigma:g}"

    def _change(self, image_u8, rng):
        return cv2.GaussianBlur(image_u8, (0, 0), self.sigma)


@dataclass(frozen=True)
class Mean(_InPlace):
    """Mean filter over squares of `side` pixels."""

    side: int
    label: ClassVar = "mean{.side}"

    def _change(self, image_u8, rng):
        return cv2.blur(image_u8, (self.side, self.side))


@dataclass(frozen=True)
class Noise(_InPlace):
    """White Gaussian noise, `sigma` in 8-bit levels, independent in the three channels."""

    sigma: float
    label: ClassVar = "noise{.sigma:g}"

    def _change(self, image_u8, rng):
        noise = rng.standard_normal(image_u8.shape, dtype=np.float32) * np.float32(self.sigma)
        return _to_u8(image_u8 + noise)


@dataclass(frozen=True)
class _Enhanced(_InPlace):
    """One of Pillow's enhancers; factor 1 changes nothing."""

    factor: float
    word: ClassVar[str]
    enhancer: ClassVar[type]

    @property
    def name(self) -> str:
        return f"{self.word}{(self.factor - 1) * 100:+.0f}%"

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
    label: ClassVar = "gamma{.gamma:g}"

    def _change(self, image_u8, rng):
        table = _to_u8(255.0 * (np.arange(256) / 255.0) ** self.gamma)
        return cv2.LUT(image_u8, table)


@dataclass(frozen=True)
class Erase(_InPlace):
    """A gray box over the share `fraction` of the picture: a stress test of detection (WAVES), not benign."""

    fraction: float

    @property
    def name(self) -> str:
        return f"erase{self.fraction * 100:g}%"

    def _change(self, image_u8, rng):
        height, width = image_u8.shape[:2]
        rows, columns = (max(1, round(side * math.sqrt(self.fraction))) for side in (height, width))
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        received = image_u8.copy()
        received[top : top + rows, left : left + columns] = 127
        return received
