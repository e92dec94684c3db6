"""The network of the fusion: a U-Net that corrects a sketch inside a mask and estimates its error.

planes --> 1/4 --> 1/8 --> 1/16 --> 1/8 --> 1/4 --> RGB correction, log variance at 1/1
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.unet import Mix, conv, enlarge

_QUARTER, _EIGHTH, _LAST = 64, 80, 80
_OUTPUTS = 4

CHANNELS = 14
"""Input planes of the network."""


class FusionNet(nn.Module):
    """Planes (B, CHANNELS, h, w), sides multiples of 8 -> (B, 4, h, w): RGB / 64, log variance."""

    def __init__(self) -> None:
        super().__init__()
        self.in_quarter = nn.Sequential(nn.Conv2d(16 * CHANNELS, _QUARTER, 1), Mix(_QUARTER))
        self.in_eighth = nn.Sequential(conv(_QUARTER, _EIGHTH, stride=2), Mix(_EIGHTH), Mix(_EIGHTH))
        self.last = nn.Sequential(conv(_EIGHTH, _LAST, stride=2), Mix(_LAST))
        self.to_eighth, self.to_quarter = nn.Conv2d(_LAST, _EIGHTH, 1), nn.Conv2d(_EIGHTH, _QUARTER, 1)
        self.up_eighth = Mix(_EIGHTH)
        self.up_quarter = nn.Sequential(Mix(_QUARTER), Mix(_QUARTER))
        self.out = nn.Conv2d(_QUARTER, 16 * _OUTPUTS, 3, padding=1)
        nn.init.normal_(self.out.weight, std=1e-3)
        nn.init.zeros_(self.out.bias)
        self.out.bias.data[48:] = -3.0  # untrained, an error of 15 levels is expected

    def forward(self, planes: Tensor) -> Tensor:
        """Correction and log variance."""
        quarter = self.in_quarter(F.pixel_unshuffle(planes, 4))
        eighth = self.in_eighth(quarter)
        x = self.last(eighth)
        x = self.up_eighth(eighth + enlarge(self.to_eighth(x), eighth))
        x = self.up_quarter(quarter + enlarge(self.to_quarter(x), quarter))
        return F.pixel_shuffle(self.out(F.leaky_relu(x, 0.1)), 4)
