"""Squared error inside a region of the picture."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mse(image: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of (B, C, H, W) over the pixels of the mask (B, 1, H, W) in the whole batch.

    0 where the mask is empty.
    """
    return ((image - other).square() * mask).sum() / (image.shape[1] * mask.sum()).clamp_min(1.0)


def log_masked_mse(image: Tensor, other: Tensor, mask: Tensor, least_mse: float = 3e-4) -> Tensor:
    """Mean over the pictures with a non-empty mask of log10 of the squared error inside it: dB / -10.

    least_mse: added to each error; the logarithm would stress errors that are small enough (35 dB).
    """
    area = mask.sum((1, 2, 3))
    error = ((image - other).square() * mask).sum((1, 2, 3)) / (image.shape[1] * area).clamp_min(1.0)
    counts = (area > 0).to(error)
    return (torch.log10(error + least_mse) * counts).sum() / counts.sum().clamp_min(1.0)
