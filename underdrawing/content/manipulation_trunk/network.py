"""Encoder of four scales for traces of manipulations, which the localizers share.

    RGB -> residuals, their energies, colours at 1/2 (stem.py) -> conv3x3, stride 2 -> four stages of blocks

    stage     1      2      3       4
    maps      24     48     96      128
    sides     1/4    1/8    1/16    1/32

The last two stages add the mean over the picture to each place (f + W mean(f)): a manipulated region is what
differs from the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.model import WEIGHTS
from underdrawing.content.manipulation_trunk.stem import ResidualStem
from underdrawing.nets.loading import load_network
from underdrawing.nets.resnet18 import BasicBlock
from underdrawing.nets.weights import TRUNK, read_metadata

STRIDES = (4, 8, 16, 32)
CHANNELS = (24, 48, 96, 128)
"""Of the released maps."""


@dataclass(frozen=True)
class Config:
    """Size of the trunk."""

    channels: tuple[int, ...] = CHANNELS
    """Of the maps of the four stages."""
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    """Residual blocks of each stage."""


class ManipulationTrunk(nn.Module):
    """(B, 3, H, W) float32, RGB in 0..255, H and W multiples of 32 -> four maps (B, C_i, H/s, W/s).

    s: of STRIDES.
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        first = config.channels[0]
        self.residuals = ResidualStem()
        self.stem = nn.Sequential(
            nn.BatchNorm2d(ResidualStem.maps),
            nn.Conv2d(ResidualStem.maps, first, 3, 2, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        stages, inner = [], first
        for number, (channels, count) in enumerate(zip(config.channels, config.blocks, strict=True)):
            blocks: list[nn.Module] = [
                BasicBlock(inner if b == 0 else channels, channels, 2 if b == 0 and number else 1, None)
                for b in range(count)
            ]
            if number >= 2:
                blocks.append(Context(channels))
            stages.append(nn.Sequential(*blocks))
            inner = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(self.residuals(images))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Context(nn.Module):
    """f + W mean(f) over the picture, (B, C, h, w) -> the same shape; W is zero at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.conv.weight)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.conv(maps.mean((2, 3), keepdim=True))


def load_trunk(weights: Path = WEIGHTS) -> ManipulationTrunk:
    """The trained trunk for inference. WeightsError where the file is missing or holds none."""

    def config(**of_network: object) -> Config:
        stored = json.loads(read_metadata(weights)["trunk"])
        return Config(**{name: tuple(value) for name, value in stored.items()})

    return load_network(weights, config, ManipulationTrunk, TRUNK)
