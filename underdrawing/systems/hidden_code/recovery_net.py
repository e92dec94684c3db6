"""The recovery transformer: predicts masked tokens, scale after scale, from code and surroundings.

    h' = z'_s1 ... z'_sk     tokens of the code, at the first k scales
    tokens of cells outside the mask, at every scale: from the received picture
    p(z_si | coarser scales, code, surroundings) for all other cells

Input of a cell of scale i: the sum of all coarser scales, the visible part of the received latent, its own
token where it is known, and the source of that token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.residual_quantizer import ResidualQuantizer, nearest, pool, token_grid
from underdrawing.nets.token_choice import Choice, guided
from underdrawing.nets.transformer import Cache, Transformer, block_causal

_UNIT_LEVELS = 64.0  # 8-bit levels in one unit of the input
_WAVES = 4
_SHARP = 4.0  # initial logit difference at one standard deviation of the codes


@dataclass(frozen=True)
class RecoveryConfig:
    """Architecture of the recovery transformer, beside that of the tokens."""

    width: int = 160
    depth: int = 5
    heads: int = 5
    dim: int = 32
    """Of the tokens' latent."""
    scales: int = 10


@dataclass(frozen=True)
class Given:
    """Conditions of the prediction: the received latent, its visible part and the code."""

    latent: Tensor
    """(B, dim, h, w) of the received picture."""
    visible: Tensor
    """(B, 1, h, w), 1 where the picture is unaltered, 0 where it is unknown."""
    code: list[Tensor]
    """Token grids (B, rows, columns) of the first scales, possibly none; -1 in unknown cells."""


