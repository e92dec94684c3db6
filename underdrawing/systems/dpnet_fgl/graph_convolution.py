"""Graph convolution over the places of a map, neighbours by the similarity of their embeddings.

A = softmax over the k nearest places of cos(x_i, x_j) / T        x' = x + relu(A x W)
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

TEMPERATURE = 0.1
"""T. Our reading: at 0.1, one neighbour of a cosine .2 below the best has a weight e^-2 of it."""


class GraphConvolution(nn.Module):
    """Nodes (B, N, D) -> (B, N, D), with what its gradient needs."""

    def __init__(self, channels: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.weight = nn.Linear(channels, channels, bias=False)
        nn.init.kaiming_normal_(self.weight.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The new nodes, the adjacency (B, N, N), and 1 where the rectifier is active (B, N, D)."""
        adjacency = self.adjacency(x)
        inner = adjacency @ self.weight(x)
        return x + inner.relu(), adjacency, (inner > 0).to(x)

    def adjacency(self, x: Tensor) -> Tensor:
        """(B, N, N), rows of sum 1, zero beyond the `neighbours` most similar nodes."""
        unit = F.normalize(x, dim=2)
        similarity = unit @ unit.transpose(1, 2)
        least = similarity.topk(min(self.neighbours, x.shape[1]), dim=2).values[..., -1:]
        near = similarity.masked_fill(similarity < least, float("-inf"))
        return (near / TEMPERATURE).softmax(2)

    def gradient(self, after: Tensor, adjacency: Tensor, active: Tensor) -> Tensor:
        """Gradient (B, N, D) with respect to x from that of x', the adjacency held fixed."""
        return after + adjacency.transpose(1, 2) @ ((after * active) @ self.weight.weight)
