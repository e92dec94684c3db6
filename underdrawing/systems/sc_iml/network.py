"""Sc-IML behind the shared trunk: EF and PFMM at every level, GAFM from coarse to fine, three heads.

    trunk maps f2..f5 --> EF --> PFMM(P_f, P_b) --> GAFM cascade: f45 -> f345 -> f2345
                  \\--> bank --> P_f, P_b                     |       |        |
                                                            head    head     head = the prediction

Strides 4, 8, 16, 32 are f2, f3, f4, f5 as in the released code. Sizes of the released weights: RELEASED.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.network import CHANNELS
from underdrawing.nets.localizer_outputs import LocalizerOutputs, certainty
from underdrawing.systems.sc_iml.bank import PriorBank
from underdrawing.systems.sc_iml.gafm import GAFM, ConvNormRelu
from underdrawing.systems.sc_iml.pfmm import PFMM

HEADS = 3


@dataclass(frozen=True)
class Config:
    """Sizes of the network. The defaults are those published, but for the trunk."""

    channels: tuple[int, ...] = CHANNELS
    """Of the maps of the trunk."""
    width: int = 64
    """Channels of every level."""
    branch: int = 64
    """Channels of a branch of EF."""
    priors: bool = True
    """Whether there are prior maps, with PFMM; False: fusion of the levels as they are."""
    prototypes: int = 128
    """Places in the bank of each class."""
    bounded: bool = False
    """Whether the gates of GAFM are in [0, 1]; False: as in the released code (gafm.py)."""


RELEASED = Config(width=24, branch=16, bounded=True)
"""Of the released weights."""


class EF(nn.Module):
    """Enhancement of a level: four branches of growing kernels and dilations, each fed by the one before.

    (B, inputs, H, W) -> (B, width, H, W): branch k of 3, 5, 7: 1 x k, k x 1, then 3 x 3 of dilation k.
    """

    def __init__(self, inputs: int, branch: int, width: int) -> None:
        super().__init__()
        self.entries = nn.ModuleList(ConvNormRelu(inputs, branch, 1) for _ in range(4))
        self.branches = nn.ModuleList(
            nn.Sequential(
                ConvNormRelu(branch, branch, (1, k)),
                ConvNormRelu(branch, branch, (k, 1)),
                ConvNormRelu(branch, branch, 3, dilation=k),
            )
            for k in (3, 5, 7)
        )
        self.last = ConvNormRelu(branch, branch, 1)
        self.output = ConvNormRelu(4 * branch, width)
        self.shortcut = ConvNormRelu(inputs, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x0, x1, x2, x3 = (entry(x) for entry in self.entries)
        x1 = self.branches[0](x1)
        x2 = self.branches[1](x2 + x1)
        x3 = self.last(self.branches[2](x3 + x2))
        return (self.output(torch.cat([x0, x1, x2, x3], 1)) + self.shortcut(x)).relu()


class ScIML(nn.Module):
    """Images (B, 3, H, W) and maps of the trunk -> LocalizerOutputs.

    parts: `logits` (B, 3, H/4, W/4) of the heads, finest first. reliability: 1 - H(p) / ln 2 of the
    prediction, times 1 - (largest - least probability of the heads).
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.bank = PriorBank(config.channels, config.prototypes) if config.priors else None
        self.ef = nn.ModuleList(EF(inputs, config.branch, width) for inputs in config.channels)
        self.pfmm = nn.ModuleList(PFMM(width) for _ in config.channels) if config.priors else None
        self.gafm = nn.ModuleList(GAFM(width, config.bounded) for _ in range(HEADS))
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in range(HEADS))

    def forward(self, images: Tensor, maps: list[Tensor]) -> LocalizerOutputs:
        levels = [ef(level) for ef, level in zip(self.ef, maps, strict=True)]
        if self.bank is not None and self.pfmm is not None:
            priors = self.bank(maps)
            levels = [pfmm(level, *priors) for pfmm, level in zip(self.pfmm, levels, strict=True)]
        fused, logits = levels[-1], []
        for place in range(HEADS):  # from coarse to fine
            fused = self.gafm[place](levels[-2 - place], fused)
            z = self.heads[place](fused)
            factor = 2 ** (HEADS - 1 - place)
            if factor > 1:
                z = F.interpolate(z, scale_factor=factor, mode="bilinear", align_corners=False)
            logits.insert(0, z)
        return _outputs(torch.cat(logits, 1))


def _outputs(logits: Tensor) -> LocalizerOutputs:
    """Of the logits (B, 3, H/4, W/4) of the heads, finest first."""
    finest, p = logits[:, :1], logits.sigmoid()
    spread = p.amax(1, keepdim=True) - p.amin(1, keepdim=True)
    return LocalizerOutputs(finest, certainty(finest) * (1 - spread), {"logits": logits})
