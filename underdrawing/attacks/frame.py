"""Where a received picture lies in the picture it was made from.

A channel that crops, scales, turns or mirrors returns a Frame beside the pixels, so that a true mask can be
scored in the received frame and a recovered picture in the original one.

    (x, y) of the source = linear @ (x, y) of the received + offset     pixels, the picture's corner at 0
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Frame:
    """An affine map from received to source coordinates, with the sizes of both pictures."""

    source_size: tuple[int, int]
    """(height, width) of the picture that went in, pixels."""
    size: tuple[int, int]
    """(height, width) of the picture that came out, pixels."""
    linear: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    offset: tuple[float, float] = (0.0, 0.0)
    """Source (x, y) of the received picture's top left corner."""

    @classmethod
    def whole(cls, image: np.ndarray) -> Frame:
        """The frame of a picture that stayed where it was."""
        return cls(image.shape[:2], image.shape[:2])

    @property
    def unmoved(self) -> bool:
        """Whether every pixel is where it was."""
        same_grid = self.linear == ((1.0, 0.0), (0.0, 1.0)) and self.offset == (0.0, 0.0)
        return same_grid and self.size == self.source_size

    @property
    def covers_source(self) -> bool:
        """Whether the whole source is in view, unturned: it was at most scaled."""
        (a, b), (c, d) = self.linear
        upright = b == 0 and c == 0 and self.offset == (0.0, 0.0)
        full = abs(a * self.size[1] - self.source_size[1]) < 1e-6
        return upright and full and abs(d * self.size[0] - self.source_size[0]) < 1e-6

    def then(self, later: Frame) -> Frame:
        """The frame of `later` applied to what this one gives."""
        first, second = np.array(self.linear), np.array(later.linear)
        offset = first @ np.array(later.offset) + np.array(self.offset)
        linear = first @ second
        rows = (tuple(map(float, linear[0])), tuple(map(float, linear[1])))
        return Frame(self.source_size, later.size, rows, (float(offset[0]), float(offset[1])))

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """A mask (H, W) bool of the source, seen in the received frame (H', W') bool; outside is False."""
        if self.unmoved:
            return mask.copy()
        warped = self._warp(mask.astype(np.uint8), cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
        return warped.astype(bool)

    def inside(self) -> np.ndarray:
        """(H', W') bool: where the received frame shows the source at all (a turn brings in corners)."""
        return self.mask(np.ones(self.source_size, bool))

    def image(self, image_u8: np.ndarray) -> np.ndarray:
        """The source picture (H, W, 3) uint8 as the received frame would show it undamaged, (H', W', 3)."""
        if self.unmoved:
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
        seen = Image.fromarray(image_u8).resize((width, height), Image.Resampling.BICUBIC, box=box)
        return np.ascontiguousarray(np.asarray(seen)[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])

    def back(self, received: np.ndarray) -> np.ndarray:
        """A picture (H', W', 3) uint8 of the received frame laid over the source frame (H, W, 3).

        Where the received frame does not cover it, its border is repeated.
        """
        if self.unmoved:
            return received.copy()
        if self.covers_source:
            size = (self.source_size[1], self.source_size[0])
            return np.asarray(Image.fromarray(received).resize(size, Image.Resampling.BICUBIC))
        inverse = np.linalg.inv(np.array(self.linear))
        offset = -inverse @ np.array(self.offset)
        rows = (tuple(map(float, inverse[0])), tuple(map(float, inverse[1])))
        undo = Frame(self.size, self.source_size, rows, (float(offset[0]), float(offset[1])))
        return undo._warp(received, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)

    def _warp(self, plane: np.ndarray, interpolation: int, border: int) -> np.ndarray:
        linear, half = np.array(self.linear), np.array([0.5, 0.5])
        centre = linear @ half + np.array(self.offset) - half  # cv2 counts from the centre of the first pixel
        matrix = np.column_stack([linear, centre])
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(plane, matrix, (self.size[1], self.size[0]), flags=flags, borderMode=border)
