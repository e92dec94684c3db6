"""Luma, and the change of RGB with least squared error for a given change of luma, within pixel range."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.ops.bands import bands

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JFIF

COLOUR_DIRECTION = LUMA / np.float32(LUMA @ LUMA)
"""Per unit of luma, the (R, G, B) change of least squared norm: 1.27 dB less error than the same change to
all three."""

GRAY_DIRECTION = np.ones(3, np.float32)
"""Per unit of luma, the change that keeps a gray picture gray."""

_EXACT_PIXELS = 1 << 21  # pixels up to which luma is float; in larger pictures averaging hides 8-bit rounding


def picture_luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) float32 luma."""
    if image.shape[0] * image.shape[1] <= _EXACT_PIXELS:
        return luma(image)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def luma_direction(image: np.ndarray) -> np.ndarray:
    """(3,) direction in which to change the luma of a picture (H, W, 3); a gray picture stays gray."""
    return GRAY_DIRECTION if (image == image[..., :1]).all() else COLOUR_DIRECTION


def luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB of any scale -> (H, W) float32 luma in the same scale."""
    plane = np.empty(image.shape[:-1], np.float32)
    for band in bands(len(image)):
        np.matmul(image[band].astype(np.float32, copy=False), LUMA, out=plane[band])
    return plane


_LEAST_POWER = 0.05  # of the unclipped channels: red or green; blue alone needs nine times the change
_LEAST_SHORTFALL = 2.0  # 8-bit levels of luma that are compensated


def with_luma_changed(pixels: np.ndarray, change: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Pixels (H, W, 3) uint8 or uint16, same type, with their luma changed by (H, W) in their own levels.

    Along `direction`, per unit of luma; where a channel is clipped, the others compensate.
    """
    limit = float(np.iinfo(pixels.dtype).max)
    result = change[..., None] * direction
    result += pixels
    cut = cv2.inRange(result, (0, 0, 0), (limit, limit, limit)) == 0
    np.clip(result, 0, limit, out=result)
    if cut.any():
        result[cut] = _compensated(pixels[cut].astype(np.float32), result[cut], change[cut], limit)
    return np.rint(result, out=result).astype(pixels.dtype)


def _compensated(before: np.ndarray, moved: np.ndarray, change: np.ndarray, limit: float) -> np.ndarray:
    """Clipped pixels (n, 3) with the missing part of the luma change (n,) added to the other channels."""
    missing = (change - (moved - before) @ LUMA)[:, None]
    free = np.where(missing > 0, moved < limit, moved > 0)
    power = (free @ LUMA**2)[:, None]
    worth = (power > _LEAST_POWER) & (np.abs(missing) > _LEAST_SHORTFALL * limit / 255)
    more = np.where(worth, missing / np.maximum(power, _LEAST_POWER), 0)
    return np.clip(moved + more * LUMA * free, 0, limit)
