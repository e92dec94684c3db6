"""Scale-autoregressive transformer: each cell attends to its own scale and all coarser ones.

    x --> [ x + attention(norm x) --> x + mlp(norm x) ] * depth --> norm

Scales are processed one after the other, with a cache of keys and values, or all at once under the
block-causal mask, with equal results (Tian et al., "Visual Autoregressive Modeling", 2024, sec. 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values (B, heads, places so far, width / heads) of each layer."""


class Attention(nn.Module):
    """Self-attention of (B, n, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Output (B, n, width), and the keys and values so far.

        mask: (n, n) bool, True where a cell (row) attends to another (column); None: to all and the past.
        """
        b, n, width = x.shape
        query, key, value = self.enter(x).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.leave(gathered.transpose(1, 2).reshape(b, n, width)), (key, value)


class Layer(nn.Module):
    """Residual attention and two-layer perceptron; near the identity at the start."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        for layer in (self.attention.leave, self.mlp[-1]):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, n, width) -> the same, and the keys and values so far."""
        output, pair = self.attention(self.first(x), mask, past)
        x = x + output
        return x + self.mlp(self.second(x)), pair


class Transformer(nn.Module):
    """Layers and a last normalization over (B, n, width)."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[Tensor, Cache]:
        """Output (B, n, width), and the cache for the next scale.

        Either `mask` for all scales at once, or `cache` of the coarser scales.
        """
        pairs: Cache = []
        for index, layer in enumerate(self.layers):
            x, pair = layer(x, mask, cache[index] if cache else None)
            pairs.append(pair)
        return self.norm(x), pairs


def block_causal(lengths: Sequence[int]) -> Tensor:
    """(n, n) bool for scales of so many places: True where a place's scale is no coarser than the other's."""
    scale = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return scale[:, None] >= scale[None, :]
