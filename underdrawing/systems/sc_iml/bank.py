"""Prior maps: similarity of every place to authentic and to manipulated places of the training.

    x = trunk maps at strides 8 and 16, means of 3x3, standardized      features of a place, by PatchCore
    d_c = min_m |x - m|,  m in the bank of class c                      c: manipulated (f), authentic (b)
    P_c = exp(-d_c^2 / 2 s^2)                                           s: typical d_c of places of class c

The banks hold coresets of the places under the scribbles of the training split; they are stored with the
weights. So P needs no scribbles: training and test compute it from the picture by the same function.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = (1, 2)
"""Of the trunk: strides 8 and 16, the middle two as in PatchCore (Roth et al. 2022, sec. 3.1)."""


class PriorBank(nn.Module):
    """Maps of the trunk -> P_f and P_b, (B, 1, H/8, W/8) in (0, 1]; both are equal before `fill`."""

    def __init__(self, channels: tuple[int, ...], prototypes: int) -> None:
        """channels: of the trunk's maps; prototypes: of each class."""
        super().__init__()
        length = sum(channels[level] for level in LEVELS)
        self.register_buffer("mean", torch.zeros(1, length, 1, 1))
        self.register_buffer("deviation", torch.ones(1, length, 1, 1))
        self.register_buffer("manipulated", torch.zeros(prototypes, length))
        self.register_buffer("authentic", torch.zeros(prototypes, length))
        self.register_buffer("scale", torch.full((1,), float(length)))  # s^2

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        x = (place_features(maps) - self.mean) / self.deviation
        height, width = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)  # (B, N, D)
        square = x.square().sum(2, keepdim=True)
        both = []
        for bank in (self.manipulated, self.authentic):
            distance = square + bank.square().sum(1) - 2 * x @ bank.T
            nearest = distance.amin(2).clamp(min=0)
            both.append(torch.exp(-nearest / (2 * self.scale)).unflatten(1, (height, width)).unsqueeze(1))
        return both[0], both[1]

    @torch.no_grad()
    def fill(self, manipulated: Tensor, authentic: Tensor, rng: np.random.Generator) -> None:
        """Set the banks from features (N, D) of places of each class; rng: which half of them they are drawn
        from. The other half sets s, since the distance of a prototype to itself is 0."""
        features = torch.cat([manipulated, authentic])
        self.mean.copy_(features.mean(0)[None, :, None, None])
        self.deviation.copy_(features.std(0).clamp(min=1e-3)[None, :, None, None])
        nearest = []
        for places, bank in ((manipulated, self.manipulated), (authentic, self.authentic)):
            x = (places - self.mean.flatten()) / self.deviation.flatten()
            x = x[torch.from_numpy(rng.permutation(len(x)))]
            chosen, others = x.tensor_split(2)
            bank.copy_(chosen[coreset(chosen, len(bank))])
            nearest.append(torch.cdist(others, bank).amin(1).square())
        self.scale.fill_(float(torch.cat(nearest).median()))


def place_features(maps: list[Tensor]) -> Tensor:
    """(B, D, H/8, W/8): the maps of LEVELS, each position the mean of its 3x3 neighbourhood, at stride 8."""
    fine, coarse = (F.avg_pool2d(maps[level], 3, 1, 1, count_include_pad=False) for level in LEVELS)
    coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([fine, coarse], 1)


def coreset(x: Tensor, count: int) -> Tensor:
    """Indices (count,) of rows of x (N, D) by greedy k-centre: next is always the row farthest from those
    chosen (Roth et al. 2022, algorithm 1), first the one farthest from the mean. Rows repeat if N < count."""
    distance = (x - x.mean(0)).square().sum(1)
    chosen: list[int] = []
    for number in range(count):
        chosen.append(int(distance.argmax()))
        new = (x - x[chosen[-1]]).square().sum(1)
        distance = new if number == 0 else torch.minimum(distance, new)
    return torch.tensor(chosen)
