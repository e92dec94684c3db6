"""Choice of codebook vectors from logits, and classifier-free guidance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Choice:
    """How codebook vectors are chosen from the logits of a scale."""

    how: str = "mean"
    """argmax: the most likely code; sample: a random one; mean: the expected vector."""
    temperature: float = 1.0
    seed: int = 0
    guidance: float = 0.0
    """Weight of classifier-free guidance; 0: no guidance and no second pass."""

    def __call__(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (B, cells, codes) and codebook (codes, dim) -> vectors (B, cells, dim)."""
        if self.how == "argmax":
            return codes[logits.argmax(-1)]
        probability = torch.softmax(logits / self.temperature, dim=-1)
        if self.how == "mean":
            return probability @ codes
        generator = torch.Generator().manual_seed(self.seed)
        samples = torch.multinomial(probability.flatten(0, 1).cpu(), 1, generator=generator)
        return codes[samples.reshape(logits.shape[:2]).to(codes.device)]


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance of logits (Ho and Salimans 2022, eq. 6)."""
    return (1 + guidance) * conditional - guidance * unconditional
