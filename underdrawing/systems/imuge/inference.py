"""From the predicted mask to a binary one, and between a picture's size and the working size (sec. 3.5)."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

WORKING_PX = 256
KERNEL_PX = 4
_LEAST_CONTRAST = 0.3


def binary_mask(prob: np.ndarray) -> np.ndarray:
    """(H, W) probabilities -> bool: Otsu's threshold, then erosion and dilation with k = 4 (sec. 3.5).

    The dilation is one kernel wider than the erosion: specks vanish, what stays is slightly enlarged. Where
    the two classes of Otsu are less than .3 apart there is but one, and .5 decides: an untouched picture has
    no two classes to be told apart.
    """
    levels = np.rint(np.clip(prob, 0, 1) * 255).astype(np.uint8)
    _, over = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    high, low = levels[over > 0], levels[over == 0]
    apart = (high.mean() - low.mean()) / 255 if high.size and low.size else 0.0
    if apart < _LEAST_CONTRAST:
        over = np.where(levels > 127, 255, 0).astype(np.uint8)
    kernel = np.ones((KERNEL_PX, KERNEL_PX), np.uint8)
    kept = cv2.erode(over, kernel)
    return cv2.dilate(kept, kernel, iterations=2) > 0


def to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


def to_array(picture: Tensor) -> np.ndarray:
    """(1, C, h, w) -> (h, w, C) float32."""
    return np.ascontiguousarray(picture[0].float().permute(1, 2, 0).numpy())


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bicubic to another size, by area means where it shrinks."""
    if values.shape[:2] == (height, width):
        return values
    shrinks = height * width < values.shape[0] * values.shape[1]
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(values, (width, height), interpolation=kind)
