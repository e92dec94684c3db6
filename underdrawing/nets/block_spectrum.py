"""The 8x8 block DCT of luma and chroma as a layer, each coefficient normalized to about unit variance.

    (B, 3, H, W) RGB in [-1, 1]  <-->  (B, 192, H/8, W/8): 64 of Y, of Cb, of Cr, by rising frequency

Blocks and colour axes are those of JPEG (chroma at full size): one channel is one quantized coefficient.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.ops.dct import BLOCK, basis
from underdrawing.ops.jpeg import TO_YCC

FREQUENCIES = tuple((u, v) for u in range(BLOCK) for v in range(BLOCK))
CHANNELS = 3 * BLOCK**2
LEVELS_PER_UNIT = 127.5
"""8-bit levels in one unit of [-1, 1]."""


def typical_deviations() -> np.ndarray:
    """(3, 64) typical standard deviation of the coefficients of photographs, in units of [-1, 1].

    Fitted to 400 training photographs of a short side of 256 to 512 px: luma falls with the power 1.25 of the
    frequency; within a factor of 1.3 at most frequencies below (5, 5).
    """
    radius = np.asarray([np.hypot(u, v) for u, v in FREQUENCIES])
    luma = np.where(radius == 0, 3.6, 0.95 / np.maximum(radius, 1) ** 1.25)
    chroma = luma * np.where(radius == 0, 0.3, 0.2)
    return np.stack([luma, chroma, chroma])


class BlockSpectrum(nn.Module):
    """Forward and inverse transform. No parameters; nothing is stored in weight files."""

    def __init__(self) -> None:
        super().__init__()
        patterns = basis(FREQUENCIES).reshape(-1, BLOCK, BLOCK).astype(np.float64)
        axes, deviation = np.asarray(TO_YCC), typical_deviations()[:, :, None, None, None]
        analysis = np.einsum("cr,kxy->ckrxy", axes, patterns) / deviation
        synthesis = np.einsum("rc,kxy->ckrxy", np.linalg.inv(axes), patterns) * deviation
        for name, kernels in (("analysis", analysis), ("synthesis", synthesis)):
            flat = torch.from_numpy(kernels.reshape(-1, 3, BLOCK, BLOCK)).float()
            self.register_buffer(name, flat, persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1], sides multiples of 8 -> (B, 192, H/8, W/8) float32."""
        with torch.autocast(picture.device.type, enabled=False):
            return F.conv2d(picture.float(), self.analysis, stride=BLOCK)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """(B, 192, h, w) -> (B, 3, 8 h, 8 w) float32, not clipped to [-1, 1]."""
        with torch.autocast(coefficients.device.type, enabled=False):
            return F.conv_transpose2d(coefficients.float(), self.synthesis, stride=BLOCK)
