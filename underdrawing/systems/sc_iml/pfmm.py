"""Prior-aware feature modulation (PFMM): prior maps of both classes gate the features of a level.

q = w_f P_f / (w_f P_f + w_b P_b + 1e-6)                  share of "manipulated", (B, 1, H, W)
F' = F + a F * sigmoid(bn(conv1x1(q)))                    w_f, w_b, a learned
out = coordinate attention( conv1x1([F, F']) )            Hou et al. 2021
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6
REDUCTION, LEAST = 32, 8
"""Of the channels in coordinate attention, and the least number of them."""


class CoordinateAttention(nn.Module):
    """x * a_h * a_w, (B, C, H, W): attention by row (B, C, H, 1) and by column (B, C, 1, W), both from one
    hidden layer on the means over columns and over rows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(LEAST, channels // REDUCTION)
        self.hidden = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU())
        self.rows = nn.Conv2d(hidden, channels, 1)
        self.columns = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        height = x.shape[2]
        means = torch.cat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)], 2)
        hidden = self.hidden(means)  # (B, hidden, H + W, 1)
        rows = self.rows(hidden[:, :, :height]).sigmoid()
        columns = self.columns(hidden[:, :, height:].transpose(2, 3)).sigmoid()
        return x * rows * columns


class PFMM(nn.Module):
    """Features (B, C, H, W) and prior maps P_f, P_b (B, 1, h, w) >= 0 -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.manipulated = nn.Parameter(torch.tensor(1.0))  # w_f
        self.authentic = nn.Parameter(torch.tensor(0.8))  # w_b
        self.strength = nn.Parameter(torch.tensor(0.1))  # a
        self.gate = nn.Sequential(nn.Conv2d(1, channels, 1), nn.BatchNorm2d(channels), nn.Sigmoid())
        self.fusion = nn.Conv2d(2 * channels, channels, 1)
        self.attention = CoordinateAttention(channels)

    def forward(self, features: Tensor, manipulated: Tensor, authentic: Tensor) -> Tensor:
        gate = self.gate(self.share(manipulated, authentic, features))
        modulated = features + self.strength * features * gate
        return self.attention(self.fusion(torch.cat([features, modulated], 1)))

    def share(self, manipulated: Tensor, authentic: Tensor, features: Tensor) -> Tensor:
        """q (B, 1, H, W), at the size of the features."""
        size = features.shape[2:]
        first, second = (
            weight * F.interpolate(prior, size=size, mode="bilinear", align_corners=False)
            for weight, prior in ((self.manipulated, manipulated), (self.authentic, authentic))
        )
        return first / (first + second + EPSILON)
