"""Small pieces that U-shaped networks are made of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution and its nonlinearity; stride 2 halves the sides, rounded up."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


class Mix(nn.Module):
    """A residual pair of 3x3 convolutions, (B, C, h, w) -> the same; starts near the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.normal_(self.second.weight, std=0.01)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x plus what two convolutions make of it."""
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.1)), 0.1))


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize to the sides of another map."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
