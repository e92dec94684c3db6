"""The way from a face crop to the input of a detector, the same for real and for forged faces.

    crop -> tone -> smaller picture -> JPEG or WebP -> square around the face -> (side, side)

A classifier can only learn the forgery where both classes share everything else. The margins are those of the
field (1.3 times the box, jittered); resizing, quality factors and tone are drawn anew for each sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Camera:
    """Ranges of the random choices."""

    scale: tuple[float, float] = (0.55, 1.0)
    """Side of the picture when it is compressed, of the side of the crop; log-uniform."""
    jpeg: tuple[int, int] = (70, 98)
    """Quality of JPEG, for half of the samples."""
    webp: tuple[int, int] = (70, 96)
    """Quality of WebP, for a sixth; a third stays uncompressed."""
    context: float = 1.6
    """Side of the crop in sides of the face's box, as in a set of faces."""
    margin: tuple[float, float] = (1.2, 1.42)
    """Side of the square in sides of the face's box."""
    shift: float = 0.04
    """Largest shift of the square, of its side."""
    turn: float = 6.0
    """Largest angle, degrees."""
    tone: float = 0.12
    """Largest change of gain and of gamma."""

    def picture(self, crop: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
        """Input (side, side, 3) uint8 of a detector for a crop (H, W, 3) uint8 with the context of a set."""
        image = self._tone(crop, rng)
        scale = np.exp(rng.uniform(*np.log(self.scale)))
        if rng.random() < 0.75:
            small = max(32, round(scale * len(crop)))
            image = cv2.resize(image, (small, small), interpolation=_filter(rng, small < len(crop)))
        return self._square(self._code(image, rng), side, rng)

    def _tone(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        gain, gamma = 1 + rng.uniform(-self.tone, self.tone, 2)
        if rng.random() < 0.5:
            return crop
        curve = 255 * np.clip(gain * (np.arange(256) / 255) ** gamma, 0, 1)
        return cv2.LUT(crop, np.rint(curve).astype(np.uint8))

    def _code(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        choice = rng.random()
        if choice < 1 / 3:
            return image
        if choice < 5 / 6:
            quality, subsampled = int(rng.integers(*self.jpeg, endpoint=True)), rng.random() < 0.6
            factors = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
            options = [
                cv2.IMWRITE_JPEG_QUALITY,
                quality,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                factors[subsampled],
            ]
            return _coded(image, ".jpg", options)
        return _coded(
            image, ".webp", [cv2.IMWRITE_WEBP_QUALITY, int(rng.integers(*self.webp, endpoint=True))]
        )

    def _square(self, image: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
        width = rng.uniform(*self.margin) / self.context * len(image)
        centre = len(image) / 2 + rng.uniform(-self.shift, self.shift, 2) * width
        mirror, angle = rng.random() < 0.5, np.deg2rad(rng.uniform(-self.turn, self.turn))
        if rng.random() < 0.5:  # as a face is cut out by `examine`
            left, top = np.rint(centre - width / 2).astype(int).clip(0)
            part = image[top : top + round(width), left : left + round(width)]
            smaller = width > side
            face = cv2.resize(
                part, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            )
            return np.ascontiguousarray(face[:, ::-1]) if mirror else face
        return _turned(image, centre, side / width, angle, mirror, side)


def _turned(
    image: np.ndarray, centre: np.ndarray, zoom: float, angle: float, mirror: bool, side: int
) -> np.ndarray:
    """The square around `centre`, turned, (side, side, 3); an affine map has no area filter, so a blur limits
    the aliasing."""
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirror:
        turn[0] *= -1
    if zoom < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / zoom - 0.6))
    matrix = np.column_stack([turn, (side - 1) / 2 - turn @ (centre - 0.5)])
    size = (side, side)
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _filter(rng: np.random.Generator, smaller: bool) -> int:
    filters = (
        (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
        if smaller
        else (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    )
    return filters[int(rng.integers(len(filters)))]


def _coded(image: np.ndarray, suffix: str, options: list[int]) -> np.ndarray:
    _, data = cv2.imencode(suffix, image[..., ::-1], options)
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
