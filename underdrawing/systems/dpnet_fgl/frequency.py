"""The frequency stream: magnitudes of a block DCT, then convolutions whose kernels depend on the picture.

c = DCT of 8x8 blocks of luma, a block every 4 px        m = ln(1 + |c|)
dynamic convolution (Chen et al. 2020):  W(x) = sum_k a_k(x) W_k,  a = softmax(attention(x) / T)
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.ops.dct import BLOCK, basis
from underdrawing.ops.jpeg import TO_YCC

FREQUENCIES = tuple((u, v) for u in range(BLOCK) for v in range(BLOCK) if u or v)
"""All but the mean of a block, which is content."""
BLOCK_STRIDE = 4
ATTENTION_TEMPERATURE = 4.0
"""T: all kernels learn from the start (Chen et al. anneal it from 30 to 1)."""


class BlockMagnitudes(nn.Module):
    """(B, 3, S, S) RGB in 0..255 -> (B, 63, S/4, S/4): ln(1 + |c|) by frequency. No parameters."""

    def __init__(self) -> None:
        super().__init__()
        axis, patterns = np.asarray(TO_YCC, np.float32)[0], basis(FREQUENCIES).copy()
        self.register_buffer("luma", torch.from_numpy(axis).reshape(1, 3, 1, 1), persistent=False)
        shaped = torch.from_numpy(patterns).reshape(-1, 1, BLOCK, BLOCK)
        self.register_buffer("patterns", shaped, persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        border = (BLOCK - BLOCK_STRIDE) // 2
        luma = F.pad(F.conv2d(faces, self.luma), (border,) * 4, mode="replicate")
        return F.conv2d(luma, self.patterns, stride=BLOCK_STRIDE).abs().log1p()


class DynamicConv(nn.Module):
    """A 3x3 convolution with K kernels mixed for every picture; (B, C, H, W) -> (B, wanted, H/s, W/s)."""

    def __init__(self, channels: int, wanted: int, stride: int, kernels: int) -> None:
        super().__init__()
        self.channels, self.wanted, self.stride = channels, wanted, stride
        self.kernels = nn.Parameter(torch.empty(kernels * wanted, channels, 3, 3))  # one set below the other
        nn.init.kaiming_normal_(self.kernels, nonlinearity="relu")
        hidden = max(4, channels // 4)
        self.attention = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, kernels))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.weights(x)
        if self.training:  # one convolution for each picture: a K-th of the work
            mixed = weights @ self.kernels.reshape(weights.shape[1], -1)
            kernels, grouped = mixed.reshape(-1, self.channels, 3, 3), x.reshape(1, -1, *x.shape[2:])
            result = F.conv2d(grouped, kernels, stride=self.stride, padding=1, groups=len(x))
            return result.reshape(-1, self.wanted, *result.shape[2:])
        each = F.conv2d(x, self.kernels, stride=self.stride, padding=1)  # constant kernels, for ONNX
        return (each.unflatten(1, (-1, self.wanted)) * weights[:, :, None, None, None]).sum(1)

    def weights(self, x: Tensor) -> Tensor:
        """a: (B, K), of sum 1."""
        return (self.attention(x.mean((2, 3))) / ATTENTION_TEMPERATURE).softmax(1)


class FrequencyStream(nn.Module):
    """(B, 3, S, S) RGB in 0..255 -> (B, 4 width, S/16, S/16)."""

    def __init__(self, width: int, kernels: int) -> None:
        super().__init__()
        self.magnitudes = BlockMagnitudes()
        channels = 2 * width
        mixing = nn.Conv2d(len(FREQUENCIES), channels, 1, bias=False)
        layers: list[nn.Module] = [mixing, nn.BatchNorm2d(channels), nn.ReLU()]
        for wanted, stride in ((4 * width, 2), (4 * width, 1), (4 * width, 2)):
            layers += [DynamicConv(channels, wanted, stride, kernels), nn.BatchNorm2d(wanted), nn.ReLU()]
            channels = wanted
        self.layers = nn.Sequential(*layers)

    def forward(self, faces: Tensor) -> Tensor:
        return self.layers(self.magnitudes(faces))
