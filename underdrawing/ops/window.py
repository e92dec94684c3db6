"""The part of a frame that was received, and its place on a canvas of the whole frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 128
"""Sides of the canvas, px."""


def means_around(sigma: float) -> np.ndarray:
    """(SIDE, SIDE): the rows are weights of a mean around each place, of a standard deviation in px."""
    places = np.arange(SIDE)
    weights = np.exp(-0.5 * ((places[:, None] - places) / sigma) ** 2)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Window:
    """The part of the marked frame that was received, in shares of its sides."""

    top: float = 0.0
    left: float = 0.0
    height: float = 1.0
    width: float = 1.0

    def placed(self, frame: np.ndarray) -> np.ndarray:
        """A received frame (H, W, 3) or (H, W) on the canvas, (SIDE, SIDE) float32; its border goes on."""
        rows, cols = (max(8, round(SIDE * share)) for share in (self.height, self.width))
        smaller = rows * cols < frame.shape[0] * frame.shape[1]
        scaled = cv2.resize(frame, (cols, rows), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        scaled = scaled.astype(np.float32)
        if self == Window():
            return scaled
        x, y = SIDE * self.width / cols, SIDE * self.height / rows
        matrix = np.array([[x, 0, SIDE * self.left + (x - 1) / 2], [0, y, SIDE * self.top + (y - 1) / 2]])
        return cv2.warpAffine(
            scaled, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )

    def mask(self) -> np.ndarray:
        """(SIDE, SIDE) float32: 1 inside."""
        centres = (np.arange(SIDE) + 0.5) / SIDE
        rows = (centres > self.top) & (centres < self.top + self.height)
        cols = (centres > self.left) & (centres < self.left + self.width)
        return (rows[:, None] & cols).astype(np.float32)
