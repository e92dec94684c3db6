"""The channel for training with gradients: the same changes as channel.py, on tensors.

Images are (B, 3, H, W) RGB in [0, 1]. The real thing runs forward wherever it can (8 bits, Pillow's JPEG);
backwards a smooth stand-in answers for it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks.channel import recode
from underdrawing.ops.jpeg import jpeg, round_cubic


def clip_through(image: Tensor) -> Tensor:
    """Cut off at 0 and 1; backwards the identity, so that what was cut off can find its way back."""
    return image + (image.clamp(0, 1) - image).detach()


def eight_bits(image: Tensor) -> Tensor:
    """As a lossless file keeps it: cut off and rounded to 8 bits; backwards the identity."""
    return image + ((image.clamp(0, 1) * 255).round() / 255 - image).detach()


def add_noise(image: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
    """White Gaussian noise, `sigma` in units of [0, 1], independent at every value."""
    noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    return clip_through(image + sigma * noise.to(image))


def blur(image: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussian blur by a kernel of `size` (odd) taps a side, `sigma` in pixels, rim mirrored."""
    steps = torch.arange(size, dtype=image.dtype, device=image.device) - (size - 1) / 2
    taps = torch.exp(-(steps**2) / (2 * sigma**2))
    taps = (taps / taps.sum()).expand(image.shape[1], 1, 1, size)
    padded = F.pad(image, (size // 2,) * 4, mode="reflect")
    rows = F.conv2d(padded, taps, groups=image.shape[1])
    return F.conv2d(rows, taps.transpose(2, 3), groups=image.shape[1])


def rescale(image: Tensor, factor: float) -> Tensor:
    """Resize by `factor` with antialiasing, and back to the sides it had."""
    height, width = image.shape[-2:]
    small = resize(image, max(1, round(height * factor)), max(1, round(width * factor)))
    return clip_through(resize(small, height, width))


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Bicubic with antialiasing."""
    return F.interpolate(image, (height, width), mode="bicubic", antialias=True, align_corners=False)


def window(sides: tuple[int, int], keep: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Where a crop lies that keeps the part `keep` of the area and the aspect, at a random offset."""
    rows, columns = (max(1, round(side * keep**0.5)) for side in sides)
    top, left = int(rng.integers(sides[0] - rows + 1)), int(rng.integers(sides[1] - columns + 1))
    return slice(top, top + rows), slice(left, left + columns)


def pillow_jpeg(image: Tensor, quality: int) -> Tensor:
    """Pillow's JPEG (4:2:0) forward; backwards the codec whose rounding is cubic."""
    soft = jpeg(image, quality, round_cubic) if image.requires_grad else image
    levels = (image.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    coded = np.stack([recode(np.ascontiguousarray(one), "JPEG", quality=quality) for one in levels])
    real = torch.from_numpy(coded).permute(0, 3, 1, 2).to(image) / 255
    return soft + (real - soft).detach()
