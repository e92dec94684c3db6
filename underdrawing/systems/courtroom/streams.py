"""Evidence: an edge head, and two top-down cascades that suppress each other where they disagree.

    E    = sigmoid(edge head of the two finest levels)
    f_P  = relu(conv([(1 + E) x_i, up(f_P)])),  f_D likewise        level i, coarse to fine
    c    = |sigmoid(p) - (1 - sigmoid(d))|                          p, d: logits of f_P, f_D
    f_P <- f_P - U (c f_D),  f_D <- f_D - V (c f_P)                 U, V: 1x1, no bias: no change where c = 0

x_i: maps of the trunk, reduced, and normalized over the channels of each position.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def disagreement(p: Tensor, d: Tensor) -> Tensor:
    """c = |sigmoid(p) - (1 - sigmoid(d))| in [0, 1], any shape; 0 where the hypotheses agree, d = -p."""
    return (p.sigmoid() - (-d).sigmoid()).abs()


def doubled(x: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, 2 h, 2 w), bilinear."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Evidence:
    """Of both streams."""

    features: list[tuple[Tensor, Tensor]]
    """f_P and f_D after suppression, fine to coarse: (B, widths[i], h_i, w_i)."""
    logits: list[tuple[Tensor, Tensor]]
    """p and d of those features: (B, 1, h_i, w_i)."""


class Reducers(nn.Module):
    """Maps of the trunk -> maps of `widths` channels, normalized over the channels of each position."""

    def __init__(self, channels: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(n, width, 1) for n, width in zip(channels, widths, strict=True)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width) for width in widths])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [
            norm(reduce(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            for x, reduce, norm in zip(maps, self.convolutions, self.norms, strict=True)
        ]


class EdgeHead(nn.Module):
    """The two finest maps -> logit (B, 1, h, w) that the border of a manipulated region passes there."""

    def __init__(self, fine: int, coarse: int, width: int = 8) -> None:
        super().__init__()
        self.fine = nn.Conv2d(fine, width, 3, padding=1)
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.head((self.fine(fine) + doubled(self.coarse(coarse))).relu())


class Stream(nn.Module):
    """One hypothesis: fusion of each level with the coarser one, and a logit of each level."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        inputs = [own + above for own, above in zip(widths, (*widths[1:], 0), strict=True)]
        self.fusions = nn.ModuleList(
            [nn.Conv2d(n, w, 3, padding=1) for n, w in zip(inputs, widths, strict=True)]
        )
        self.heads = nn.ModuleList([nn.Conv2d(width, 1, 1) for width in widths])

    def fuse(self, level: int, skip: Tensor, above: Tensor | None) -> Tensor:
        """f of a level; `above` is f of the next coarser one, None at the coarsest."""
        x = skip if above is None else torch.cat([skip, doubled(above)], 1)
        return self.fusions[level](x).relu()


class Suppression(nn.Module):
    """Bidirectional disagreement suppression of one level; zero change at the start of a training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.prosecution = nn.Conv2d(width, width, 1, bias=False)
        self.defence = nn.Conv2d(width, width, 1, bias=False)
        for layer in (self.prosecution, self.defence):
            nn.init.zeros_(layer.weight)

    def forward(self, f_p: Tensor, f_d: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """f_P, f_D (B, C, h, w) and c (B, 1, h, w) -> f_P', f_D'; equal to the inputs where c = 0."""
        return f_p - self.prosecution(c * f_d), f_d - self.defence(c * f_p)


class DualStreams(nn.Module):
    """Reduced maps and E (B, 1, h, w) in [0, 1] at the finest -> Evidence."""

    def __init__(self, widths: tuple[int, ...], suppression: bool) -> None:
        super().__init__()
        self.prosecution, self.defence = Stream(widths), Stream(widths)
        self.suppressions = nn.ModuleList([Suppression(width) for width in widths]) if suppression else None

    def forward(self, maps: list[Tensor], edge: Tensor) -> Evidence:
        edges = [edge]
        for _ in maps[1:]:
            edges.append(F.avg_pool2d(edges[-1], 2))
        features: list[tuple[Tensor, Tensor]] = []
        logits: list[tuple[Tensor, Tensor]] = []
        f_p = f_d = None
        for level in reversed(range(len(maps))):
            skip = (1 + edges[level]) * maps[level]
            f_p, f_d = self.prosecution.fuse(level, skip, f_p), self.defence.fuse(level, skip, f_d)
            if self.suppressions is not None:
                c = disagreement(*self._logits(level, f_p, f_d))
                f_p, f_d = self.suppressions[level](f_p, f_d, c)
            features.insert(0, (f_p, f_d))
            logits.insert(0, self._logits(level, f_p, f_d))
        return Evidence(features, logits)

    def _logits(self, level: int, f_p: Tensor, f_d: Tensor) -> tuple[Tensor, Tensor]:
        return self.prosecution.heads[level](f_p), self.defence.heads[level](f_d)
