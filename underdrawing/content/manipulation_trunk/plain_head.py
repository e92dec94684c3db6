"""Plain head on the maps of the trunk: a feature pyramid (Lin et al., CVPR 2017) and one convolution.

    maps of a stage --1x1--> 32 maps  + those of the next stage at twice the side      from 1/32 down to 1/4
    1/4 --3x3, ReLU--> 1x1 -> logits

The trunk is trained with it. With masks it is what full supervision reaches on the trunk; with the labels of
pictures alone it is the floor of the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.model import WEIGHTS
from underdrawing.content.manipulation_trunk.network import CHANNELS
from underdrawing.judging.map_scorer import PREFIX
from underdrawing.nets.loading import load_network
from underdrawing.nets.localizer_outputs import LocalizerOutputs, certainty


@dataclass(frozen=True)
class HeadConfig:
    """Size of the head."""

    channels: tuple[int, ...] = CHANNELS
    """Of the maps of the trunk."""
    width: int = 32
    """Maps of the pyramid."""


class PlainHead(nn.Module):
    """images (B, 3, H, W) and the trunk's maps -> LocalizerOutputs; the images are not used.

    The reliability is that of the logits.
    """

    def __init__(self, config: HeadConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or HeadConfig()
        width = config.width
        self.lateral = nn.ModuleList([nn.Conv2d(channels, width, 1) for channels in config.channels])
        self.smooth = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, images: Tensor, maps: list[Tensor]) -> LocalizerOutputs:
        *finer, coarsest = [conv(x) for conv, x in zip(self.lateral, maps, strict=True)]
        pyramid = coarsest
        for level in reversed(finer):
            pyramid = level + F.interpolate(pyramid, scale_factor=2.0, mode="bilinear", align_corners=False)
        logits = self.head(self.smooth(pyramid))
        return LocalizerOutputs(logits, certainty(logits), {})


def load_head(weights: Path = WEIGHTS) -> PlainHead:
    """The trained head for inference. WeightsError where the file is missing or holds none."""
    return load_network(weights, _config, PlainHead, PREFIX)


def _config(channels: list[int], width: int) -> HeadConfig:
    return HeadConfig(tuple(channels), width)
