"""GocNet: a trunk on gradients and a trunk with gradient attention, their last maps added.

Guo et al., "Rethinking Gradient Operator for Exposing AI-enabled Face Forgeries", ESWA 215, 2023.

    x -> TP -> ResNet-18 -------> average pool --+
                                                 +--> sum -> 4x4 map -> linear -> real, forged
    x -> ResNet-18 with MTA ----> average pool --+

Every step behind the last maps is linear, so the share of each position in the logit has a closed form.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.front_ends import FRONT_ENDS
from underdrawing.nets.resnet18 import PUBLISHED_WIDTH, TrunkConfig, inner_maps, normalized
from underdrawing.nets.trunks import build_trunk
from underdrawing.systems.gocnet.mta import GatedMTA, MTAGates

HEAD_SIDE = 4
"""Of the map that the linear layer reads, less for small inputs: 8192 = 512 * 4 * 4 weights per class in the
authors' code."""

_ATTENTION = {"replace": MTAGates, "gate": GatedMTA, "none": None}


@dataclass(frozen=True)
class Config:
    """Architecture; the defaults are published or, where marked, a reading."""

    side: int = 299
    """Of the input, px. A reading: 8192 weights allow 289 to 320."""
    width: int = PUBLISHED_WIDTH
    """Channels of the first stage of each trunk."""
    stem: Literal["published", "magnitudes"] = "published"
    """Of the first trunk; see TrunkConfig."""
    front_end: Literal["tp", "rgb", "srm", "bayar"] = "tp"
    """Of the first trunk."""
    mta: Literal["replace", "gate", "none"] = "replace"
    """Of the second trunk: what MTA's gates do. "replace" as in the authors' code."""
    one_trunk: bool = False
    """True: without the second trunk; for comparing front ends."""
    lite: bool = False
    """Whether the trunks are those of EfficientNet-Lite0; see TrunkConfig."""


RELEASED = Config(side=128, mta="gate", stem="magnitudes", lite=True)
"""Of the recipe `lean`, and of the graph beside the weights."""


class GocNet(nn.Module):
    """(B, 3, side, side) float32, RGB in 0..255 -> FaceOutputs; embedding: mean of the pooled maps."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.front_end = FRONT_ENDS[config.front_end]()
        traces = TrunkConfig(config.width, config.stem, gain=self.front_end.levels, lite=config.lite)
        self.trunk = build_trunk(traces, inputs=self.front_end.maps)
        trunk = TrunkConfig(config.width, lite=config.lite)
        self.mta_trunk = None if config.one_trunk else build_trunk(trunk, attention=_ATTENTION[config.mta])
        side = trunk.map_side(config.side)
        self.grid = min(HEAD_SIDE, side)
        self.window = side - self.grid + 1
        self.head = nn.Linear(trunk.channels * self.grid**2, 2)

    def forward(self, faces: Tensor) -> FaceOutputs:
        stages = [self.trunk(self.front_end(faces))]
        if self.mta_trunk is not None:
            stages.append(self.mta_trunk(normalized(faces)))
        maps = functools.reduce(torch.add, [each[-1] for each in stages])
        pooled = functional.avg_pool2d(maps, self.window, 1)
        real, forged = self.head(pooled.flatten(1)).unbind(1)
        return FaceOutputs(forged - real, pooled.mean((2, 3)), self._heat(maps), inner_maps(stages))

    def _heat(self, maps: Tensor) -> Tensor:
        """(B, h, w): the gradient, transposed pooling of the head's weights, times the maps."""
        weights = (self.head.weight[1] - self.head.weight[0]).view(-1, 1, self.grid, self.grid)
        window = torch.full((1, 1, self.window, self.window), self.window**-2.0)
        gradient = functional.conv_transpose2d(weights, window)
        return (maps.detach() * gradient.detach()[:, 0]).sum(1)
