"""Luma, and the cheapest change of colour that changes it."""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JFIF

COLOUR_DIRECTION = LUMA / np.float32(LUMA @ LUMA)
"""Per unit of luma, the (R, G, B) change of least squared norm: 1.27 dB less error than the same change to
all three."""

GRAY_DIRECTION = np.ones(3, np.float32)
"""Per unit of luma, the change that keeps a gray picture gray."""


def luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB of any scale -> (H, W) float32 luma in the same scale."""
    return image.astype(np.float32, copy=False) @ LUMA
