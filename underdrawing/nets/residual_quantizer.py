"""Multi-scale residual vector quantizer: a latent as token grids of rising resolution.

    residual = latent
    for side in sides:   tokens = nearest code to area-average(residual, side)
                         part   = up + phi(up),  up = bicubic(codes, latent size)
                         residual -= part;  total += part          (so latent = total + residual after any
                         prefix)

The idea is that of visual autoregressive tokenizers (Tian et al., 2024). Here every scale has its own
codebook, because the statistics of a frame's mean and of its details have little in common, and a grid
follows the frame's aspect.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.token_scales import token_grid
from underdrawing.nets.unet import zero


class ResidualQuantizer(nn.Module):
    """Quantize (B, dim, h, w) latents into len(sides) grids of tokens out of `codes` codes a scale."""

    def __init__(self, dim: int, codes: int, sides: tuple[int, ...]):
        super().__init__()
        self.sides = sides
        self.register_buffer("codebooks", torch.zeros(len(sides), codes, dim))
        self.phi = nn.ModuleList(nn.Conv2d(dim, dim, 3, padding=1) for _ in sides)
        for conv in self.phi:
            zero(conv)

    def part(self, tokens: Tensor, scale: int, size: tuple[int, int]) -> Tensor:
        """Contribution of one scale to the latent: (B, rows, cols) int64 tokens -> (B, dim, *size)."""
        return self.spread(self.codebooks[scale][tokens].permute(0, 3, 1, 2), scale, size)

    def spread(self, codes: Tensor, scale: int, size: tuple[int, int]) -> Tensor:
        """Contribution of vectors (B, dim, rows, cols), in place of codes, to the latent: (B, dim, *size)."""
        up = F.interpolate(codes, size=size, mode="bicubic", align_corners=False)
        return up + self.phi[scale](up)

    def quantize(self, latent: Tensor, prefix: int) -> tuple[list[Tensor], list[Tensor]]:
        """Tokens and running totals of the first `prefix` scales; totals[j] is the sum after scale j."""
        size = (latent.shape[-2], latent.shape[-1])
        total = torch.zeros_like(latent)
        tokens, totals = [], []
        for scale, side in enumerate(self.sides[:prefix]):
            pooled = pool(latent - total.detach(), side)
            tokens.append(nearest(pooled, self.codebooks[scale]))
            total = total.detach() + self.part(tokens[-1], scale, size)
            totals.append(total)
        return tokens, totals

    def total(self, tokens: list[Tensor], size: tuple[int, int]) -> Tensor:
        """The latent of a prefix of token grids."""
        total = torch.zeros(tokens[0].shape[0], self.codebooks.shape[2], *size)
        for scale, grid in enumerate(tokens):
            total = total + self.part(grid, scale, size)
        return total


def pool(latent: Tensor, side: int) -> Tensor:
    """Average (B, dim, h, w) over the cells of a scale's grid; cells may overlap where sides do not
    divide."""
    return F.adaptive_avg_pool2d(latent, token_grid(side, latent.shape[-2], latent.shape[-1]))


def nearest(pooled: Tensor, codebook: Tensor) -> Tensor:
    """Index of the nearest code for each vector of (B, dim, r, c): int64 (B, r, c)."""
    vectors = pooled.permute(0, 2, 3, 1)
    return (codebook.square().sum(1) - 2 * vectors @ codebook.T).argmin(-1)
