"""Encoder of four scales for traces of manipulations, which the localizers share.

    RGB --first five stages of EfficientNet-Lite0--> 24 maps at 1/4, 40 at 1/8, 112 at 1/16   what is shown
        --residuals and their energies (stem.py)---> 24 maps at 1/4, 32 at 1/8,  48 at 1/16   how it was made
    both --1x1, residual block--> stages 1 to 3 --3x3, stride 2--> stage 4

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

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.model import WEIGHTS
from underdrawing.content.manipulation_trunk.stem import ResidualStem
from underdrawing.nets.efficientnet_lite import EfficientNetLite
from underdrawing.nets.loading import load_network
from underdrawing.nets.resnet18 import BasicBlock
from underdrawing.nets.weights import TRUNK, read_metadata

STRIDES = (4, 8, 16, 32)
CHANNELS = (24, 48, 96, 128)
"""Of the released maps."""
COLOURS = (24, 40, 112)
"""Maps of the stages of EfficientNet-Lite0 at 1/4, 1/8 and 1/16."""
_ENDS = (1, 2, 4)  # the stages that end at these sides


@dataclass(frozen=True)
class Config:
    """Size of the trunk."""

    channels: tuple[int, ...] = CHANNELS
    """Of the maps of the four stages."""
    blocks: tuple[int, ...] = (1, 1, 1)
    """Residual blocks of the first three stages."""
    traces: tuple[int, ...] = (24, 32, 48)
    """Maps of the residuals at 1/4, 1/8 and 1/16."""


class ColourStream(nn.Module):
    """(B, 3, H, W) float32, RGB in 0..255 -> three maps (B, C_i, H/s, W/s), C_i of COLOURS, s = 4, 8, 16."""

    def __init__(self, network: EfficientNetLite | None = None) -> None:
        """network: whose parameters the stream starts from; None: random ones."""
        super().__init__()
        network = network or EfficientNetLite()
        self.conv_stem, self.bn0 = network.conv_stem, network.bn0
        ends = [network.ends[stage] for stage in _ENDS]
        self.stages = nn.ModuleList(
            network.blocks[start:end] for start, end in zip([0, *ends], ends, strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        x = F.relu6(self.bn0(self.conv_stem((images - 127) / 128)))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class TraceStream(nn.Module):
    """(B, 3, H, W) float32, RGB in 0..255 -> three maps (B, C_i, H/s, W/s), s = 4, 8, 16."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        first = channels[0]
        self.residuals = ResidualStem()
        self.stem = nn.Sequential(
            nn.BatchNorm2d(ResidualStem.maps),
            nn.Conv2d(ResidualStem.maps, first, 3, 2, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        pairs = zip((first, *channels), channels, strict=False)
        self.stages = nn.ModuleList(
            BasicBlock(inner, outer, 2 if number else 1, None) for number, (inner, outer) in enumerate(pairs)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(self.residuals(images))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class ManipulationTrunk(nn.Module):
    """(B, 3, H, W) float32, RGB in 0..255, H and W multiples of 32 -> four maps (B, C_i, H/s, W/s).

    s: of STRIDES.
    """

    def __init__(self, config: Config | None = None, start: EfficientNetLite | None = None) -> None:
        """start: of the colours; None: random parameters."""
        super().__init__()
        self.config = config = config or Config()
        self.colours, self.traces = ColourStream(start), TraceStream(config.traces)
        *joined, last = config.channels
        sizes = zip(COLOURS, config.traces, joined, config.blocks, strict=True)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(colours + traces, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                *(BasicBlock(channels, channels, 1, None) for _ in range(count)),
            )
            for colours, traces, channels, count in sizes
        )
        self.stages[-1].append(Context(joined[-1]))
        self.last = nn.Sequential(
            nn.Conv2d(joined[-1], last, 3, 2, 1, bias=False), nn.BatchNorm2d(last), nn.ReLU(), Context(last)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        streams = zip(self.colours(images), self.traces(images), strict=True)
        maps = [stage(torch.cat(both, 1)) for stage, both in zip(self.stages, streams, strict=True)]
        return [*maps, self.last(maps[-1])]


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
