"""The network of the locator: a U-Net over blocks with a decoder to pixels, guided by the picture.

RGB  --> 1/2 --> 1/4 --> 1/8 --+
block features ----------> 1/8 +--> 1/16 --> 1/32 --> 1/16 --> 1/8 --> 1/4 --> 1/2 --> logits at 1/1
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS
from underdrawing.nets.unet import Mix, conv, enlarge

_FINE, _QUARTER, _BLOCK, _COARSE = 16, 24, 48, 56

FEATURES = 2 * len(FREQUENCIES) + 4 * len(LAYERS) + 1
"""Numbers that describe a block."""


class LocatorNet(nn.Module):
    """Block features (B, FEATURES, r, c) and RGB (B, 3, 8 r, 8 c) uint8 -> logits (B, 1, 8 r, 8 c)."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = conv(12, _FINE)
        self.quarter = conv(_FINE, _QUARTER, stride=2)
        self.eighth = conv(_QUARTER, 32, stride=2)
        self.blocks = nn.Conv2d(FEATURES, _BLOCK, 1)
        self.join = conv(32 + _BLOCK, _BLOCK)
        self.at_block = Mix(_BLOCK)
        self.down = conv(_BLOCK, _COARSE, stride=2)
        self.at_coarse = Mix(_COARSE)
        self.deep = nn.Sequential(conv(_COARSE, _COARSE, stride=2), Mix(_COARSE))
        self.up_coarse = Mix(_COARSE)
        self.narrow = nn.Conv2d(_COARSE, _BLOCK, 1)
        self.up_block = Mix(_BLOCK)
        self.to_quarter = conv(_BLOCK + _QUARTER, _QUARTER)
        self.to_half = conv(_QUARTER + _FINE, _FINE)
        self.out = nn.Conv2d(_FINE, 4, 3, padding=1)
        self.temperature = nn.Parameter(torch.ones(1), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, features: Tensor, image: Tensor) -> Tensor:
        """Calibrated logits."""
        pixels = (image.to(features.dtype) - 128) / 64
        half = self.fine(F.pixel_unshuffle(pixels, 2))
        quarter = self.quarter(half)
        x = self.at_block(self.join(torch.cat([self.eighth(quarter), self.blocks(features)], 1)))
        coarse = self.at_coarse(self.down(x))
        coarse = self.up_coarse(coarse + enlarge(self.deep(coarse), coarse))
        x = self.up_block(x + enlarge(self.narrow(coarse), x))
        x = self.to_quarter(torch.cat([enlarge(x, quarter), quarter], 1))
        x = self.to_half(torch.cat([enlarge(x, half), half], 1))
        return F.pixel_shuffle(self.out(x), 2) * self.temperature + self.bias
