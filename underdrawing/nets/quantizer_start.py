"""Initial state of a residual quantizer: k-means centres, and phi by least squares, scale after scale."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.nets.residual_quantizer import ResidualQuantizer, nearest, pool

_SAMPLE, _ROUNDS, _PICTURES = 16000, 8, 600


@torch.no_grad()
def start_quantizer(
    quantizer: ResidualQuantizer, latents: Tensor, ridge: float, rng: np.random.Generator
) -> None:
    """Set codebooks and phi for latents (B, dim, h, w).

    ridge: weight of phi's size in its least squares, against the mean power of what it sees.
    """
    total = torch.zeros_like(latents)
    for scale, side in enumerate(quantizer.sides):
        vectors = pool(latents - total, side).permute(0, 2, 3, 1).flatten(0, 2)
        sample = vectors[torch.from_numpy(rng.permutation(len(vectors))[:_SAMPLE])]
        book = quantizer.codebooks[scale]
        book.copy_(sample[torch.from_numpy(rng.integers(len(sample), size=len(book)))])
        for _ in range(_ROUNDS):
            grid = nearest(sample[:, :, None, None], book).flatten()
            hits = torch.zeros(len(book)).index_add_(0, grid, torch.ones(len(grid)))
            sums = torch.zeros_like(book).index_add_(0, grid, sample)
            book.copy_(torch.where(hits[:, None] > 0, sums / hits.clamp_min(1)[:, None], book))
        tokens = nearest(pool(latents - total, side), book)
        _set_phi(quantizer, tokens, latents - total, scale, ridge, rng)
        total += quantizer.part(tokens, scale, (latents.shape[-2], latents.shape[-1]))


def _set_phi(
    quantizer: ResidualQuantizer,
    tokens: Tensor,
    residual: Tensor,
    scale: int,
    ridge: float,
    rng: np.random.Generator,
) -> None:
    """Least squares of the residual of a scale on the 3x3 neighbourhoods of its part."""
    pick = torch.from_numpy(rng.integers(len(tokens), size=min(len(tokens), _PICTURES)))
    up = quantizer.part(tokens[pick], scale, (residual.shape[-2], residual.shape[-1]))
    dim = up.shape[1]
    inputs = F.unfold(up, 3, padding=1).transpose(1, 2).flatten(0, 1).double()
    wanted = (residual[pick] - up).permute(0, 2, 3, 1).flatten(0, 2).double()
    gram = inputs.T @ inputs
    gram += torch.eye(len(gram), dtype=gram.dtype) * ridge * gram.diagonal().mean()
    weight = torch.linalg.solve(gram, inputs.T @ wanted)
    quantizer.phi[scale].weight.copy_(weight.T.reshape(dim, dim, 3, 3))
