"""Meso-4: Afchar et al., "MesoNet: a compact facial video forgery detection network", WIFS 2018, sec. 2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs

SLOPE = 0.1
"""Of the leaky ReLU between the two dense layers."""


@dataclass(frozen=True)
class Config:
    """Size of the input."""

    side: int = 256
    """Sides of the input, px; a multiple of 32."""


class Meso4(nn.Module):
    """(B, 3, side, side) RGB in 0..255 -> FaceOutputs; 27,977 parameters at 256 px.

    x / 255 --> (conv ReLU BN pool) x 4 --> dropout, dense 16, leaky ReLU --> dropout, dense 1 --> logit
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.body = nn.Sequential(
            *_stage(3, 8, 3), *_stage(8, 8, 5), *_stage(8, 16, 5), *_stage(16, 16, 5, pool=4)
        )
        self.dense = nn.Linear(16 * (config.side // 32) ** 2, 16)
        self.last = nn.Linear(16, 1)
        self.dropout = nn.Dropout(0.5)
        self.to(memory_format=torch.channels_last)

    def forward(self, faces: Tensor) -> FaceOutputs:
        """Logit, embedding (B, 16) and contributions (B, side / 32, side / 32) to the logit."""
        third = self.body[:12]((faces / 255).contiguous(memory_format=torch.channels_last))
        features = self.body[12:](third)
        hidden = self.dense(self.dropout(features.flatten(1)))
        embedding = F.leaky_relu(hidden, SLOPE)
        logit = self.last(self.dropout(embedding))[:, 0]
        slopes = torch.where(hidden > 0, 1.0, SLOPE)
        gradient = (self.last.weight * slopes) @ self.dense.weight  # of the logit, by the features
        heat = (features * gradient.view_as(features)).sum(1)
        return FaceOutputs(
            logit=logit, embedding=embedding, heat=heat, parts={"maps.third": third, "maps.last": features}
        )


def _stage(inputs: int, outputs: int, kernel: int, pool: int = 2) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, padding="same")
    norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)  # the published code's, which is Keras
    return [conv, nn.ReLU(), norm, nn.MaxPool2d(pool)]
