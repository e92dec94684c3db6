"""AFM, the attention fusion mechanism: attention between channels, weighted sum of the streams.

    M = softmax(f f^T), f' = M f      f: maps of one stream as (C, N) for N positions; softmax over each row
    F = alpha_1 f'_1 + alpha_2 f'_2   alpha: from the losses L_1, L_2 of the streams' own classifiers

The losses exist in training alone; each weighting has `alpha`, which is used without labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelAttention(nn.Module):
    """f (B, C, h, w) -> f'; with `residual` f + beta f', beta trained, 0 at first."""

    def __init__(self, residual: bool) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1)) if residual else None

    def forward(self, maps: Tensor) -> Tensor:
        f = maps.flatten(2)
        attended = ((f @ f.transpose(1, 2)).softmax(-1) @ f).view_as(maps)
        return attended if self.beta is None else maps + self.beta * attended


class LossWeighting(nn.Module):
    """alpha = softmax(sign [L_1, L_2]) in training, no gradient; without labels its moving average.

    sign: -1, larger weight for the smaller loss, or 1. decay: of the average.
    """

    running: Tensor

    def __init__(self, sign: int, decay: float) -> None:
        super().__init__()
        self.sign, self.decay = sign, decay
        self.register_buffer("running", torch.full((2,), 0.5))

    @property
    def alpha(self) -> Tensor:
        return self.running

    def of_losses(self, losses: Tensor) -> Tensor:
        """alpha (2,) for the losses (2,) of a batch; moves the average."""
        alpha = (self.sign * losses.detach()).softmax(0)
        self.running = self.running.lerp(alpha, 1 - self.decay)  # a new one: gradients need the old one
        return alpha


class TrainedWeighting(nn.Module):
    """alpha = softmax of two trained logits, for all inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(2))

    @property
    def alpha(self) -> Tensor:
        return self.logits.softmax(0)

    def of_losses(self, losses: Tensor) -> Tensor:
        """alpha (2,); the losses are not used."""
        return self.alpha


class EqualWeighting(nn.Module):
    """alpha = 1/2; for comparison."""

    alpha: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("alpha", torch.full((2,), 0.5), persistent=False)

    def of_losses(self, losses: Tensor) -> Tensor:
        """alpha (2,); the losses are not used."""
        return self.alpha
