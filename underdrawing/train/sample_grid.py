"""Sample pictures of a training: one row a photograph, one column a stage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_RESIDUAL_GAIN = 8


def sample_grid(columns: Sequence[Tensor]) -> np.ndarray:
    """(H, W, 3) uint8 of columns (B, 1 or 3, h, w) in [0, 1], side by side."""
    rgb = [
        column.detach().float().clamp(0, 1).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu()
        for column in columns
    ]
    rows = torch.cat(rgb, dim=2)
    return (rows.flatten(0, 1) * 255).round().byte().numpy()


def amplified_residual(image: Tensor, protected: Tensor) -> Tensor:
    """Residual times 8, around gray."""
    return 0.5 + _RESIDUAL_GAIN * (protected - image)
