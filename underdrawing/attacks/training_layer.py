"""Differentiable attacking layer A for training: an edit and a benign channel, drawn picture by picture.

    I_A = I_irr M_R + I_M (1 - M_R)        (Ying et al., "From Image to Imuge", ACM MM 2021, equation 1)

Where a picture is cropped and resized back, its original and its mask are cropped in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks import differentiable as channel
from underdrawing.attacks import tamper
from underdrawing.ops.jpeg import jpeg, round_cubic


@dataclass(frozen=True)
class Attacks:
    """Distributions of edits and channels."""

    kinds: tuple[str, ...] = ("none", "noise", "blur", "scale", "jpeg", "crop")
    """Benign channels, equally likely; a repeated name is more likely."""
    shapes: tuple[str, ...] = ("boxes",)
    """Mask shapes: boxes, or free_form, blob, box of attacks/tamper."""
    area: tuple[float, float] = (0.05, 0.3)
    """Range of the edited share of the picture."""
    subtle: float = 0.0
    """Share of the edits that blur or inpaint the area; the others paste other content, as in the paper."""
    skip: float = 0.1
    """Share of pictures with neither edit nor channel: their true mask is empty."""
    untouched: float = 0.0
    """Share of pictures with a channel but no edit."""
    noise: float = 0.1
    """Largest standard deviation of the noise, in units of [0, 1]; the smallest is half of it."""
    kernels: tuple[int, ...] = (3, 5)
    """Sides of the blur kernel, taps."""
    scales: tuple[float, float] = (0.5, 2.0)
    """Range of the scale factor, log-uniform."""
    qualities: tuple[int, int] = (50, 95)
    """Range of the JPEG quality."""
    crop_area: tuple[float, float] = (0.5, 1.0)
    """Share of the area inside a crop."""
    real_jpeg: bool = False
    """JPEG of Pillow in the forward pass; False: the differentiable JPEG in both passes."""
    rounding: bool = False
    """Whether pictures are rounded to 8 bits before the edit and after the channel."""


@dataclass(frozen=True)
class Attacked:
    """Received pictures and ground truth, of the same sides."""

    received: Tensor
    """I_A, (B, 3, H, W)."""
    mask: Tensor
    """M_G, (B, 1, H, W), 1 = altered."""
    original: Tensor
    """I, (B, 3, H, W)."""


class AttackingLayer:
    """A; `severity` in [0, 1] moves the range of strengths from its mild end to the full range."""

    def __init__(self, attacks: Attacks) -> None:
        self.attacks = attacks
        self.severity = 1.0
        self.benign: dict[str, Callable[[Tensor, np.random.Generator], Tensor]] = {
            "none": lambda image, rng: image,
            "noise": self._noise,
            "blur": self._blur,
            "scale": self._scale,
            "jpeg": self._jpeg,
        }

    def __call__(self, immunized: Tensor, original: Tensor, rng: np.random.Generator) -> Attacked:
        """Attack each picture of the batch (B, 3, H, W); its donor is the original before it."""
        attacks = self.attacks
        sent = channel.eight_bits(immunized) if attacks.rounding else channel.clip_through(immunized)
        donors = original.roll(1, 0).detach()
        parts = []
        for index in range(len(sent)):
            one, truth = sent[index : index + 1], original[index : index + 1]
            empty = torch.zeros_like(one[:, :1])
            if rng.random() < attacks.skip:
                parts.append((one, empty, truth))
                continue
            mask = empty if rng.random() < attacks.untouched else self._mask(one, rng)
            tampered = self._tamper(one, mask, donors[index : index + 1], rng)
            parts.append(self._send(tampered, mask, truth, rng))
        return Attacked(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _mask(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        shape = _SHAPES[self.attacks.shapes[rng.integers(len(self.attacks.shapes))]]
        mask = shape(*image.shape[-2:], rng, self.attacks.area)
        return torch.from_numpy(mask)[None, None].to(image)

    def _tamper(self, image: Tensor, mask: Tensor, donor: Tensor, rng: np.random.Generator) -> Tensor:
        """Equation 1; I_irr: another picture, one colour, or the picture itself, shifted."""
        if self.attacks.subtle and rng.random() < self.attacks.subtle:
            content = self._subtle(image, mask, rng)
            return content * mask + image * (1 - mask)
        draw = rng.random()
        if draw < 1 / 3:
            content = donor
        elif draw < 1 / 2:
            colour = torch.from_numpy(rng.random(3, dtype=np.float32))
            content = colour.to(image)[None, :, None, None].expand_as(image)
        else:
            shift = [int(side * rng.uniform(0.2, 0.8)) for side in image.shape[-2:]]
            content = image.roll(shift, dims=(2, 3))
        return content * mask + image * (1 - mask)

    @torch.no_grad()
    def _subtle(self, image: Tensor, mask: Tensor, rng: np.random.Generator) -> Tensor:
        """Content of similar appearance: blurred or inpainted."""
        if rng.random() < 0.5:
            return channel.blur(image, 13, float(rng.uniform(1.5, 4.0)))
        pixels = (255 * image[0]).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        filled = tamper.inpaint_fast(
            np.ascontiguousarray(pixels), mask[0, 0].cpu().numpy() > 0.5, pixels, rng
        )
        return torch.from_numpy(filled).permute(2, 0, 1)[None].to(image) / 255

    def _send(
        self, image: Tensor, mask: Tensor, truth: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        kind = self.attacks.kinds[rng.integers(len(self.attacks.kinds))]
        if kind != "crop":
            received = self.benign[kind](image, rng)
            return (channel.eight_bits(received) if self.attacks.rounding else received), mask, truth
        rows, columns = channel.window(
            image.shape[-2:], self._between(1.0, *self.attacks.crop_area, rng), rng
        )
        sides = image.shape[-2:]
        received, truth = (channel.resize(x[..., rows, columns], *sides).clamp(0, 1) for x in (image, truth))
        return received, F.interpolate(mask[..., rows, columns], sides, mode="nearest"), truth

    def _between(self, mild: float, low: float, high: float, rng: np.random.Generator) -> float:
        """Uniform in [low, high], interpolated from `mild` by the severity."""
        return mild + self.severity * (rng.uniform(low, high) - mild)

    def _noise(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        deviation = self._between(0.0, 0.5 * self.attacks.noise, self.attacks.noise, rng)
        return channel.add_noise(image, deviation, rng)

    def _blur(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        size = int(rng.choice(self.attacks.kernels))
        deviation = 0.3 * ((size - 1) / 2 - 1) + 0.8  # OpenCV's default for the kernel size
        return channel.blur(image, size, max(0.2, self._between(0.2, 0.7 * deviation, deviation, rng)))

    def _scale(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        low, high = np.log(self.attacks.scales)
        return channel.rescale(image, float(np.exp(self._between(0.0, low, high, rng))))

    def _jpeg(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        quality = round(self._between(96, *self.attacks.qualities, rng))
        if self.attacks.real_jpeg:
            return channel.pillow_jpeg(image, quality)
        return jpeg(image, quality, round_cubic)


def boxes(
    height: int, width: int, rng: np.random.Generator, area: tuple[float, float] = (0.05, 0.3)
) -> np.ndarray:
    """One to four rectangles of an area in range together: (height, width) bool."""
    goal, mask = rng.uniform(*area), np.zeros((height, width), bool)
    for _ in range(4):
        rest = goal - mask.mean()
        if rest <= 0.01:
            break
        part = rest if rng.random() < 0.5 else rest * rng.uniform(0.3, 1.0)
        mask |= tamper.box(height, width, rng, (part, part))
    return mask


_SHAPES = {"boxes": boxes, "free_form": tamper.free_form, "blob": tamper.blob, "box": tamper.box}
