"""YCoCg-R: a reversible integer colour transform (Malvar and Sullivan, 2003)."""

from __future__ import annotations

import numpy as np


def to_ycocg(rgb: np.ndarray) -> list[np.ndarray]:
    """Planes Y, Co, Cg, int32, of (..., 3) unsigned integers.

    Co = R - B; t = B + floor(Co / 2); Cg = G - t; Y = t + floor(Cg / 2). Y has the range of the input, Co and
    Cg one bit more, with sign.
    """
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    orange = red - blue
    middle = blue + (orange >> 1)
    green = green - middle
    return [middle + (green >> 1), orange, green]


def from_ycocg(planes: list[np.ndarray]) -> np.ndarray:
    """(..., 3) int32, the inverse of `to_ycocg`."""
    luma, orange, green = planes
    middle = luma - (green >> 1)
    blue = middle - (orange >> 1)
    return np.stack([blue + orange, green + middle, blue], -1)
