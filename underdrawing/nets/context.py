"""Context networks: distribution of the next symbols, given those already decoded.

Symbols are a (B, C, h, w) field of whole numbers. Channels go by groups, each group in two passes over a
chessboard:

    group g, pass 0:  groups < g everywhere                       -> mean and scale of group g on the white
    cells
    group g, pass 1:  the same, and group g on the white cells    -> the same on the black cells

Each pass has its own network (3x3 convolution, two 1x1). A second field of the same shape may be known from
the start: the same coefficients from a coarser layer, rounded to this layer's steps. Symbols then refine it;
a pass gets the sum of both where symbols are known, and the second field up to the end of its group.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.unet import zero


def chessboard(height: int, width: int) -> Tensor:
    """Bool (height, width), true on the white cells (pass 0)."""
    return (torch.arange(height)[:, None] + torch.arange(width)[None]) % 2 == 0


class PassNet(nn.Module):
    """One pass's network; `inputs` input maps, `groups_out` channels described by mean and log2 scale."""

    def __init__(self, inputs: int, channels: int, width: int, conditions: int):
        super().__init__()
        self.look = nn.Conv2d(max(inputs, 1), width, 3, padding=1)
        self.condition = nn.Linear(conditions, width)
        self.mix = nn.Conv2d(width, width, 1)
        self.output = nn.Conv2d(width, 2 * channels, 1)
        zero(self.output)

    def forward(self, maps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (in steps) and log2 scale, each (B, channels, h, w)."""
        hidden = F.relu(self.look(maps) + self.condition(condition)[:, :, None, None])
        mean, scale = self.output(F.relu(self.mix(hidden))).chunk(2, 1)
        return mean, scale


class ContextModel(nn.Module):
    """Mean and log2 scale of every symbol given those before it in coding order."""

    def __init__(
        self, groups: tuple[int, ...], width: int, conditions: int, *, limit: int, base: bool = False
    ):
        """limit: magnitude that known symbols are clipped to."""
        super().__init__()
        self.base, self.limit = base, limit
        self.ends = tuple(sum(groups[: g + 1]) for g in range(len(groups)))
        self.passes = nn.ModuleList(
            PassNet(self.input_maps(g, p), size, width, conditions)
            for g, size in enumerate(groups)
            for p in (0, 1)
        )

    def start(self, group: int) -> int:
        """First channel of a group."""
        return self.ends[group - 1] if group else 0

    def input_maps(self, group: int, parity: int) -> int:
        """Number of input maps of a pass: values and magnitudes of the known channels."""
        return 2 * (
            (self.ends[group] if parity else self.start(group)) + (self.ends[group] if self.base else 0)
        )

    def forward(
        self, symbols: Tensor, condition: Tensor, below: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """All passes at once for training: symbols (B, C, h, w) float -> mean, log2 scale of the same shape.

        `below` (same shape, whole numbers) is the coarser layer's field, needed when the model was made with
        `base`.
        """
        white = chessboard(symbols.shape[-2], symbols.shape[-1])
        clipped = symbols if below is None else symbols + below
        clipped = clipped.clamp(-self.limit, self.limit)
        floor = None if below is None else below.clamp(-self.limit, self.limit)
        means, scales = [], []
        for group, end in enumerate(self.ends):
            start = self.start(group)
            described = []
            for parity in (0, 1):
                known = clipped[:, : end if parity else start]
                if parity:
                    known = torch.cat((known[:, :start], known[:, start:] * white), 1)
                maps = torch.cat((known, known.abs()), 1)
                if floor is not None:
                    maps = torch.cat((maps, floor[:, :end], floor[:, :end].abs()), 1)
                if maps.shape[1] == 0:
                    maps = torch.zeros_like(clipped[:, :1])
                described.append(self.passes[2 * group + parity](maps, condition))
            means.append(torch.where(white, described[0][0], described[1][0]))
            scales.append(torch.where(white, described[0][1], described[1][1]))
        return torch.cat(means, 1), torch.cat(scales, 1)


def logistic_bits(symbols: Tensor, mean: Tensor, log2_scale: Tensor) -> Tensor:
    """Bits of each symbol under a logistic law integrated over a step's width; same shape as the symbols."""
    scale = torch.exp2(log2_scale.clamp(-5, 6))
    distance = (symbols - mean).abs()
    upper = torch.sigmoid((0.5 - distance) / scale)
    lower = torch.sigmoid((-0.5 - distance) / scale)
    return -torch.log2((upper - lower).clamp_min(1e-7))
