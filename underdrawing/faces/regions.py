"""Alignment of regions of interest as two matrix products, and the way back into the picture.

    aligned = R x C'        R, C: averages of bilinear samples, as RoIAlign (He et al., Mask R-CNN, sec. 3)
    picture + R_back residual C_back'

R and C are separable because squares are upright; both products have gradients, in PyTorch as in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.faces.cropping import CONTEXT
from underdrawing.faces.detection import DetectedFace

SIDE = 128
"""Of an aligned face, px."""


@dataclass(frozen=True)
class Square:
    """An upright square of a picture; continuous coordinates, the first pixel covers 0 to 1."""

    left: float
    top: float
    side: float

    @classmethod
    def around(cls, face: DetectedFace) -> Square:
        """CONTEXT times the longer side of the box of a face."""
        x, y, width, height = face.box
        side = CONTEXT * max(width, height)
        return cls(x + width / 2 - side / 2, y + height / 2 - side / 2, side)

    @classmethod
    def in_the_middle(cls, height: int, width: int) -> Square:
        """The largest one of a picture."""
        side = float(min(height, width))
        return cls((width - side) / 2, (height - side) / 2, side)

    def moved(self, right: float, down: float, scale: float) -> Square:
        """Its centre moved by fractions of its side, its side scaled."""
        side = self.side * scale
        left = self.left + right * self.side - (side - self.side) / 2
        return Square(left, self.top + down * self.side - (side - self.side) / 2, side)

    def window(self, height: int, width: int, beyond: int = 0) -> tuple[slice, slice]:
        """Rows and columns of the picture that it meets, and so many more px; empty where it lies outside."""
        rows, cols = (
            slice(
                min(length, max(0, int(np.floor(start)) - beyond)),
                max(0, min(length, int(np.ceil(start + self.side)) + beyond)),
            )
            for start, length in ((self.top, height), (self.left, width))
        )
        return slice(rows.start, max(rows.start, rows.stop)), slice(cols.start, max(cols.start, cols.stop))


def sampling(start: float, step: float, count: int, length: int, outside: bool = True) -> np.ndarray:
    """(count, length) float32: matrix that averages bilinear samples of a row of `length` values.

    Output i covers [start + i step, start + (i + 1) step) of the row. outside: beyond its ends the row
    continues with its last value; else with 0.
    """
    samples = max(1, int(np.ceil(step - 1e-6)))
    offsets = (np.arange(samples) + 0.5) / samples
    at = start + step * (np.arange(count)[:, None] + offsets) - 0.5
    low = np.floor(at).astype(int)
    matrix = np.zeros((count, length))
    rows = np.broadcast_to(np.arange(count)[:, None], low.shape)
    for index, weight in ((low, low + 1 - at), (low + 1, at - low)):
        inside = np.ones(index.shape, bool) if outside else (index >= 0) & (index < length)
        np.add.at(matrix, (rows[inside], index.clip(0, length - 1)[inside]), weight[inside] / samples)
    return matrix.astype(np.float32)


def align_matrices(
    square: Square, height: int, width: int, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """(side, height) and (side, width): picture (height, width) -> aligned square, R x C'."""
    step = square.side / side
    return sampling(square.top, step, side, height), sampling(square.left, step, side, width)


def paste_matrices(
    square: Square, height: int, width: int, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """(height, side) and (width, side): residual of the aligned square -> picture; 0 outside the square."""
    step = side / square.side
    rows = sampling(-square.top * step, step, height, side, outside=False)
    return rows, sampling(-square.left * step, step, width, side, outside=False)


def aligned(picture: np.ndarray, square: Square, side: int = SIDE) -> np.ndarray:
    """(C, side, side) float32 of a picture (H, W, C); beyond the picture its last pixels are repeated."""
    rows, cols = square.window(*picture.shape[:2], beyond=1)
    if rows.start == rows.stop or cols.start == cols.stop:
        return np.zeros((picture.shape[2], side, side), np.float32)
    part = picture[rows, cols].astype(np.float32)
    inner = Square(square.left - cols.start, square.top - rows.start, square.side)
    down, across = align_matrices(inner, *part.shape[:2], side)
    return np.matmul(np.matmul(down, part.transpose(2, 0, 1)), across.T)


def visible(square: Square, height: int, width: int, side: int = SIDE) -> np.ndarray:
    """(side, side) float32: share of each pixel of the aligned square that lies in the picture."""
    step = square.side / side
    down = sampling(square.top, step, side, height, outside=False).sum(1)
    return np.outer(down, sampling(square.left, step, side, width, outside=False).sum(1))


def pasted(residual: np.ndarray, square: Square, total: np.ndarray) -> None:
    """Add the residual (C, side, side) of a square to that of the picture, total (H, W, C), in place."""
    rows, cols = square.window(*total.shape[:2], beyond=1)
    if rows.start == rows.stop or cols.start == cols.stop:
        return
    inner = Square(square.left - cols.start, square.top - rows.start, square.side)
    down, across = paste_matrices(inner, rows.stop - rows.start, cols.stop - cols.start, residual.shape[-1])
    total[rows, cols] += np.matmul(np.matmul(down, residual), across.T).transpose(1, 2, 0)