class RecoveryNet(nn.Module):
    """Outputs are queries in the space of the codes: the logit of a code falls with its squared distance."""

    def __init__(self, config: RecoveryConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(3 * config.dim + 3, config.width)
        self.place = nn.Linear(4 * _WAVES, config.width)
        self.level = nn.Parameter(torch.zeros(config.scales, config.width))
        self.transformer = Transformer(config.width, config.depth, config.heads)
        self.query = nn.Linear(config.width, config.dim)
        self.sharpness = nn.Parameter(torch.zeros(config.scales))

    def embed(self, scale: int, total: Tensor, given: Given, tokens: Tensor, codes: Tensor) -> Tensor:
        """Input (B, cells, width) of one scale.

        total: (B, dim, h, w) sum of the coarser scales. tokens: (B, rows, columns), -1 where unknown.
        codes: (codes, dim) of the scale.
        """
        rows, columns = tokens.shape[1:]
        visible = F.adaptive_avg_pool2d(given.visible, (rows, columns))
        around = F.adaptive_avg_pool2d(given.latent * given.visible, (rows, columns)) / (visible + 1e-3)
        known = (tokens >= 0)[:, None].to(total)
        own = codes[tokens.clamp_min(0)].permute(0, 3, 1, 2) * known
        code = given.code[scale] if scale < len(given.code) else torch.full_like(tokens, -1)
        coded = (code >= 0)[:, None].to(total)
        coarser = F.adaptive_avg_pool2d(total, (rows, columns))
        maps = [*(x / _UNIT_LEVELS for x in (coarser, around, own)), visible, known, coded]
        cells = torch.cat(maps, dim=1).flatten(2).transpose(1, 2)
        where = _waves(rows, columns, total.dtype).to(total.device)
        return self.enter(cells) + self.place(where) + self.level[scale]

    def logits(self, scale: int, outputs: Tensor, codes: Tensor) -> Tensor:
        """(B, cells, codes) from the transformer's outputs (B, cells, width)."""
        kind = torch.promote_types(outputs.dtype, torch.float32)
        known = codes.to(kind)
        middle, spread = known.mean(0), known.std(0)
        query, known = self.query(outputs).to(kind), (known - middle) / spread.clamp_min(1e-3)
        distance = query.square().sum(-1, keepdim=True) - 2 * query @ known.T + known.square().sum(1)
        return -distance / codes.shape[1] * torch.exp(self.sharpness[scale]) * _SHARP

    def forward(
        self, quantizer: ResidualQuantizer, given: Given, tokens: list[Tensor], totals: list[Tensor]
    ) -> list[Tensor]:
        """Logits of all scales at once under the block-causal mask, for training.

        tokens: grids of every scale, -1 where unknown; totals[i]: the sum of the scales before scale i.
        """
        parts = [
            self.embed(scale, total, given, grid, quantizer.codebooks[scale])
            for scale, (grid, total) in enumerate(zip(tokens, totals, strict=True))
        ]
        lengths = [part.shape[1] for part in parts]
        outputs, _ = self.transformer(torch.cat(parts, dim=1), block_causal(lengths).to(parts[0].device))
        return [
            self.logits(scale, part, quantizer.codebooks[scale])
            for scale, part in enumerate(outputs.split(lengths, dim=1))
        ]

    def recover(self, quantizer: ResidualQuantizer, given: Given, choose: Choice | None = None) -> Tensor:
        """The latent (B, dim, h, w) of the whole picture, scale after scale with cached keys and values.

        With guidance a second pass is conditioned on the coarser scales only.
        """
        choose = choose or Choice()
        size = (given.latent.shape[-2], given.latent.shape[-1])
        nothing = Given(torch.zeros_like(given.latent), torch.zeros_like(given.visible), [])
        total, cache, blind_cache = torch.zeros_like(given.latent), None, None
        for scale, codes in enumerate(quantizer.codebooks):
            tokens = known_tokens(quantizer, given, total, scale)
            outputs, cache = self._next(scale, total, given, tokens, codes, cache)
            logits = self.logits(scale, outputs, codes)
            if choose.guidance:
                unknown = torch.full_like(tokens, -1)
                blind, blind_cache = self._next(scale, total, nothing, unknown, codes, blind_cache)
                logits = guided(logits, self.logits(scale, blind, codes), choose.guidance)
            vectors = choose(logits, codes)
            grid = tokens.shape[1:]
            own = codes[tokens.clamp_min(0)].permute(0, 3, 1, 2)
            predicted = vectors.transpose(1, 2).reshape(own.shape[0], -1, *grid)
            total = total + quantizer.spread(torch.where((tokens >= 0)[:, None], own, predicted), scale, size)
        return total

    def _next(
        self, scale: int, total: Tensor, given: Given, tokens: Tensor, codes: Tensor, cache: Cache | None
    ) -> tuple[Tensor, Cache]:
        return self.transformer(self.embed(scale, total, given, tokens, codes), cache=cache)


def known_tokens(quantizer: ResidualQuantizer, given: Given, total: Tensor, scale: int) -> Tensor:
    """(B, rows, columns): tokens of the code, else of the wholly visible cells, else -1."""
    coded = given.code[scale] if scale < len(given.code) else None
    if coded is not None and bool((coded >= 0).all()):
        return coded
    side = quantizer.sides[scale]
    grid = token_grid(side, given.latent.shape[-2], given.latent.shape[-1])
    whole = F.adaptive_avg_pool2d(given.visible, grid)[:, 0] > 1 - 1e-4
    tokens = nearest(pool(given.latent - total, side), quantizer.codebooks[scale])
    visible = torch.where(whole, tokens, torch.full_like(tokens, -1))
    return visible if coded is None else torch.where(coded >= 0, coded, visible)


def _waves(rows: int, columns: int, kind: torch.dtype) -> Tensor:
    """(rows * columns, 4 _WAVES): position of each cell in the picture, as sines and cosines."""
    y = (torch.arange(rows, dtype=kind) + 0.5) / rows
    x = (torch.arange(columns, dtype=kind) + 0.5) / columns
    turns = math.pi * 2.0 ** torch.arange(_WAVES, dtype=kind)
    along = [torch.cat([torch.sin(v[:, None] * turns), torch.cos(v[:, None] * turns)], dim=1) for v in (y, x)]
    down = along[0][:, None].expand(-1, columns, -1)
    across = along[1][None].expand(rows, -1, -1)
    return torch.cat([down, across], dim=-1).reshape(rows * columns, -1)
