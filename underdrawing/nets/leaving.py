"""A gate of an embedder of bits: it leaves a face that already has a mark of this code.

    share = sigmoid(SLOPE (threshold - found))      of the change that the code would make
    found   what the embedder sees of a mark: about 1 in a face that has one, less in others

Where two embeddings by one code meet, opposite bits cancel; only the second embedder can keep the first mark.
The threshold is learned against further embeddings (train.ais). In other trainings it is NEVER, where the
share is exactly 1 in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NEVER = 2.0
"""Threshold of a gate that is open whatever is found."""
FIRST = 1.0
"""Threshold at the start of its training: half open for a mark, where its gradient is the largest."""
SLOPE = 24.0


class Leaving(nn.Module):
    """The gate; its threshold is a parameter, without gradient unless `learn` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(NEVER), requires_grad=False)

    def learn(self) -> nn.Parameter:
        """Start its training; the threshold, as an optimizer takes it."""
        self.threshold.data.fill_(FIRST)
        return self.threshold.requires_grad_(True)

    def forward(self, found: Tensor) -> Tensor:
        """Share in 0..1 of `found`, of the same shape."""
        return torch.sigmoid(SLOPE * (self.threshold - found))
