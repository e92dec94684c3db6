"""ST-LPIPS (Ghildyal and Liu 2022): a learned perceptual distance that a shift by a pixel does not upset.

    features_l = unit-normalized activations of a shift-tolerant AlexNet, l = 1..5
    distance = sum over l of mean over places of  w_l . (features_l(a) - features_l(b))^2

Only the weight file of the package `stlpips-pytorch` (extra "bench") is read; none of its code is imported.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from underdrawing.core.errors import MissingExtraError, ShapeError

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


class _BlurDown(nn.Module):
    """A binomial 3x3 filter, then every second pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.zeros(channels, 1, 3, 3))

    def forward(self, plane: Tensor) -> Tensor:
        padded = functional.pad(plane, (2, 2, 2, 2), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=len(self.filt))


class ShiftTolerantAlexNet(nn.Module):
    """The five activations of the backbone; module names follow the weight file."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(3, 64, 11, padding=2), _BlurDown(64), nn.ReLU(),
            nn.MaxPool2d(3, 1), _BlurDown(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
            nn.MaxPool2d(3, 1), _BlurDown(192), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        ]  # fmt: skip
        for index, (start, end) in enumerate(pairwise((0, 3, 7, 11, 13, 15)), 1):
            part = nn.Sequential(OrderedDict((str(n), layers[n]) for n in range(start, end)))
            self.add_module(f"slice{index}", part)

    def forward(self, image: Tensor) -> list[Tensor]:
        activations = []
        for part in self.children():
            image = part(image)
            activations.append(image)
        return activations


class ShiftTolerantLpips(nn.Module):
    """Distance of two batches (B, 3, H, W) of RGB in [0, 1]: (B,). Differentiable, 0 for identical ones."""

    def __init__(self, backbone: nn.Module, weights: list[Tensor]) -> None:
        super().__init__()
        self.backbone = backbone
        for index, weight in enumerate(weights):
            self.register_buffer(f"weight{index}", weight)
        self.register_buffer("shift", torch.tensor(SHIFT)[None, :, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[None, :, None, None])

    def forward(self, image: Tensor, other: Tensor) -> Tensor:
        planes = self.between(self.features(image), self.features(other))
        return sum(plane.mean(dim=(1, 2, 3)) for plane in planes)

    def between(self, features: list[Tensor], others: list[Tensor]) -> list[Tensor]:
        """Distance at each place by layer, five planes (B, 1, h, w), from the `features` of two pictures."""
        return [
            functional.conv2d((a - b) ** 2, getattr(self, f"weight{index}"))
            for index, (a, b) in enumerate(zip(features, others, strict=True))
        ]

    def features(self, image: Tensor) -> list[Tensor]:
        """Five activations of unit length at each place."""
        activations = self.backbone((2 * image - 1 - self.shift) / self.scale)
        return [a / (a.norm(dim=1, keepdim=True) + 1e-10) for a in activations]


@cache
def load_stlpips() -> ShiftTolerantLpips:
    """The metric with its AlexNet weights, frozen, on the CPU. MissingExtraError without the weight file."""
    found = importlib.util.find_spec("stlpips_pytorch")
    if found is None or found.origin is None:
        raise MissingExtraError(
            'ST-LPIPS needs the weight file of "stlpips-pytorch": pip install "underdrawing[bench]"'
        )
    path = Path(found.origin).parent / "weights" / "vST0.0" / "alex_shift_tolerant.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    backbone = ShiftTolerantAlexNet()
    backbone.load_state_dict({name[4:]: value for name, value in state.items() if name.startswith("net.")})
    metric = ShiftTolerantLpips(backbone, [state[f"lin{index}.model.1.weight"] for index in range(5)])
    return metric.eval().requires_grad_(False)


def stlpips(image: np.ndarray, other: np.ndarray) -> float:
    """ST-LPIPS of two pictures (H, W, 3) uint8 RGB of one shape, sides of at least 32 px."""
    _check(image, other)
    with torch.inference_mode():
        return float(load_stlpips()(_tensor(image), _tensor(other))[0])


def masked_stlpips(image: np.ndarray, other: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """ST-LPIPS inside and outside of mask (H, W) bool; nan where there is nothing of it.

    Each layer's distances are averaged with the part of the mask that falls to their place as weight.
    Features see some pixels beyond their place, so what is near the rim counts a little on both sides.
    """
    with torch.inference_mode():
        _check(image, other)
        metric = load_stlpips()
        planes = metric.between(_features(image.tobytes(), image.shape), metric.features(_tensor(other)))
        inside = torch.from_numpy(mask.astype(np.float32))[None, None]
        return _weighted(planes, inside), _weighted(planes, 1 - inside)


@lru_cache(maxsize=1)
def _features(pixels: bytes, shape: tuple[int, ...]) -> list[Tensor]:
    """Those of the original, which benchmarks compare with one picture after the other."""
    return load_stlpips().features(_tensor(np.frombuffer(pixels, np.uint8).reshape(shape)))


def _weighted(planes: list[Tensor], weight: Tensor) -> float:
    if not weight.any():
        return float("nan")
    distance = 0.0
    for plane in planes:
        at_place = functional.adaptive_avg_pool2d(weight, plane.shape[-2:])
        distance += float((plane * at_place).sum() / at_place.sum())
    return distance


def _check(image: np.ndarray, other: np.ndarray) -> None:
    if image.shape != other.shape or min(image.shape[:2]) < 32:
        raise ShapeError(
            f"expected two pictures of one shape, 32 px or more, got {image.shape}, {other.shape}"
        )


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255.0
