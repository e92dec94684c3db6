"""JPEG compression as a differentiable function: the tables, the chroma and the rounding of baseline JPEG.

    I --> YCbCr --> 4:2:0 --> 8x8 DCT --> / table --> rounding --> * table --> inverse of all of it

The forward pass follows libjpeg (its quality scale, box-averaged chroma, triangle upsampling). What makes it
differentiable is the function that rounds: `round_cubic` has a true derivative, `round_through` counts as the
identity backwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# Annex K of the JPEG standard (ITU-T T.81), by rows of rising vertical frequency.
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))

Rounding = Callable[[Tensor], Tensor]


def round_through(x: Tensor) -> Tensor:
    """The nearest integer; backwards the identity."""
    return x + (torch.round(x) - x).detach()


def round_cubic(x: Tensor) -> Tensor:
    """round(x) + (x - round(x))^3: continuous and differentiable, and flat at the integers (Shin and Song,
    2017)."""
    nearest = torch.round(x).detach()
    return nearest + (x - nearest) ** 3


def quantization_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """Luma and chroma tables (B, 8, 8) of libjpeg's scale for qualities (B,) from 1 to 100."""
    quality = quality.double()
    scale = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)[:, None, None]
    bases = (torch.tensor(table, device=quality.device, dtype=torch.float64) for table in _TABLES)
    luma, chroma = (torch.floor((base * scale + 50) / 100).clamp(1, 255) for base in bases)
    return luma, chroma


_TABLES = (LUMA_TABLE, CHROMA_TABLE)


def jpeg(image: Tensor, quality: Tensor | int, rounding: Rounding = round_through) -> Tensor:
    """The image (B, 3, H, W) RGB in [0, 1] after JPEG with 4:2:0 chroma; same shape, not rounded to 8 bits.

    quality: 1 to 100, one for all or (B,). Sides of any length: the rim is continued to whole blocks.
    Forward within .3 dB of libjpeg's with `round_through` (tests/ops/test_jpeg_imuge.py).
    """
    height, width = image.shape[-2:]
    many = torch.as_tensor(quality, device=image.device).expand(len(image))
    luma_table, chroma_table = (table.to(image.dtype) for table in quantization_tables(many))
    padded = F.pad(image, (0, -width % 16, 0, -height % 16), mode="replicate")
    ycc = _mix(padded * 255, TO_YCC)
    luma = _recode(ycc[:, :1] - 128, luma_table, rounding) + 128
    chroma = _recode(F.avg_pool2d(ycc[:, 1:], 2), chroma_table, rounding)
    whole = torch.cat([luma, _enlarge(chroma)], dim=1)
    return (_mix(whole, TO_RGB)[..., :height, :width] / 255).clamp(0, 1)


def _mix(image: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    weights = torch.tensor(matrix, dtype=image.dtype, device=image.device)
    return torch.einsum("ij,bjhw->bihw", weights, image)


def _enlarge(chroma: Tensor) -> Tensor:
    """Twice the sides by libjpeg's triangle filter: three parts of the near sample, one of the far."""
    return F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)


def _recode(plane: Tensor, table: Tensor, rounding: Rounding) -> Tensor:
    """Quantize the 8x8 DCT of (B, C, H, W), sides multiples of 8, by tables (B, 8, 8)."""
    b, c, h, w = plane.shape
    basis = _dct_matrix(plane)
    blocks = plane.reshape(b, c, h // 8, 8, w // 8, 8).permute(0, 1, 2, 4, 3, 5)
    steps = table[:, None, None, None]
    coded = rounding(basis @ blocks @ basis.T / steps) * steps
    return (basis.T @ coded @ basis).permute(0, 1, 2, 4, 3, 5).reshape(b, c, h, w)


def _dct_matrix(like: Tensor) -> Tensor:
    n = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos(torch.pi * (2 * n[None] + 1) * n[:, None] / 16) / 2
    matrix[0] /= 2**0.5
    return matrix.to(like)
