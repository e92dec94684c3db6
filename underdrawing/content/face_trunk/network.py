"""Trunk on the picture itself with a linear head: the plain classifier of the comparison, and a start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.loading import load_network
from underdrawing.nets.resnet18 import ResNet18, TrunkConfig, inner_maps, normalized, start_trunk

WEIGHTS = Path(__file__).parent / "weights/face-trunk.safetensors"


@dataclass(frozen=True)
class Config:
    """Size of the network."""

    width: int = 16
    """Channels of the first stage; 64 in ResNet-18."""


class FaceTrunk(nn.Module):
    """(B, 3, S, S) float32, RGB in 0..255 -> FaceOutputs; embedding: mean of the last maps."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        trunk = TrunkConfig(config.width)
        self.trunk, self.head = ResNet18(trunk), nn.Linear(trunk.channels, 1)

    def forward(self, faces: Tensor) -> FaceOutputs:
        stages = self.trunk(normalized(faces))
        maps = stages[-1]
        embedding = maps.mean((2, 3))
        heat = (maps.detach() * self.head.weight.detach()[0, :, None, None]).sum(1) / maps[0, 0].numel()
        return FaceOutputs(self.head(embedding)[:, 0], embedding, heat, inner_maps([stages]))


def start_from(*trunks: ResNet18, weights: Path = WEIGHTS) -> None:
    """Start trunks of the released width from the trained one; those of other widths stay as they are."""
    start = load_network(weights, Config, FaceTrunk, "network.").trunk
    for trunk in trunks:
        if trunk.conv.out_channels == start.conv.out_channels:
            start_trunk(trunk, start)
