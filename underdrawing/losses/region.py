"""Squared error with emphasis on a region, and a bound on an error instead of a weight."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mse(image: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of (B, C, H, W) over the pixels of mask (B, 1, H, W) alone, the batch together.

    0 where the mask is empty.
    """
    return ((image - other).square() * mask).sum() / (image.shape[1] * mask.sum()).clamp_min(1.0)


def mse_above_db(image: Tensor, other: Tensor, limit_db: float) -> Tensor:
    """By how many dB the PSNR (peak 1) of each picture lies below `limit_db`, at least 0; the mean over the
    batch."""
    mse = (image - other).square().mean((1, 2, 3)).clamp_min(1e-10)
    return torch.relu(limit_db + 10 * torch.log10(mse)).mean()
