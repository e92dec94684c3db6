"""MGFM, memory-guided gated fusion of the trunk's maps, and the memory bank of prototypes.

    F'_i    = conv3x3(F_i), at 1/4 of the sides
    G_i     = sigmoid(conv1x1(F'_i))                one map for each scale, in (0, 1)
    F_fused = conv3x3(sum_i G_i F'_i)
    q       = conv1x1(F_fused)                      at each position
    A_mem   = conv1x1(softmax(q M^T / sqrt d) M)    M: trained prototypes, d numbers each

Gates and memory can be fixed without effect for ablations: the parameters, and so the graph, stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OPEN = 30.0
"""Logit whose sigmoid is 1 in single precision."""


class Fused(NamedTuple):
    """What MGFM makes of the maps."""

    features: Tensor
    """F_fused (B, d, H/4, W/4)."""
    gate: Tensor
    """G_avg (B, 1, H/4, W/4) in (0, 1): mean of the gates of all scales."""


class GatedFusion(nn.Module):
    """Maps (B, C_i, H/s, W/s) of strides 4, 8, 16, 32 -> Fused.

    channels: C_i. width: d. gates: False for G_i = 1.
    """

    def __init__(self, channels: Sequence[int], width: int, gates: bool) -> None:
        super().__init__()
        self.projections = nn.ModuleList(block(count, width) for count in channels)
        self.gates = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in channels)
        self.fusion = block(width, width)
        if not gates:
            for gate in self.gates:
                nn.init.zeros_(gate.weight)
                nn.init.constant_(gate.bias, OPEN)
            self.gates.requires_grad_(False)

    def forward(self, maps: Sequence[Tensor]) -> Fused:
        projected = [
            enlarged(projection(x), 2**scale)
            for scale, (projection, x) in enumerate(zip(self.projections, maps, strict=True))
        ]
        gates = [gate(x).sigmoid() for gate, x in zip(self.gates, projected, strict=True)]
        total = sum_of([gate * x for gate, x in zip(gates, projected, strict=True)])
        return Fused(self.fusion(total), sum_of(gates) / len(gates))


class MemoryBank(nn.Module):
    """F_fused (B, d, h, w) -> A_mem (B, 1, h, w) in nats. `prototypes` (count, d) is M."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(width, width, 1)
        self.prototypes = nn.Parameter(torch.randn(count, width))
        self.map = nn.Conv2d(width, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.recall(self.query(features))

    def recall(self, queries: Tensor) -> Tensor:
        """q (B, d, h, w) -> A_mem.

        With e = exp(q M^T / sqrt d), up to a factor, A_mem = (e M w) / (e 1) + b: w and b, of the last
        convolution, are applied to the prototypes in place of their mean at each position.
        """
        keys = self.prototypes[:, :, None, None] * self.prototypes.shape[1] ** -0.5
        scores = F.conv2d(queries, keys)
        weights = (scores - scores.amax(1, keepdim=True)).exp()
        values = self.prototypes @ self.map.weight[0, :, 0, 0]
        sums = F.conv2d(weights, torch.stack([values, torch.ones_like(values)])[:, :, None, None])
        return sums[:, :1] / sums[:, 1:] + self.map.bias[:, None, None]


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution of 3x3, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def sum_of(maps: Sequence[Tensor]) -> Tensor:
    """Sum of maps of one shape, without a copy of all of them."""
    total = maps[0]
    for one in maps[1:]:
        total = total + one
    return total


def enlarged(maps: Tensor, scale: int) -> Tensor:
    """Bilinear, by a whole factor."""
    return F.interpolate(maps, scale_factor=scale, mode="bilinear") if scale > 1 else maps
