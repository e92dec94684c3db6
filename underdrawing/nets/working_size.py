"""Inference of networks at one working size: pictures to tensors, maps and pictures back to the full size."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor


def to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def to_array(picture: Tensor) -> np.ndarray:
    """(1, C, h, w) -> (h, w, C) float32."""
    return np.ascontiguousarray(picture[0].float().permute(1, 2, 0).numpy())


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w) or (h, w, C) at another size: area means where it shrinks, bicubic where it grows."""
    if values.shape[:2] == (height, width):
        return values
    shrinks = height * width < values.shape[0] * values.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(values, (width, height), interpolation=method)
