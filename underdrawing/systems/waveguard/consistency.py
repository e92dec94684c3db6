"""SC-GNN: structural consistency of U before and after marking, by a graph network that is never trained.

The nodes are pixels, with edges to the right and down. A graph convolution (Kipf and Welling, ICLR 2017)
with loops and symmetric normalization,

    y_t = b + W sum over s in {t, left of t, above t} of x_s / sqrt(d_s d_t)

where d counts the edges into a node, its loop included, is on a grid a convolution of three taps of
x / sqrt(d), divided by sqrt(d). Both forms are here and give the same numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = 16
_SEED = 1


class _Consistency(nn.Module, ABC):
    """Mean square of the difference of two layers' outputs, 1 -> 16 -> ReLU -> 16 -> 1 channels, of two U."""

    def __init__(self) -> None:
        super().__init__()
        generator, limit = torch.Generator().manual_seed(_SEED), (6 / (1 + HIDDEN)) ** 0.5
        for name in ("first", "second"):  # uniform, as by Glorot; both biases are 0
            self.register_buffer(
                name, limit * (2 * torch.rand(HIDDEN, generator=generator) - 1), persistent=False
            )

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Scalar, of U (B, h, w) in -1..1 before and after."""
        return F.mse_loss(self.response(before), self.response(after))

    def response(self, plane: Tensor) -> Tensor:
        """(B, h, w): output of the second layer."""
        hidden = torch.relu(self.mixed(plane)[:, None] * self.first.view(1, -1, 1, 1))
        return self.mixed((hidden * self.second.view(1, -1, 1, 1)).sum(1))

    @abstractmethod
    def mixed(self, plane: Tensor) -> Tensor:
        """(B, h, w): normalized sum over the neighbours; it commutes with the weights of a layer."""


class GraphConsistency(_Consistency):
    """By the edges of the graph, as published."""

    def mixed(self, plane: Tensor) -> Tensor:
        height, width = plane.shape[1:]
        nodes = torch.arange(height * width).view(height, width)
        sources = torch.cat([nodes.flatten(), nodes[:, :-1].flatten(), nodes[:-1].flatten()])
        targets = torch.cat([nodes.flatten(), nodes[:, 1:].flatten(), nodes[1:].flatten()])
        scale = torch.bincount(targets).float().rsqrt()
        passed = plane.flatten(1)[:, sources] * scale[sources] * scale[targets]
        return torch.zeros_like(plane.flatten(1)).index_add(1, targets, passed).view_as(plane)


class StencilConsistency(_Consistency):
    """By the stencil that the graph equals."""

    def mixed(self, plane: Tensor) -> Tensor:
        scale = self._sum(torch.ones_like(plane[:1])).rsqrt()
        return scale * self._sum(scale * plane)

    @staticmethod
    def _sum(plane: Tensor) -> Tensor:
        """Of each pixel, the one to its left and the one above, zero beyond the border."""
        left, above = F.pad(plane, (1, 0))[..., :-1], F.pad(plane, (0, 0, 1, 0))[..., :-1, :]
        return plane + left + above
