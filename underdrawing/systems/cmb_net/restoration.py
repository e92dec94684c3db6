"""RED, the restoration edge decoder: additive couplings, so that no detail of the input is lost.

x = [x1, x2]                      halves of the channels
y1 = x1 + F(x2)                   read by the head of the mask
y2 = x2 + G(y1)                   read by the head of the edge
x2 = y2 - G(y1),  x1 = y1 - F(x2)                                  the input, from the output
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _branch(channels: int) -> nn.Sequential:
    """F or G: two 3x3 convolutions with twice the channels between them."""
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(2 * channels),
        nn.ReLU(),
        nn.Conv2d(2 * channels, channels, 3, padding=1),
    )


class Coupling(nn.Module):
    """Maps (B, C, h, w) -> the same shape; C even."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f, self.g = _branch(channels // 2), _branch(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x.chunk(2, 1)
        y1 = x1 + self.f(x2)
        return torch.cat([y1, x2 + self.g(y1)], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """The input of an output."""
        y1, y2 = y.chunk(2, 1)
        x2 = y2 - self.g(y1)
        return torch.cat([y1 - self.f(x2), x2], 1)


class Residual(nn.Module):
    """What RED is compared with: a residual block of the same cost, without an inverse."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class EdgeDecoderLevel(nn.Module):
    """Maps (B, C, h, w) -> maps for the finer level, logits (B, 1, h, w) of mask and of edge."""

    def __init__(self, channels: int, couplings: int) -> None:
        """couplings: 0 for a residual block in their place."""
        super().__init__()
        layers = [Coupling(channels) for _ in range(couplings)] or [Residual(channels)]
        self.layers = nn.Sequential(*layers)
        self.mask, self.edge = nn.Conv2d(channels // 2, 1, 1), nn.Conv2d(channels // 2, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.layers(x)
        y1, y2 = y.relu().chunk(2, 1)
        return y, self.mask(y1), self.edge(y2)
