"""Gated adaptive fusion (GAFM) of two levels, with its chunked attention (CAM) and dual-stream gate (ADF).

    low, up(high) --> lh = CBR3(low + up(high))
                      h = CBR3([lh, up(high)]) --> CAM --> out = CBR3([lh, CAM(h)])

    CAM: four groups c_0..c_3 of the channels;  r_i = ADF(CBR3(c_i + .. + c_3 + r_{i-1}));  CBR1([r_0..r_3])
    ADF: f1, f2 two streams, g = sigmoid(MLP(avg) + MLP(max)) one number a picture, o = x + g f1 + (1 - g) f2
         m = CBR3(f1 o + f1), n = CBR3(f2 (1 - o)), out = CBR1(m + CBR3(m - n))

The products make each ADF quadratic in its input, and twelve of them follow each other: the output grows with
up to the 4096th power. `bounded` puts sigmoid(o) in place of o in the products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 4


class ConvNormRelu(nn.Sequential):
    """CBR: convolution without bias, batch normalization, ReLU; same sides."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, dilation: int = 1
    ) -> None:
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (dilation * (rows // 2), dilation * (columns // 2))
        conv = nn.Conv2d(inputs, outputs, (rows, columns), 1, padding, dilation, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class ADF(nn.Module):
    """(B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, bounded: bool) -> None:
        super().__init__()
        self.bounded = bounded
        self.first, self.second = _stream(channels), _stream(channels)
        self.gate = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1, bias=False), nn.ReLU(), nn.Conv2d(channels, 1, 1, bias=False)
        )
        self.positive, self.negative, self.difference = (ConvNormRelu(channels, channels) for _ in range(3))
        self.output = ConvNormRelu(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        f1 = self.first(x)
        f2 = self.second(f1 + x)
        g = self.balance(f1, f2)
        o = x + g * f1 + (1 - g) * f2
        if self.bounded:
            o = o.sigmoid()
        m = self.positive(f1 * o + f1)
        n = self.negative(f2 * (1 - o))
        return self.output(m + self.difference(m - n))

    def balance(self, f1: Tensor, f2: Tensor) -> Tensor:
        """g: (B, 1, 1, 1) in [0, 1]."""
        both = torch.cat([f1, f2], 1)
        return (
            self.gate(both.mean((2, 3), keepdim=True)) + self.gate(both.amax((2, 3), keepdim=True))
        ).sigmoid()


def _stream(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
    )


class CAM(nn.Module):
    """(B, C, H, W) -> (B, C, H, W); C a multiple of 4."""

    def __init__(self, channels: int, bounded: bool) -> None:
        super().__init__()
        part = channels // GROUPS
        self.merging = nn.ModuleList(ConvNormRelu(part, part) for _ in range(GROUPS))
        self.adf = nn.ModuleList(ADF(part, bounded) for _ in range(GROUPS))
        self.output = ConvNormRelu(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        groups, results = x.chunk(GROUPS, 1), []
        for number, (merging, adf) in enumerate(zip(self.merging, self.adf, strict=True)):
            parts = [*groups[number:], *results[-1:]]
            results.append(adf(merging(torch.stack(parts).sum(0))))
        return self.output(torch.cat(results, 1))


class GAFM(nn.Module):
    """A level (B, C, H, W) and the fused one above (B, C, H/2, W/2) -> (B, C, H, W)."""

    def __init__(self, channels: int, bounded: bool = False) -> None:
        super().__init__()
        self.sum = ConvNormRelu(channels, channels)
        self.pair = ConvNormRelu(2 * channels, channels)
        self.attention = CAM(channels, bounded)
        self.output = ConvNormRelu(2 * channels, channels)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        high = F.interpolate(high, scale_factor=2, mode="bilinear", align_corners=False)
        lh = self.sum(low + high)
        attended = self.attention(self.pair(torch.cat([lh, high], 1)))
        return self.output(torch.cat([lh, attended], 1))
