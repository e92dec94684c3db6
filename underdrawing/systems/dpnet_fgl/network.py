"""DPNet: a spatial and a frequency stream, gated fusion, an embedding of every place, graph convolution.

    faces -+-> spatial stream ---+-> gated fusion -> x_i = bn(P f_i) -> graph convolution -> mean -> logit
           +-> frequency stream -+                   embedding of place i

All sizes are our reading (README, Departures). The graph layers have neither bias nor normalization, so with
the adjacency held fixed the logit is the sum of `heat` and the classifier's bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.resnet18 import TrunkConfig, inner_maps, normalized
from underdrawing.nets.trunks import build_trunk
from underdrawing.systems.dpnet_fgl.frequency import FrequencyStream
from underdrawing.systems.dpnet_fgl.graph_convolution import GraphConvolution


@dataclass(frozen=True)
class Config:
    """Sizes of DPNet; the released ones are what a processor core trains."""

    side: int = 128
    """Sides of the faces, px; a multiple of 32."""
    width: int = 12
    """w: channels of the trunk's first stage; the last maps of both streams have 4 w."""
    lite: bool = False
    """Whether the trunk of the spatial stream is that of EfficientNet-Lite0; see TrunkConfig."""
    kernels: int = 4
    """K: kernels of a dynamic convolution."""
    embedding: int = 96
    """Length of the embedding of a place."""
    neighbours: int = 16
    """Places that a place is connected to, itself among them."""
    graph_layers: int = 2
    """Graph convolutions; 0: none."""
    spatial: bool = True
    """Whether there is a spatial stream."""
    frequency: bool = True
    """Whether there is a frequency stream."""


RELEASED = Config(lite=True)
"""Of the released weights."""


class SpatialStream(nn.Module):
    """(B, 3, S, S) RGB in 0..255 -> (B, 4 w, S/16, S/16): a trunk, its last two stages mixed at 1/16."""

    def __init__(self, width: int, lite: bool) -> None:
        super().__init__()
        trunk = TrunkConfig(width, lite=lite)
        self.trunk, self.lite = build_trunk(trunk), lite
        self.mixing = nn.Sequential(
            nn.Conv2d(sum(trunk.stages[2:]), 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU()
        )

    def forward(self, faces: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The maps, and those within the trunk."""
        stages = self.trunk(normalized(faces))
        last = stages[3] if self.lite else F.interpolate(stages[3], scale_factor=2)
        return self.mixing(torch.cat([stages[2], last], 1)), inner_maps([stages])


class GatedFusion(nn.Module):
    """f = g s + (1 - g) q, g = sigmoid(conv1x1([s, q])): maps (B, C, h, w) of two streams -> one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, s: Tensor, q: Tensor) -> Tensor:
        gate = self.gate(torch.cat([s, q], 1)).sigmoid()
        return q + gate * (s - q)


class DPNet(nn.Module):
    """Faces (B, 3, S, S) float32, RGB in 0..255 -> FaceOutputs; `heat` is (B, S/16, S/16)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        assert config.spatial or config.frequency
        self.config = config
        channels = 4 * config.width
        self.spatial = SpatialStream(config.width, config.lite) if config.spatial else None
        self.frequency = FrequencyStream(config.width, config.kernels) if config.frequency else None
        self.fusion = GatedFusion(channels) if config.spatial and config.frequency else None
        self.projection = nn.Sequential(
            nn.Conv2d(channels, config.embedding, 1, bias=False), nn.BatchNorm2d(config.embedding)
        )
        self.graph = nn.ModuleList(
            GraphConvolution(config.embedding, config.neighbours) for _ in range(config.graph_layers)
        )
        self.classifier = nn.Linear(config.embedding, 1)

    def forward(self, faces: Tensor) -> FaceOutputs:
        parts, streams = {}, []
        if self.spatial is not None:
            maps, parts = self.spatial(faces)
            streams.append(maps)
        if self.frequency is not None:
            parts["maps.frequency"] = self.frequency(faces)
            streams.append(parts["maps.frequency"])
        maps = self.projection(self.fusion(*streams) if self.fusion else streams[0])
        places = maps.flatten(2).transpose(1, 2)  # (B, N, D)
        x, steps = places, []
        for layer in self.graph:
            x, adjacency, active = layer(x)
            steps.append((layer, adjacency, active))
        embedding = x.mean(1)
        with torch.no_grad():
            gradient = (self.classifier.weight / x.shape[1]).expand_as(x)
            for layer, adjacency, active in reversed(steps):
                gradient = layer.gradient(gradient, adjacency, active)
            heat = (gradient * places).sum(2).unflatten(1, maps.shape[2:])
        logit = self.classifier(embedding).squeeze(1)
        return FaceOutputs(logit, embedding, heat, parts | {"maps.places": maps})
