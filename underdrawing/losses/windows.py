"""SSIM over windows that do not overlap: cheap enough for every training step."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_C1, _C2 = 0.01**2, 0.03**2  # Wang et al., 2004, for values in [0, 1]


def window_ssim(image: Tensor, other: Tensor, side: int = 8) -> Tensor:
    """Mean SSIM of (B, C, H, W) in [0, 1] over flat windows of `side` px, (B,)."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, side)

    a, b = mean(image), mean(other)
    var_a, var_b = mean(image * image) - a * a, mean(other * other) - b * b
    both = mean(image * other) - a * b
    ssim = (2 * a * b + _C1) * (2 * both + _C2) / ((a * a + b * b + _C1) * (var_a + var_b + _C2))
    return ssim.mean((1, 2, 3))
