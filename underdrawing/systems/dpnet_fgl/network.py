"""DPNet: a spatial and a frequency stream, gated fusion, an embedding of every place, graph convolution.

    faces -+-> spatial stream ---+-> gated fusion -> x_i = bn(P f_i) -> graph convolution -> mean -> logit
           +-> frequency stream -+                   embedding of place i

All sizes are our reading (README, Departures). The graph layers have neither bias nor normalization, so with
the adjacency held fixed the logit is the sum of `heat` and the classifier's bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.resnet18 import BasicBlock
from underdrawing.systems.dpnet_fgl.frequency import FrequencyStream
from underdrawing.systems.dpnet_fgl.graph_convolution import GraphConvolution

STRIDE = 16
"""Pixels between two places of the last maps."""


@dataclass(frozen=True)
class Config:
    """Sizes of DPNet; the released ones are what a processor core trains."""

    side: int = 128
    """Sides of the faces, px; a multiple of 16."""
    width: int = 16
    """w: channels of the stem; the last maps of both streams have 8 w."""
    blocks: tuple[int, int, int] = (1, 1, 1)
    """Basic blocks of the spatial stream at 1/4, 1/8 and 1/16 of the sides."""
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


class SpatialStream(nn.Sequential):
    """(B, 3, S, S) in [-1, 1] -> (B, 8 w, S/16, S/16): a stem, then three stages of basic blocks."""

    def __init__(self, config: Config) -> None:
        channels = config.width
        stem = nn.Conv2d(3, channels, 3, 2, 1, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm2d(channels), nn.ReLU()]
        for count in config.blocks:
            layers.append(BasicBlock(channels, 2 * channels, 2, None))
            channels *= 2
            layers += [BasicBlock(channels, channels, 1, None) for _ in range(count - 1)]
        super().__init__(*layers)


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
        channels = 8 * config.width
        self.spatial = SpatialStream(config) if config.spatial else None
        self.frequency = FrequencyStream(config.width, config.kernels) if config.frequency else None
        self.fusion = GatedFusion(channels) if config.spatial and config.frequency else None
        self.projection = nn.Sequential(
            nn.Conv2d(channels, config.embedding, 1, bias=False), nn.BatchNorm2d(config.embedding)
        )
        self.graph = nn.ModuleList(
            GraphConvolution(config.embedding, config.neighbours) for _ in range(config.graph_layers)
        )
        self.classifier = nn.Linear(config.embedding, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, faces: Tensor) -> FaceOutputs:
        parts = self._streams(faces)
        streams = list(parts.values())
        maps = self.projection(self.fusion(*streams) if self.fusion else streams[0])
        parts["maps.places"] = maps
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
        return FaceOutputs(self.classifier(embedding).squeeze(1), embedding, heat, parts)

    def _streams(self, faces: Tensor) -> dict[str, Tensor]:
        """The last maps (B, 8 w, S/16, S/16) of each stream, which the masks supervise as well."""
        parts = {}
        if self.spatial is not None:
            parts["maps.spatial"] = self.spatial(faces / 127.5 - 1)
        if self.frequency is not None:
            parts["maps.frequency"] = self.frequency(faces)
        return parts
