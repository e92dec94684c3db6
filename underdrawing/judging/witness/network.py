"""Networks of the signed content as a witness: bits of the signed hash, and the comparison with a picture.

original at 1/4 --> CellHash --> sign = K bits for each cell of 32 px, signed

received at 1/4, decoded sketch at 1/4 ----> 1/8 -> 1/16 -> 1/32 -> 1/16 -> 1/8: logit "altered" by 8 px
CellHash(received) x signed bits --------------------------^    \\-> logit "another picture"
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.judging.witness.witness import BITS, PLANES

CELL = 8
"""Side of a cell in pixels of the planes."""


def centred(planes: Tensor) -> Tensor:
    """Planes (B, 4, h, w) uint8 -> float32 about 0."""
    return (planes.float() - 128) / 64


class Residual(nn.Module):
    """Two 3x3 convolutions with a skip."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.gelu(self.first(x)))


def _start_filters(size: int) -> Tensor:
    """(BITS, PLANES, size, size): low-frequency contrasts of luma and colour under a window."""
    at = (torch.arange(size) - (size - 1) / 2) / CELL
    window = torch.exp(-((at / 0.55) ** 2))
    odd, even = at * window, (torch.cos(2 * math.pi * at * 0.9) - 0.2) * window
    luma, red_blue = torch.tensor([0.3, 0.59, 0.11, 0.0]), torch.tensor([0.5, 0.0, -0.5, 0.0])
    shapes = (
        (luma, window, odd),
        (luma, odd, window),
        (luma, odd, odd),
        (luma, window, even),
        (red_blue, window, odd),
        (luma, even, window),
    )
    filters = torch.stack([plane[:, None, None] * (y[:, None] * x) for plane, y, x in shapes])
    filters = filters - (filters.mean((2, 3), keepdim=True))
    return filters / filters.square().sum((1, 2, 3), keepdim=True).sqrt()


class CellHash(nn.Module):
    """Planes (B, 4, h, w) about 0, h and w multiples of 8 -> (B, BITS, h / 8, w / 8) values in (-1, 1).

    Linear filters of a cell and its rim, corrected by a small network that starts at zero.
    """

    _KERNEL = 14

    def __init__(self) -> None:
        super().__init__()
        pad = (self._KERNEL - CELL) // 2
        self.linear = nn.Conv2d(PLANES, BITS, self._KERNEL, CELL, pad, padding_mode="replicate")
        with torch.no_grad():
            self.linear.weight.copy_(_start_filters(self._KERNEL))
            self.linear.bias.zero_()  # type: ignore[union-attr]
        self.inner = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16 * PLANES, 64, 3, 1, 1),
            nn.GELU(),
            nn.Conv2d(64, 64, 4, 2, 1),
            nn.GELU(),
            nn.Conv2d(64, BITS, 3, 1, 1),
        )
        nn.init.zeros_(self.inner[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.inner[-1].bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.linear(x) + self.inner(x))


class Comparison(nn.Module):
    """Received picture against signed bits and decoded sketch.

    received, sketch: (B, 4, h, w) about 0; h and w multiples of 8. signed: (B, BITS, h / 8, w / 8), -1 or 1,
    0 for bits that the code lacks; measured: the same hash of the received picture, in (-1, 1).
    visible: (B, 1, h / 2, w / 2), 0 or 1.
    sketch_bits: as visible, bits of the sketch per 1,000 px of the picture there.
    Returns (B, 1, h / 2, w / 2) logits of "altered here", and (B,) logits of "another picture".
    """

    _WIDTHS = (48, 64, 96)

    def __init__(self) -> None:
        super().__init__()
        a, b, c = self._WIDTHS
        self.stem = nn.Conv2d(4 * (3 * PLANES) + 2, a, 3, 1, 1)
        self.fine = nn.Sequential(Residual(a), Residual(a))
        self.down1, self.middle = nn.Conv2d(a, b, 4, 2, 1), nn.Sequential(Residual(b), Residual(b))
        self.hash = nn.Conv2d(4 * BITS, b, 3, 1, 1)
        self.down2, self.coarse = nn.Conv2d(b, c, 4, 2, 1), nn.Sequential(Residual(c), Residual(c))
        self.join = nn.Conv2d(c + b, c, 1)
        self.up1, self.middle_up = nn.Conv2d(c + b, b, 1), Residual(b)
        self.up2, self.fine_up = nn.Conv2d(b + a, a, 1), Residual(a)
        self.local = nn.Conv2d(a, 1, 1)
        self.whole = nn.Sequential(nn.Linear(2 * c + 2 * a, 64), nn.GELU(), nn.Linear(64, 1))

    def forward(
        self,
        received: Tensor,
        sketch: Tensor,
        signed: Tensor,
        measured: Tensor,
        visible: Tensor,
        sketch_bits: Tensor,
    ) -> tuple[Tensor, Tensor]:
        amount = torch.log2(1 + sketch_bits) - 4
        planes = torch.cat([received, sketch, received - sketch], 1)
        planes = F.pixel_unshuffle(planes, 2) * visible
        fine = self.fine(F.gelu(self.stem(torch.cat([planes, visible, amount], 1))))
        middle = self.middle(F.gelu(self.down1(fine)))
        cells = F.avg_pool2d(visible, 4)
        agreement = torch.cat([signed, measured * cells, signed * measured * cells, signed.abs() * cells], 1)
        coarse = self.coarse(self.join(torch.cat([self.down2(middle), F.gelu(self.hash(agreement))], 1)))
        middle = self.middle_up(self.up1(torch.cat([_as_large(coarse, middle), middle], 1)))
        fine = self.fine_up(self.up2(torch.cat([_as_large(middle, fine), fine], 1)))
        pooled = [f(x) for x in (coarse, fine) for f in (lambda t: t.mean((2, 3)), lambda t: t.amax((2, 3)))]
        return self.local(fine), self.whole(torch.cat(pooled, 1))[:, 0]


def _as_large(small: Tensor, large: Tensor) -> Tensor:
    return F.interpolate(small, size=large.shape[2:], mode="bilinear", align_corners=False)


class WitnessNet(nn.Module):
    """Hash and comparison, trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.hash, self.comparison = CellHash(), Comparison()
