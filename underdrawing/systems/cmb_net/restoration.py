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

    coupled: Tensor

    def __init__(self, channels: int, coupled: bool = True) -> None:
        """coupled: False for what RED is compared with, y1 = x1 + F(x1), y2 = x2 + G(x2), of the same
        parameters, without an exchange between the halves."""
        super().__init__()
        self.f, self.g = _branch(channels // 2), _branch(channels // 2)
        self.register_buffer("coupled", torch.tensor(float(coupled)))

    def forward(self, x: Tensor) -> Tensor:
        (x1, x2), apart = x.chunk(2, 1), 1 - self.coupled
        y1 = x1 + self.f(self.coupled * x2 + apart * x1)
        return torch.cat([y1, x2 + self.g(self.coupled * y1 + apart * x2)], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """The input of an output, of halves that are coupled."""
        y1, y2 = y.chunk(2, 1)
        x2 = y2 - self.g(y1)
        return torch.cat([y1 - self.f(x2), x2], 1)


class EdgeDecoderLevel(nn.Module):
    """Maps (B, C, h, w) -> maps for the finer level, logits (B, 1, h, w) of mask and of edge."""

    def __init__(self, channels: int, couplings: int, coupled: bool) -> None:
        super().__init__()
        self.couplings = nn.Sequential(*(Coupling(channels, coupled) for _ in range(couplings)))
        self.mask, self.edge = nn.Conv2d(channels // 2, 1, 1), nn.Conv2d(channels // 2, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.couplings(x)
        y1, y2 = y.relu().chunk(2, 1)
        return y, self.mask(y1), self.edge(y2)
