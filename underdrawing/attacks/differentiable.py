"""Channels with gradients: the degradations of channel.py on tensors (B, 3, H, W), RGB in [0, 1].

The forward pass is the real operation where possible (8 bits, Pillow's JPEG); the backward pass is a smooth
approximation of it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks.channel import recode
from underdrawing.ops.jpeg import jpeg, round_cubic


def clip_through(image: Tensor) -> Tensor:
    """Clip to [0, 1]; backward pass: identity, so that clipped values still get a gradient."""
    return image + (image.clamp(0, 1) - image).detach()


def eight_bits(image: Tensor) -> Tensor:
    """Clip and round to 8 bits, as in a lossless file; backward pass: identity."""
    return image + ((image.clamp(0, 1) * 255).round() / 255 - image).detach()


def add_noise(image: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
    """White Gaussian noise, `sigma` in units of [0, 1], independent at every value; clipped."""
    noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    return clip_through(image + sigma * noise.to(image))


def blur(image: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussian blur by a kernel of `size` (odd) taps a side, `sigma` in pixels, border mirrored."""
    steps = torch.arange(size, dtype=image.dtype, device=image.device) - (size - 1) / 2
    taps = torch.exp(-(steps**2) / (2 * sigma**2))
    taps = (taps / taps.sum()).expand(image.shape[1], 1, 1, size)
    padded = F.pad(image, (size // 2,) * 4, mode="reflect")
    rows = F.conv2d(padded, taps, groups=image.shape[1])
    return F.conv2d(rows, taps.transpose(2, 3), groups=image.shape[1])


def rescale(image: Tensor, factor: float) -> Tensor:
    """Resize by `factor` with antialiasing, and back to the original sides."""
    height, width = image.shape[-2:]
    small = resize(image, max(1, round(height * factor)), max(1, round(width * factor)))
    return clip_through(resize(small, height, width))


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Bicubic interpolation with antialiasing."""
    return F.interpolate(image, (height, width), mode="bicubic", antialias=True, align_corners=False)


def window(sides: tuple[int, int], keep: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a crop of the same aspect and the share `keep` of the area, at a random offset."""
    rows, columns = (max(1, round(side * keep**0.5)) for side in sides)
    top, left = int(rng.integers(sides[0] - rows + 1)), int(rng.integers(sides[1] - columns + 1))
    return slice(top, top + rows), slice(left, left + columns)


def pillow_jpeg(image: Tensor, quality: int) -> Tensor:
    """JPEG (4:2:0) of Pillow; backward pass: differentiable JPEG with cubic rounding."""
    soft = jpeg(image, quality, round_cubic) if image.requires_grad else image
    levels = (image.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    coded = np.stack([recode(np.ascontiguousarray(one), "JPEG", quality=quality) for one in levels])
    real = torch.from_numpy(coded).permute(0, 3, 1, 2).to(image) / 255
    return soft + (real - soft).detach()
