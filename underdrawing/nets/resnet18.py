"""ResNet-18 without its classifier (He et al. 2016, table 1): maps of a picture at 1/32 of its sides.

    stem -> 4 stages of 2 basic blocks, w, 2w, 4w, 8w channels, w = 64 as published

    stem        layers, down to 1/4 of the sides
    published   7x7 convolution of stride 2, pooling
    magnitudes  means of ln(1 + g |x|) and of x over 2x2 px, 3x3 convolution of stride 2

    basic block:  relu( attention( bn(conv3x3( relu(bn(conv3x3(x))) )) ) + shortcut(x) )

`attention` is the place where a system adds its own module; without one it is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

STAGES = 4
LITE_CHANNELS = (24, 40, 80, 112)
"""Maps of nets.lite_trunk.LiteTrunk."""
_LITE_STRIDE = 16  # of sides that are multiples of it
PUBLISHED_WIDTH = 64
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue on [0, 1]."""


@dataclass(frozen=True)
class TrunkConfig:
    """Size of a trunk."""

    width: int = PUBLISHED_WIDTH
    """Channels of the first stage; each later one has twice as many."""
    stem: Literal["published", "magnitudes"] = "published"
    """What stands before the first stage; "magnitudes": how strong traces are, for inputs that are traces."""
    gain: float = 1.0
    """g of the stem "magnitudes": 8-bit levels in a unit of the input."""
    lite: bool = False
    """Whether the stages are those of EfficientNet-Lite0 (nets.lite_trunk), whatever `width` is."""

    @property
    def stages(self) -> tuple[int, ...]:
        """Channels of the maps of the four stages."""
        return LITE_CHANNELS if self.lite else tuple(self.width << stage for stage in range(STAGES))

    @property
    def channels(self) -> int:
        """Of the last maps."""
        return self.stages[-1]

    def map_side(self, side: int) -> int:
        """Side of the last maps of a picture of `side` px."""
        if self.lite:
            return side // _LITE_STRIDE
        for _ in range(STAGES + 1):
            side = (side + 1) // 2
        return side


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch normalization and a shortcut; (B, C, H, W) -> (B, wanted, H/s, W/s)."""

    def __init__(self, channels: int, wanted: int, stride: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, wanted, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wanted)
        self.conv2 = nn.Conv2d(wanted, wanted, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wanted)
        self.attention = attention or nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != wanted:
            conv = nn.Conv2d(channels, wanted, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(wanted))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn1(self.conv1(x)).relu()
        return (self.attention(self.bn2(self.conv2(inner))) + self.shortcut(x)).relu()


class Magnitudes(nn.Module):
    """(B, C, H, W) -> (B, 2 C, H/2, W/2): means of ln(1 + g |x|), and of x, over 2x2 px.

    A trace of manipulation is a change of the strength of noise, rarely of its sign, and strengths are what a
    convolution on x learns slowly. No parameters.
    """

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain, self.pool = gain, nn.AvgPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.pool((self.gain * x).abs().log1p()) - 1, self.pool(x)], 1)


class ResNet18(nn.Module):
    """(B, inputs, H, W) -> maps of the four stages; first weights by He et al. 2015 (fan out, ReLU).

    attention: channels -> a new module, called once a block.
    """

    def __init__(
        self, config: TrunkConfig, *, inputs: int = 3, attention: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.config, width = config, config.width
        kernel = 7 if config.stem == "published" else 3
        self.magnitudes = Magnitudes(config.gain) if config.stem == "magnitudes" else nn.Identity()
        inputs = 2 * inputs if config.stem == "magnitudes" else inputs
        self.conv = nn.Conv2d(inputs, width, kernel, 2, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, 1) if config.stem == "published" else nn.Identity()
        blocks, channels = [], width
        for stage in range(STAGES):
            wanted = width << stage
            for stride in (1 if stage == 0 else 2, 1):
                blocks.append(BasicBlock(channels, wanted, stride, attention(wanted) if attention else None))
                channels = wanted
        self.blocks = nn.Sequential(*blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps behind each of the four stages, (B, w, H/4, W/4) to (B, 8w, H/32, W/32) as published."""
        x = self.pool(self.bn(self.conv(self.magnitudes(x))).relu())
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number % 2:
                maps.append(x)
        return maps


def inner_maps(trunks: list[list[Tensor]]) -> dict[str, Tensor]:
    """Maps of the second and third stages of each trunk by name, for FaceOutputs.parts: they learn from the
    masks (train.classify)."""
    return {f"maps.{t}-{stage}": maps[stage] for t, maps in enumerate(trunks) for stage in (1, 2)}


def start_trunk(trunk: nn.Module, start: nn.Module) -> None:
    """Copy the parameters of a trained trunk; attention modules and a stem with other inputs keep theirs."""
    mine = trunk.state_dict()
    fitting = {n: v for n, v in start.state_dict().items() if n in mine and mine[n].shape == v.shape}
    trunk.load_state_dict(mine | fitting)


def normalized(faces: Tensor) -> Tensor:
    """(B, 3, H, W) RGB in 0..255 with the mean and the standard deviation of ImageNet taken out."""
    mean, std = (torch.tensor(values).view(3, 1, 1) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (faces - mean) / std
