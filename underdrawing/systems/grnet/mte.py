"""MTE, the manipulation trace extractor: what a guided filter of a picture by itself removes from it.

    q = mean(a) p + mean(b),  a = var(p) / (var(p) + eps),  b = (1 - a) mean(p)        R = |p - q|

`mean` and `var` are over windows of (2 r + 1)^2 px of one channel, cut at the border (He et al. 2013;
guide = input).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

LEVELS = 255.0


class ManipulationTraces(nn.Module):
    """(B, C, H, W) in 0..255 -> |p - q| of the same shape, in levels. No parameters.

    radius: r, px. eps: of He et al., on a range of [0, 1].
    """

    def __init__(self, radius: int, eps: float) -> None:
        super().__init__()
        self.radius, self.eps = radius, eps * LEVELS**2

    def forward(self, faces: Tensor) -> Tensor:
        # Centred: differences of squares lose fewer digits.
        p = faces - LEVELS / 2
        count = _box(p[:1, :1] * 0 + 1, self.radius)
        mean = _box(p, self.radius) / count
        variance = (_box(p * p, self.radius) / count - mean * mean).clamp(min=0)
        a = variance / (variance + self.eps)
        b = (1 - a) * mean
        return (p - (_box(a, self.radius) * p + _box(b, self.radius)) / count).abs()


def _box(x: Tensor, radius: int) -> Tensor:
    """Sums over windows, zero outside of the picture. Pooling takes six times as long on a CPU."""
    height, width = x.shape[2:]
    padded = functional.pad(x, (0, 0, radius, radius))
    rows = padded[:, :, :height].clone()
    for n in range(1, 2 * radius + 1):
        rows += padded[:, :, n : n + height]
    padded = functional.pad(rows, (radius, radius))
    sums = padded[..., :width].clone()
    for n in range(1, 2 * radius + 1):
        sums += padded[..., n : n + width]
    return sums
