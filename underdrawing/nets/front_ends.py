"""Front ends of face classifiers: RGB -> maps in which traces of a manipulation are larger than content.

    front end   maps   learned   source
    Plain       3      no        none: the picture, normalized
    TP          3      no        GocNet, arXiv 2205.00767, sec. 3.2
    SRM         3      no        Fridrich and Kodovsky, TIFS 2012; the three kernels of Zhou et al., CVPR 2018
    Residuals   9      no        the same kernels, for each of R, G and B apart
    Bayar       3      yes       Bayar and Stamm, constrained convolution, TIFS 2018
    AMTEN       12     yes       Guo et al., arXiv 2005.04945, sec. 3.1

Each takes (B, 3, H, W) float32 RGB in 0..255, returns (B, maps, H, W), and has its number of maps as `maps`;
`levels` are the 8-bit levels in a unit of its maps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TP_KERNEL = ((0.0, 1.0, 1.0), (-1.0, 0.0, 1.0), (-1.0, -1.0, 0.0))
"""K of GocNet: a gradient along the diagonal; its values sum to 0."""
SRM_KERNELS = (
    (((0, 0, 0, 0, 0), (0, -1, 2, -1, 0), (0, 2, -4, 2, 0), (0, -1, 2, -1, 0), (0, 0, 0, 0, 0)), 4),
    (((-1, 2, -2, 2, -1), (2, -6, 8, -6, 2), (-2, 8, -12, 8, -2), (2, -6, 8, -6, 2), (-1, 2, -2, 2, -1)), 12),
    (((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 1, -2, 1, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)), 2),
)  # fmt: skip
"""Kernel and its divisor q: SQUARE 3x3, SQUARE 5x5 and second order along a row."""
SRM_TRUNCATION = 3.0
"""T, in units of q: as Luo et al., CVPR 2021, have it for forged faces."""


class Plain(nn.Module):
    """The picture in [-1, 1]."""

    maps, levels = 3, 127.5

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..255 -> (B, 3, H, W)."""
        return rgb / 127.5 - 1


class TP(nn.Module):
    """Tampering traces by the fixed gradient K, for each of R, G and B apart; zeros beyond the border.

    Values in [-3, 3]: the sum of K's positive weights.
    """

    maps, levels = 3, 255.0
    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.tensor(TP_KERNEL).expand(3, 1, 3, 3).clone()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """K * rgb / 255, (B, 3, H, W)."""
        return F.conv2d(rgb / 255, self.kernel, padding=1, groups=3)


class SRM(nn.Module):
    """Residuals of the rich models: each kernel over R + G + B, divided by q, truncated to [-T, T]."""

    maps, levels = 3, 1.0
    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.stack([torch.tensor(kernel) / q for kernel, q in SRM_KERNELS])
        self.register_buffer("kernels", kernels[:, None].repeat(1, 3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..255 -> (B, 3, H, W) in [-T, T]."""
        return F.conv2d(rgb, self.kernels, padding=2).clamp(-SRM_TRUNCATION, SRM_TRUNCATION)


class Residuals(nn.Module):
    """The kernels of SRM over each of R, G and B apart, truncated to [-T, T]: edges are larger than noise."""

    maps, levels, truncation = 9, 1.0, 24.0
    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.stack([torch.tensor(kernel) / q for kernel, q in SRM_KERNELS])
        self.register_buffer("kernels", kernels[:, None].repeat(3, 1, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..255 -> (B, 9, H, W): kernels 1 to 3 of R, of G, of B."""
        return F.conv2d(rgb, self.kernels, padding=2, groups=3).clamp(-self.truncation, self.truncation)


class Bayar(nn.Module):
    """Constrained 5x5 convolution: prediction errors of a pixel from its neighbours; the weights are learned.

    Each kernel of one input and one output channel has -1 at its centre and others that sum to 1. The paper
    divides the others by their sum after each step; here each use projects them on the constraint (adds one
    number to all), which has no pole where the sum passes 0.
    """

    maps, levels = 3, 255.0
    neighbours: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(self.maps, 3, 5, 5) / 12)  # mean 1/24
        neighbours = torch.ones(5, 5)
        neighbours[2, 2] = 0
        self.register_buffer("neighbours", neighbours, persistent=False)

    def constrained(self) -> Tensor:
        """The kernels, (3, 3, 5, 5)."""
        others = self.weight * self.neighbours
        excess = others.sum(dim=(2, 3), keepdim=True) - 1
        return (others - excess / 24) * self.neighbours - (1 - self.neighbours)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..255 -> (B, 3, H, W), the errors of pixels in [0, 1]."""
        return F.conv2d(rgb / 255, self.constrained(), padding=2)


class AMTEN(nn.Module):
    """Adaptive manipulation traces extraction: a learned prediction error, and convolutions of it. Linear.

        conv(x) - x = Fmt --> conv conv = F1    [F1, Fmt] --> conv conv = F2    [F2, F1, Fmt] = Freu

    The prediction's bias is 0 and stays so, as in the published network.
    """

    maps, levels = 12, 1.0

    def __init__(self) -> None:
        super().__init__()
        self.predict = _conv(3)
        nn.init.zeros_(self.predict.bias)
        self.predict.bias.requires_grad_(False)
        self.first = nn.Sequential(_conv(3), _conv(3))
        self.second = nn.Sequential(_conv(6), _conv(6))

    def forward(self, image: Tensor) -> Tensor:
        """Freu, (B, 12, H, W), of (B, 3, H, W) in 0..255, colours in the order of the training."""
        traces = self.predict(image) - image  # Fmt
        both = torch.cat([self.first(traces), traces], dim=1)
        return torch.cat([self.second(both), both], dim=1)


def _conv(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1)


FRONT_ENDS: dict[str, type[nn.Module]] = {
    "rgb": Plain, "tp": TP, "srm": SRM, "residuals": Residuals, "bayar": Bayar, "amten": AMTEN,
}  # fmt: skip
"""By the name in tables."""
