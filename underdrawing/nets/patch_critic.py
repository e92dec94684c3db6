"""PatchGAN critic: one score for each overlapping patch (Isola et al., 2017)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_LEAST_PX = 32  # smaller pictures are enlarged


class PatchCritic(nn.Module):
    """(B, 3, H, W) in [0, 1] -> scores (B, 1, h, w), one for each patch of 70x70 px."""

    def __init__(self, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        inputs = width
        for layer in range(1, layers + 1):
            outputs = width * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            parts += [nn.Conv2d(inputs, outputs, 4, stride, 1, bias=False), nn.BatchNorm2d(outputs)]
            parts += [nn.LeakyReLU(0.2)]
            inputs = outputs
        self.body = nn.Sequential(*parts, nn.Conv2d(inputs, 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Scores, unbounded."""
        least = min(image.shape[-2:])
        if least < _LEAST_PX:
            image = F.interpolate(image, scale_factor=-(-_LEAST_PX // least), mode="nearest")
        return self.body(2 * image - 1)
