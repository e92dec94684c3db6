"""MTA, manipulation trace attention: a gate of the channels plus a gate of the local gradients.

    s   = W2 relu(W1 avg(F)) + W2 relu(W1 max(F))      per channel, over all positions
    t_c = K * sum_c F_c + b_c                          K: the kernel of TP; b: drawn once, never trained
    g   = sigmoid(s) + sigmoid(gamma t)                in (0, 2); gamma: trained, 0 at first

The authors' code convolves with K in every pair of channels; the sum over the inputs comes first here, which
is the same for one convolution of one channel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from underdrawing.nets.front_ends import TP_KERNEL

REDUCTION = 16
"""Channels per hidden unit of the channel gate."""


class MTAGates(nn.Module):
    """F (B, C, H, W) -> g of the same shape, in (0, 2): as in the authors' code, in the place of F."""

    bias: Tensor
    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // REDUCTION)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.expand = nn.Linear(hidden, channels, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.register_buffer("bias", torch.randn(channels, 1, 1))
        self.register_buffer("kernel", torch.tensor(TP_KERNEL)[None, None], persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        pooled = maps.mean((2, 3)), functional.adaptive_max_pool2d(maps, 1).flatten(1)
        channel = self._mlp(pooled[0]) + self._mlp(pooled[1])
        gradient = functional.conv2d(maps.sum(1, keepdim=True), self.kernel, padding=1)
        trace = self.gamma * (gradient + self.bias)
        return torch.sigmoid(channel)[..., None, None] + torch.sigmoid(trace)

    def _mlp(self, values: Tensor) -> Tensor:
        return self.expand(self.squeeze(values).relu())


class GatedMTA(MTAGates):
    """F times its gates, as attention is usually applied."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps * super().forward(maps)
