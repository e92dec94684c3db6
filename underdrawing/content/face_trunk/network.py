"""A trunk on the picture and one on its residuals, with a linear head; a start for those of the detectors.

faces -+-> normalized -> trunk -------------------- mean -+
       +-> Residuals -> trunk on magnitudes ------- mean -+-> embedding -> linear -> logit

A trunk is ResNet-18 (nets/resnet18.py) or the first stages of EfficientNet-Lite0 (nets/lite_trunk.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.front_ends import Residuals
from underdrawing.nets.resnet18 import TrunkConfig, inner_maps, normalized
from underdrawing.nets.trunks import build_trunk


@dataclass(frozen=True)
class Config:
    """Size of the network."""

    width: int = 12
    """Channels of the first stage; 64 in ResNet-18."""
    lite: bool = False
    """See TrunkConfig."""


class FaceTrunk(nn.Module):
    """(B, 3, S, S) float32, RGB in 0..255 -> FaceOutputs; embedding: mean of the last maps."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        picture = TrunkConfig(config.width, lite=config.lite)
        traces = TrunkConfig(config.width, "magnitudes", lite=config.lite)
        self.residuals = Residuals()
        self.picture, self.traces = build_trunk(picture), build_trunk(traces, inputs=Residuals.maps)
        self.head = nn.Linear(2 * picture.channels, 1)

    def forward(self, faces: Tensor) -> FaceOutputs:
        stages = [self.picture(normalized(faces)), self.traces(self.residuals(faces))]
        maps = torch.cat([each[-1] for each in stages], 1)
        embedding = maps.mean((2, 3))
        heat = (maps.detach() * self.head.weight.detach()[0, :, None, None]).sum(1) / maps[0, 0].numel()
        return FaceOutputs(self.head(embedding)[:, 0], embedding, heat, inner_maps(stages))
