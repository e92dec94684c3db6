"""What one classical method finds in a picture, and the bound by which its findings are kept rare."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Evidence:
    """What one method finds. No method finds out whether a picture is genuine."""

    found: bool | None
    """Whether a part of the picture differs from the rest in what the method measures; None: the method
    cannot be applied to this picture."""
    sentence: str
    """What was found."""
    innocent: str
    """What can cause this besides manipulation, or why the absence of it means nothing."""
    score: float | None = None
    """Strength, 0 or more, in the unit of the method; comparable between pictures, not between methods."""
    map: np.ndarray | None = None
    """(H, W) float32 in [0, 1]: where; None where there is nothing to see."""


def log10_tail(count: np.ndarray, total: np.ndarray, share: float) -> np.ndarray:
    """Upper bound of log10 P(X >= count), X binomial(total, share), by Chernoff: -total * KL(rate || share).

    0 where the count is not above its expectation.
    """
    rate = np.clip(np.asarray(count, np.float64) / np.maximum(total, 1), 1e-9, 1 - 1e-9)
    divergence = rate * np.log(rate / share) + (1 - rate) * np.log((1 - rate) / (1 - share))
    return np.where(rate > share, -total * divergence / np.log(10), 0.0)


def to_pixels(cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map of cells (h, w), which cover the picture evenly, as (H, W) float32 in [0, 1]."""
    height, width = shape[:2]
    smooth = cv2.resize(np.asarray(cells, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth, 0, 1, out=smooth)
