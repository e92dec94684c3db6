"""U-Net of four levels with dilated convolutions at the bottom (Ying et al., ACM MM 2021, sec. 3.2).

x --> ES1 --> ES2 --> ES3 --> ES4 --> CS (dilated)          ES: halves the sides, doubles the channels
 \\      \\       \\       \\             |
 1x1 <-- DS1 <-- DS2 <-- DS3 <-------- DS4                   DS: doubles the sides, halves the channels
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 4
"""Sides of the input are multiples of 2^LEVELS."""


class Shrink(nn.Sequential):
    """ES: two convolutions with normalization and ELU, then pooling; (B, in, h, w) -> (B, out, h/2, w/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(*_block(inputs, outputs), *_block(outputs, outputs), nn.MaxPool2d(2))


class Grow(nn.Sequential):
    """DS: transposed convolution of stride 2, then one more; (B, in, h, w) -> (B, out, 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        super().__init__(up, nn.BatchNorm2d(outputs), nn.ELU(), *_block(outputs, outputs))


def _block(inputs: int, outputs: int, dilation: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ELU()]


class DilatedUNet(nn.Module):
    """(B, 3, H, W) in [0, 1] -> (B, outputs, H, W), before tanh."""

    def __init__(self, width: int, outputs: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(LEVELS)]
        self.shrink = nn.ModuleList(Shrink(i, o) for i, o in zip([3, *widths], widths, strict=False))
        middle = [layer for dilation in dilations for layer in _block(widths[-1], widths[-1], dilation)]
        self.middle = nn.Sequential(*middle)
        # input of DS4: CS; of the others: the DS below and the ES of the same level
        inputs = [2 * widths[0], 2 * widths[1], 2 * widths[2], widths[3]]
        outs = [widths[0], *widths[:3]]
        self.grow = nn.ModuleList(Grow(i, o) for i, o in zip(inputs, outs, strict=True))
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Output of the last 1x1 convolution."""
        x, features = 2 * image - 1, []
        for shrink in self.shrink:
            x = shrink(x)
            features.append(x)
        x = self.grow[-1](self.middle(x))
        for level in range(LEVELS - 2, -1, -1):
            x = self.grow[level](torch.cat([features[level], x], dim=1))
        return self.head(x)
