"""A picture as the 8x8 block DCT of its luma and chroma, every coefficient at about unit variance, and back.

    (B, 3, H, W) in [-1, 1]  -->  (B, 192, H/8, W/8): 64 of Y, 64 of Cb, 64 of Cr, rows of rising frequency

The same blocks and axes as JPEG's (chroma at full size), so that what its tables do to a coefficient is done
to one channel.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.ops.dct import BLOCK, basis
from underdrawing.ops.jpeg import TO_YCC

EVERY = tuple((u, v) for u in range(BLOCK) for v in range(BLOCK))
LEVEL = 127.5
"""8-bit levels in one unit of [-1, 1]."""


def spreads() -> np.ndarray:
    """(3, 64) standard deviations that a photograph's coefficients have by and large, in units of [-1, 1].

    Fitted by eye to 400 training photographs brought to a short side of 256 to 512 px: luma falls as the
    power 1.25 of the frequency; within a factor of 1.3 at most frequencies below (5, 5).
    """
    radius = np.asarray([np.hypot(u, v) for u, v in EVERY])
    luma = np.where(radius == 0, 3.6, 0.95 / np.maximum(radius, 1) ** 1.25)
    chroma = luma * np.where(radius == 0, 0.3, 0.2)
    return np.stack([luma, chroma, chroma])


class Spectrum(nn.Module):
    """Both directions; nothing is learned, nothing is kept in a weights file."""

    def __init__(self) -> None:
        super().__init__()
        pictures = basis(EVERY).reshape(-1, BLOCK, BLOCK).astype(np.float64)
        axes, spread = np.asarray(TO_YCC), spreads()[:, :, None, None, None]
        there = np.einsum("cr,kxy->ckrxy", axes, pictures) / spread
        back = np.einsum("rc,kxy->ckrxy", np.linalg.inv(axes), pictures) * spread
        for name, kernels in (("there", there), ("back", back)):
            flat = torch.from_numpy(kernels.reshape(-1, 3, BLOCK, BLOCK)).float()
            self.register_buffer(name, flat, persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W), sides multiples of 8, in [-1, 1] -> (B, 192, H/8, W/8), at full precision."""
        with torch.autocast(picture.device.type, enabled=False):
            return F.conv2d(picture.float(), self.there, stride=BLOCK)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """(B, 192, h, w) -> (B, 3, 8 h, 8 w) in [-1, 1] and, where they ask for it, beyond."""
        with torch.autocast(coefficients.device.type, enabled=False):
            return F.conv_transpose2d(coefficients.float(), self.back, stride=BLOCK)
