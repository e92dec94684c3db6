"""Blocks of the published networks: bit maps, dense stages with SimAM, the attention of the encoder.

IN is instance normalization without learned scale. Sizes: arXiv 2505.08614, sec. III, and the authors' code.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIMAM_LAMBDA = 1e-4
"""Of the energy (Yang et al., "SimAM", ICML 2021, eq. 5)."""


def simam(maps: Tensor) -> Tensor:
    """SimAM: maps (B, C, h, w) times the sigmoid of their inverse energy; without parameters."""
    square = (maps - maps.mean((2, 3), keepdim=True)).square()
    others = maps.shape[2] * maps.shape[3] - 1
    variance = square.sum((2, 3), keepdim=True) / others
    return maps * torch.sigmoid(square / (4 * (variance + SIMAM_LAMBDA)) + 0.5)


def extractor(inputs: int, widths: tuple[int, int]) -> nn.Sequential:
    """conv3x3 IN ReLU conv7x7 IN ReLU."""
    first, second = widths
    return nn.Sequential(
        nn.Conv2d(inputs, first, 3, padding=1), nn.InstanceNorm2d(first), nn.ReLU(),
        nn.Conv2d(first, second, 7, padding=3), nn.InstanceNorm2d(second), nn.ReLU(),
    )  # fmt: skip


def head(widths: tuple[int, ...]) -> nn.Sequential:
    """(IN tanh conv3x3) from each width to the next."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.InstanceNorm2d(inputs), nn.Tanh(), nn.Conv2d(inputs, outputs, 3, padding=1)]
    return nn.Sequential(*layers)


class BitMaps(nn.Module):
    """Bits (B, L) -> (B, 4, m, m): linear layer to a map, its nearest enlargement, two convolutions."""

    CHANNELS = 4

    def __init__(self, bits: int, message_side: int, side: int) -> None:
        super().__init__()
        self.message_side, self.side = message_side, side
        self.linear = nn.Linear(bits, message_side**2)
        self.convs = nn.Sequential(
            nn.Conv2d(1, self.CHANNELS, 3, padding=1), nn.InstanceNorm2d(self.CHANNELS), nn.ReLU(),
            nn.Conv2d(self.CHANNELS, self.CHANNELS, 3, padding=1),
            nn.InstanceNorm2d(self.CHANNELS), nn.ReLU(),
        )  # fmt: skip

    def forward(self, bits: Tensor) -> Tensor:
        plane = self.linear(bits).view(-1, 1, self.message_side, self.message_side)
        return self.convs(F.interpolate(plane, size=(self.side, self.side), mode="nearest"))


class DenseStage(nn.Module):
    """IN ReLU conv1x1 IN ReLU conv3x3; the outputs stand behind the inputs, and SimAM is added to all."""

    def __init__(self, inputs: int, inner: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.InstanceNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, inner, 1),
            nn.InstanceNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, growth, 3, padding=1),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        grown = torch.cat([maps, self.layers(maps)], 1)
        return grown + simam(grown)


class CBAM(nn.Module):
    """Attention over channels, then over positions (Woo et al., "CBAM", ECCV 2018); ratio 8, 7x7."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // 8)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False), nn.ReLU(), nn.Conv2d(hidden, channels, 1, bias=False)
        )
        self.places = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        pooled = self.mlp(maps.mean((2, 3), keepdim=True)) + self.mlp(maps.amax((2, 3), keepdim=True))
        maps = maps * torch.sigmoid(pooled)
        both = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], 1)
        return maps * torch.sigmoid(self.places(both))


class Attention(nn.Module):
    """Features (B, C, h, w) -> (B, 1, h, w): bottleneck with CBAM and a shortcut, mean over the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 4)
        self.bottleneck = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels),
            CBAM(channels),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.bottleneck(features) + features).mean(1, keepdim=True)
