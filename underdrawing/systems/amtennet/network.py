"""AMTENnet as published (arXiv 2005.04945, sec. 3): AMTEN, and four convolutions in the order of Caffe.

    BGR 0..255 --> AMTEN --> conv pool ReLU BN x 3 --> conv pool ReLU --> FC --> FC --> FC --> z (real, fake)
       128         128            64, 31, 14               7

There is no activation inside AMTEN and none between the fully connected (FC) layers, so the logit is linear
in the last feature maps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.front_ends import AMTEN


@dataclass(frozen=True)
class Config:
    """Sizes of the layers. The defaults are those published."""

    trunk: tuple[int, int, int, int] = (24, 48, 64, 128)
    """Channels of the four convolutions."""
    hidden: int = 300
    """Outputs of the first two fully connected layers."""
    side: int = 128
    """Sides of the input, px."""


RELEASED = Config(trunk=(12, 24, 48, 96), hidden=96)
"""Of the released weights: what a processor core trains at 80 faces a second; 481,310 parameters."""


class AMTENnet(nn.Module):
    """(B, 3, side, side) RGB in 0..255 -> FaceOutputs. Initial weights as by Caffe's filler "xavier"."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        a, b, c, d = config.trunk
        self.amten = AMTEN()
        self.trunk = nn.Sequential(
            *_stage(AMTEN.maps, a, padding=1), *_stage(a, b), *_stage(b, c),
            nn.Conv2d(c, d, 1), _Pool(), nn.ReLU(),
        )  # fmt: skip
        self.map_side = _map_side(config.side)
        self.fc1 = nn.Linear(d * self.map_side**2, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.hidden)
        self.fc3 = nn.Linear(config.hidden, 2)
        self.apply(_fill)
        self.to(memory_format=torch.channels_last)  # twice as fast on a processor

    def forward(self, faces: Tensor) -> FaceOutputs:
        """Logit, embedding (B, hidden) and contributions (B, 7, 7) to the logit, of 128 px faces; the maps of
        the stages as parts."""
        bgr = faces.flip(1).contiguous(memory_format=torch.channels_last)
        second = self.trunk[:8](self.amten(bgr))
        third = self.trunk[8:12](second)
        features = self.trunk[12:](third)
        embedding = self.fc2(self.fc1(features.flatten(1)))
        z = self.fc3(embedding)
        heat = (features * self.gradient().view(1, -1, self.map_side, self.map_side)).sum(1)
        maps = {"maps.second": second, "maps.third": third, "maps.last": features}
        return FaceOutputs(logit=z[:, 1] - z[:, 0], embedding=embedding, heat=heat, parts=maps)

    def gradient(self) -> Tensor:
        """Gradient of the logit by the last feature maps, flattened: the product of the three FC matrices."""
        return (self.fc3.weight[1] - self.fc3.weight[0]) @ self.fc2.weight @ self.fc1.weight


class _Pool(nn.MaxPool2d):
    """Of 3x3 and stride 2; the last window may pass the border, as Caffe has it: 62 -> 31, 29 -> 14."""

    def __init__(self) -> None:
        super().__init__(3, stride=2, ceil_mode=True)


def _stage(inputs: int, outputs: int, padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=padding), _Pool(), nn.ReLU(), nn.BatchNorm2d(outputs)]


def _map_side(side: int) -> int:
    for lost in (0, 2, 2, 0):  # px that the convolution of each stage takes away
        side = math.ceil((side - lost - 3) / 2) + 1
    return side


def _fill(layer: nn.Module) -> None:
    """Weights uniform with variance 1 / inputs, biases 0."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        bound = math.sqrt(3 / layer.weight[0].numel())
        nn.init.uniform_(layer.weight, -bound, bound)
        nn.init.zeros_(layer.bias)
