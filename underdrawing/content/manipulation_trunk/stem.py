"""Noise residuals beside the picture: what a manipulation disturbs is larger in them than in the content.

    luma --three SRM kernels--> r --truncated to [-3, 3]------> 12 maps at 1/2 (2 x 2 phases of each)
                                  --ln(1 + |r|), mean of 2 x 2--> 3 maps at 1/2
    RGB --mean of 2 x 2-------------------------------------------> 3 maps at 1/2

One convolution of stride 2 has the residuals of all phases: each kernel of 5 x 5 at four places in 6 x 6.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.front_ends import SRM_KERNELS, SRM_TRUNCATION

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (BT.601)."""
_PHASES = 4


class ResidualStem(nn.Module):
    """(B, 3, H, W) float32, RGB in 0..255, even sides -> (B, 18, H/2, W/2). No trained parameters."""

    maps = (_PHASES + 1) * len(SRM_KERNELS) + 3
    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.zeros(len(SRM_KERNELS), _PHASES, 6, 6)
        for number, (kernel, q) in enumerate(SRM_KERNELS):
            for phase in range(_PHASES):
                top, left = divmod(phase, 2)
                kernels[number, phase, top : top + 5, left : left + 5] = torch.tensor(kernel) / q
        kernels = kernels.flatten(0, 1)[:, None] * torch.tensor(LUMA).view(3, 1, 1)
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        residuals = F.conv2d(rgb, self.kernels, stride=2, padding=2)
        energies = residuals.abs().log1p().unflatten(1, (len(SRM_KERNELS), _PHASES)).mean(2)
        colours = F.avg_pool2d(rgb, 2) / 127.5 - 1
        return torch.cat([residuals.clamp(-SRM_TRUNCATION, SRM_TRUNCATION), energies, colours], 1)
