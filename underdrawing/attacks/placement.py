"""Geometric relation between a received picture and the picture it was made from.

A channel that crops, scales, rotates or mirrors returns a Placement with the pixels, so that a true mask can
be scored in received coordinates and a recovered picture in source coordinates.

    (x, y) of the source = linear @ (x, y) of the received + offset     pixels; (0, 0) is the top left corner
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Placement:
    """Affine map from received to source coordinates, with the sizes of both pictures."""

    source_size: tuple[int, int]
    """(height, width) of the source, pixels."""
    size: tuple[int, int]
    """(height, width) of the received picture, pixels."""
    linear: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    offset: tuple[float, float] = (0.0, 0.0)
    """Source (x, y) of the received picture's top left corner."""

    @classmethod
    def identity(cls, image: np.ndarray) -> Placement:
        """The placement of a picture whose pixels did not move."""
        return cls(image.shape[:2], image.shape[:2])

    @property
    def is_identity(self) -> bool:
        """Whether no pixel moved."""
        same_axes = self.linear == ((1.0, 0.0), (0.0, 1.0)) and self.offset == (0.0, 0.0)
        return same_axes and self.size == self.source_size

    @property
    def covers_source(self) -> bool:
        """Whether the received picture shows the whole source, upright: it was at most scaled."""
        (a, b), (c, d) = self.linear
        upright = b == 0 and c == 0 and self.offset == (0.0, 0.0)
        full = abs(a * self.size[1] - self.source_size[1]) < 1e-6
        return upright and full and abs(d * self.size[0] - self.source_size[0]) < 1e-6

    def then(self, later: Placement) -> Placement:
        """Composition: this placement followed by `later`."""
        first, second = np.array(self.linear), np.array(later.linear)
        offset = first @ np.array(later.offset) + np.array(self.offset)
        return Placement(self.source_size, later.size, *_plain(first @ second, offset))

    def warp_mask(self, mask: np.ndarray) -> np.ndarray:
        """A source mask (H, W) bool in received coordinates, (H', W') bool; False outside the source."""
        if self.is_identity:
            return mask.copy()
        warped = self._warp(mask.astype(np.uint8), cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
        return warped.astype(bool)

    def inside_source(self) -> np.ndarray:
        """(H', W') bool: received pixels that show the source (a rotation adds black corners)."""
        return self.warp_mask(np.ones(self.source_size, bool))

    def warp_image(self, image_u8: np.ndarray) -> np.ndarray:
        """The source (H, W, 3) uint8 in received coordinates, without the channel's losses: (H', W', 3)."""
        if self.is_identity:
            return image_u8.copy()
        (a, b), (c, d) = self.linear
        if b or c:
            return self._warp(image_u8, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
        height, width = self.size
        xs = sorted((self.offset[0], self.offset[0] + a * width))
        ys = sorted((self.offset[1], self.offset[1] + d * height))
        box = (
            max(xs[0], 0.0),
            max(ys[0], 0.0),
            min(xs[1], self.source_size[1]),
            min(ys[1], self.source_size[0]),
        )
        part = Image.fromarray(image_u8).resize((width, height), Image.Resampling.BICUBIC, box=box)
        return np.ascontiguousarray(np.asarray(part)[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])

    def to_source(self, received_u8: np.ndarray) -> np.ndarray:
        """A received picture (H', W', 3) uint8 in source coordinates, (H, W, 3); its border is repeated
        outside."""
        if self.is_identity:
            return received_u8.copy()
        if self.covers_source:
            size = (self.source_size[1], self.source_size[0])
            return np.asarray(Image.fromarray(received_u8).resize(size, Image.Resampling.BICUBIC))
        inverse = np.linalg.inv(np.array(self.linear))
        offset = -inverse @ np.array(self.offset)
        undo = Placement(self.size, self.source_size, *_plain(inverse, offset))
        return undo._warp(received_u8, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)

    def _warp(self, plane: np.ndarray, interpolation: int, border: int) -> np.ndarray:
        linear, half = np.array(self.linear), np.array([0.5, 0.5])
        centre = linear @ half + np.array(self.offset) - half  # cv2 counts from the centre of the first pixel
        matrix = np.column_stack([linear, centre])
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(plane, matrix, (self.size[1], self.size[0]), flags=flags, borderMode=border)


def _plain(linear: np.ndarray, offset: np.ndarray) -> tuple:
    rows = (tuple(map(float, linear[0])), tuple(map(float, linear[1])))
    return rows, (float(offset[0]), float(offset[1]))
