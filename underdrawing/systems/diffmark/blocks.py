"""Blocks of DiffMark's networks: residual block, self-attention over positions, and CIF.

Residual block and attention are those of guided diffusion (Dhariwal and Nichol, NeurIPS 2021). Each starts as
the identity where inputs and outputs are equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.unet import zero

HEADS = 4
"""Of every attention."""
_LONGEST = 10_000.0
"""Longest period of the embedding of the timestep, steps."""


@dataclass(frozen=True)
class Style:
    """What the residual blocks of one network have in common."""

    groups: int
    """Of the normalization."""
    dropout: float
    """Share of dropped values before the second convolution."""
    time: int = 0
    """Numbers of the embedding of the timestep; 0: none."""


class ResBlock(nn.Module):
    """(B, inputs, h, w) -> (B, outputs, h', w'); the timestep scales and shifts the second normalization.

    scale: 1; 0.5 halves the sides by means, 2 doubles them by repetition, on both paths.
    """

    def __init__(self, inputs: int, outputs: int, style: Style, scale: float = 1) -> None:
        super().__init__()
        self.scale = scale
        self.enter = nn.GroupNorm(style.groups, inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(style.time, 2 * outputs) if style.time else None
        self.norm = nn.GroupNorm(style.groups, outputs)
        self.dropout = nn.Dropout(style.dropout)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        zero(self.second)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """time: (B, style.time)."""
        h = self.norm(self.first(self._scaled(F.silu(self.enter(x)))))
        if self.time is not None:
            gain, shift = self.time(F.silu(time))[..., None, None].chunk(2, 1)
            h = h * (1 + gain) + shift
        return self.skip(self._scaled(x)) + self.second(self.dropout(F.silu(h)))

    def _scaled(self, x: Tensor) -> Tensor:
        if self.scale == 1:
            return x
        return F.avg_pool2d(x, 2) if self.scale < 1 else F.interpolate(x, scale_factor=2.0, mode="nearest")


class SelfAttention(nn.Module):
    """(B, C, h, w) -> the same shape; tokens are the positions."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.enter = nn.Conv1d(channels, 3 * channels, 1)
        self.leave = nn.Conv1d(channels, channels, 1)
        zero(self.leave)

    def forward(self, x: Tensor) -> Tensor:
        """x + attention."""
        tokens = self.enter(self.norm(x).flatten(2)).unflatten(1, (3, HEADS, -1)).transpose(3, 4)
        query, key, value = tokens.unbind(1)
        gathered = F.scaled_dot_product_attention(query, key, value)
        return x + self.leave(gathered.transpose(2, 3).flatten(1, 2)).reshape(x.shape)


class BitEmbedding(nn.Module):
    """Bits (B, L) in {-1, +1} -> tokens (B, L, width): row i + b L of a table of 2 L for bit i of value b."""

    def __init__(self, bits: int, width: int) -> None:
        super().__init__()
        self.bits = bits
        self.table = nn.Embedding(2 * bits, width)

    def indices(self, bits: Tensor) -> Tensor:
        """(B, L) int64 rows of the table."""
        return torch.arange(self.bits, device=bits.device) + self.bits * (bits > 0).long()

    def forward(self, bits: Tensor) -> Tensor:
        """The tokens."""
        return self.table(self.indices(bits))


class CIF(nn.Module):
    """Cross information fusion: the channels of a map attend to the bits; (B, C, h, w) -> the same shape.

    A token of the picture is a whole channel, flattened to its h w positions; keys and values are the bits'.
    """

    def __init__(self, channels: int, side: int, width: int, groups: int) -> None:
        """side: h = w, px of the map; width: of the tokens of the bits."""
        super().__init__()
        positions = side * side
        self.norm = nn.GroupNorm(groups, channels)
        self.query = nn.Linear(positions, positions)
        self.key, self.value = nn.Linear(width, positions), nn.Linear(width, positions)
        self.leave = nn.Linear(positions, positions)
        zero(self.leave)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """x + cross-attention to tokens (B, L, width)."""
        parts = self.query(self.norm(x).flatten(2)), self.key(tokens), self.value(tokens)
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        gathered = F.scaled_dot_product_attention(query, key, value)
        return x + self.leave(gathered.transpose(1, 2).flatten(2)).reshape(x.shape)


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Cosines and sines (B, width) of timesteps (B,) float32, periods rising to 2 pi `_LONGEST` steps."""
    half = width // 2
    rates = torch.exp(-math.log(_LONGEST) / half * torch.arange(half, device=t.device))
    angles = t[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], 1)
