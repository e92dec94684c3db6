"""The way from a face crop to the input of a detector, the same for real and for forged faces.

    crop -> tone -> smaller picture -> JPEG or WebP -> square around the face -> (side, side)
    crop -> tone -> square around the face                     one in three: the face as it was made

A classifier can only learn the forgery where both classes share everything else. The margins are those of the
field (1.3 times the box, jittered); resizing, quality factors and tone are drawn anew for each sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from underdrawing.faces import CONTEXT
from underdrawing.faces.cropping import square_side

_SHRINKING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
_GROWING = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Camera:
    """Ranges of the random choices."""

    plain: float = 0.35
    """Share of the samples that are only cut out."""
    scale: tuple[float, float] = (0.7, 1.0)
    """Side of the picture when it is compressed, of the side of the crop; log-uniform, for three in four."""
    jpeg: tuple[int, int] = (75, 98)
    """Quality of JPEG, for five in eight samples."""
    webp: tuple[int, int] = (80, 96)
    """Quality of WebP, for one in sixteen: it takes seven times as long. The others stay uncompressed."""
    margin: tuple[float, float] = (1.22, 1.38)
    """Side of the square in sides of the face's box."""
    shift: float = 0.03
    """Largest shift of the square, of its side."""
    turn: float = 6.0
    """Largest angle, degrees, for half of the samples."""
    tone: float = 0.12
    """Largest change of gain and of gamma, for half of the samples."""

    def draw(self, rng: np.random.Generator) -> View:
        """Draw one path."""
        plain, codec, subsampled = rng.random() < self.plain, rng.random(), bool(rng.random() < 0.6)
        upright, toned = rng.random(2) < 0.5
        width = rng.uniform(*self.margin) / CONTEXT
        view = View(
            scale=float(np.exp(rng.uniform(*np.log(self.scale)))) if rng.random() < 0.75 else 1.0,
            filter_number=int(rng.integers(6)),
            jpeg=int(rng.integers(*self.jpeg, endpoint=True)) if 5 / 16 <= codec < 15 / 16 else None,
            webp=int(rng.integers(*self.webp, endpoint=True)) if codec >= 15 / 16 else None,
            subsampled=subsampled,
            tone=tuple(1 + rng.uniform(-self.tone, self.tone, 2)) if toned else (1.0, 1.0),
            width=width,
            centre=tuple(0.5 + rng.uniform(-self.shift, self.shift, 2) * width),
            angle=0.0 if upright else float(np.deg2rad(rng.uniform(-self.turn, self.turn))),
            mirrored=bool(rng.random() < 0.5),
        )
        return replace(view, scale=1.0, jpeg=None, webp=None, angle=0.0) if plain else view

    def picture(self, crop: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
        """Input (side, side, 3) uint8 of a detector for a crop (H, H, 3) uint8 with the context of a set."""
        return self.draw(rng).picture(crop, side)


@dataclass(frozen=True)
class View:
    """One path; lengths in sides of the crop."""

    scale: float
    filter_number: int
    jpeg: int | None
    webp: int | None
    subsampled: bool
    tone: tuple[float, float]
    """Gain and gamma."""
    width: float
    """Of the square."""
    centre: tuple[float, float]
    angle: float
    """Radians; 0: the square is cut out as `examine` does."""
    mirrored: bool

    def picture(self, crop: np.ndarray, side: int) -> np.ndarray:
        """Input (side, side, 3) uint8 for a crop (H, H, 3) uint8."""
        small = self._small(len(crop))
        image = self._toned(crop)
        if small != len(crop):
            filters = _SHRINKING if small < len(crop) else _GROWING
            image = cv2.resize(
                image, (small, small), interpolation=filters[self.filter_number % len(filters)]
            )
        image = self._coded(image)
        width, centre = self._square(len(image), side)
        if self.angle != 0:
            return self._turned(image, side, width, centre)
        return self._cut_out(image, side, int(width), centre)

    def mask(self, mask: np.ndarray, sides: tuple[int, int], cells: int) -> np.ndarray:
        """A mask (h, h) of the crop in the square, (cells, cells), same type. sides: of crop and input."""
        length = self._small(sides[0])
        width, centre = self._square(length, sides[1])
        per_px = len(mask) / length
        return self._turned(mask, cells, width * per_px, centre * per_px)

    def _small(self, crop_side: int) -> int:
        """Side of the picture when it is compressed, px."""
        return max(32, round(self.scale * crop_side))

    def _square(self, length: int, side: int) -> tuple[float, np.ndarray]:
        """Width and centre (2,) of the square, px of a picture of `length` px; upright: whole pixels."""
        width, centre = self.width * length, np.array(self.centre) * length
        if self.angle == 0:
            width = min(square_side(width, side), length)
            centre = np.rint(centre - width / 2).clip(0, length - width) + width / 2
        return width, centre

    def _toned(self, crop: np.ndarray) -> np.ndarray:
        gain, gamma = self.tone
        if self.tone == (1.0, 1.0):
            return crop
        curve = 255 * np.clip(gain * (np.arange(256) / 255) ** gamma, 0, 1)
        return cv2.LUT(crop, np.rint(curve).astype(np.uint8))

    def _coded(self, image: np.ndarray) -> np.ndarray:
        if self.jpeg is not None:
            factors = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
            sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors[self.subsampled])
            _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.jpeg, *sampling])
        elif self.webp is not None:
            _, data = cv2.imencode(".webp", image[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, self.webp])
        else:
            return image
        return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)

    def _cut_out(self, image: np.ndarray, side: int, width: int, centre: np.ndarray) -> np.ndarray:
        left, top = np.rint(centre - width / 2).astype(int)
        face = image[top : top + width, left : left + width]
        if width != side:
            filter_ = cv2.INTER_AREA if width > side else cv2.INTER_LINEAR
            face = cv2.resize(face, (side, side), interpolation=filter_)
        return np.ascontiguousarray(face[:, ::-1] if self.mirrored else face)

    def _turned(self, image: np.ndarray, side: int, width: float, centre: np.ndarray) -> np.ndarray:
        """An affine map has no area filter, so a blur limits the aliasing."""
        zoom = side / width
        turn = np.array([[np.cos(self.angle), -np.sin(self.angle)], [np.sin(self.angle), np.cos(self.angle)]])
        if self.mirrored:
            turn[0] *= -1
        if zoom < 0.8:
            image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / zoom - 0.6))
        matrix = np.column_stack([zoom * turn, (side - 1) / 2 - zoom * turn @ (centre - 0.5)])
        size = (side, side)
        return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
