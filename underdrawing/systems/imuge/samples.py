"""Sample pictures of a training: a row a photograph, from the original to what was recovered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

RESIDUAL_GAIN = 8
"""How much the residual is enlarged to be seen."""


def grid(columns: Sequence[Tensor]) -> np.ndarray:
    """(H, W, 3) uint8 of columns (B, 1 or 3, h, w) in [0, 1], side by side, pictures below each other."""
    shown = [
        column.detach().float().clamp(0, 1).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu()
        for column in columns
    ]
    rows = torch.cat(shown, dim=2)
    return (rows.flatten(0, 1) * 255).round().byte().numpy()


def residual_picture(image: Tensor, immunized: Tensor) -> Tensor:
    """The residual, enlarged, around gray."""
    return 0.5 + RESIDUAL_GAIN * (immunized - image)


def crops_tensor(crops: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """(B, 3, h, w) in [0, 1] of pictures (h, w, 3) uint8."""
    stacked = torch.from_numpy(np.stack(crops)).to(device)
    return stacked.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last) / 255
