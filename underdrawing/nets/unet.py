"""Blocks of U-shaped networks, and a small U-Net of them."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


def from_levels(images: Tensor) -> Tensor:
    """Pictures of 0..255 -> [-1, 1]."""
    return images / 127.5 - 1


def to_levels(images: Tensor) -> Tensor:
    """Pictures of [-1, 1] -> 0..255."""
    return 127.5 * (images + 1)


def conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution and its nonlinearity; stride 2 halves the sides, rounded up."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


class Mix(nn.Module):
    """Residual pair of 3x3 convolutions, (B, C, h, w) -> the same shape; near the identity at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.normal_(self.second.weight, std=0.01)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x + conv(conv(x))."""
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.1)), 0.1))


def zero(layer: nn.Conv2d | nn.Linear) -> None:
    """Set the parameters of a layer to 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize to the sides of another map."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class LeanUNet(nn.Module):
    """(B, inputs, h, w) -> (B, outputs, h, w) float32, linear output, zero at the start.

    channels: of each level, from the full sides down; each level halves the sides.
    """

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(pairwise(channels))
        self.stem = nn.Sequential(nn.Conv2d(inputs, channels[0], 1), Mix(channels[0]))
        self.down = nn.ModuleList(nn.Sequential(conv(i, o, stride=2), Mix(o)) for i, o in pairs)
        self.bring = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in pairs)
        self.up = nn.ModuleList(Mix(i) for i, _ in pairs)
        self.head = nn.Conv2d(channels[0], outputs, 1)
        zero(self.head)

    def forward(self, features: Tensor) -> Tensor:
        """The output map."""
        levels = [self.stem(features)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for level in range(len(self.bring) - 1, -1, -1):
            x = self.up[level](levels[level] + enlarge(self.bring[level](x), levels[level]))
        return self.head(x).float()
