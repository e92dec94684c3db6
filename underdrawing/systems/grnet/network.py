"""GRnet: a trunk on the face and a trunk on its guided residual, fused by attention.

Guo et al., "Exposing Deepfake Face Forgeries with Guided Residuals", IEEE Transactions on Multimedia, 2023.

    x --------> ResNet-18 -> f_1 -> M f_1 = f'_1 ----+
                                                     +--> alpha_1 f'_1 + alpha_2 f'_2 = F -> mean -> linear
    x -> MTE -> ResNet-18 -> f_2 -> M f_2 = f'_2 ----+

The linear layer classifies real and forged. Training adds a linear layer on each f', for the losses L_1, L_2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.resnet18 import PUBLISHED_WIDTH, TrunkConfig, inner_maps, normalized
from underdrawing.nets.trunks import build_trunk
from underdrawing.systems.grnet.afm import ChannelAttention, EqualWeighting, LossWeighting, TrainedWeighting
from underdrawing.systems.grnet.mte import ManipulationTraces

Weighting = LossWeighting | TrainedWeighting | EqualWeighting


@dataclass(frozen=True)
class Config:
    """Architecture. The paper's input side and filter are unknown: `side`, `radius`, `eps` are readings."""

    side: int = 299
    """Of the input, px."""
    width: int = PUBLISHED_WIDTH
    """Channels of the first stage of each trunk."""
    stem: Literal["published", "magnitudes"] = "published"
    """Of the trunk on the residual; see TrunkConfig."""
    lite: bool = False
    """Whether the trunks are those of EfficientNet-Lite0; see TrunkConfig."""
    radius: int = 2
    """r of the guided filter, px."""
    eps: float = 0.05**2
    """Of the guided filter, on [0, 1]: variances far below are smoothed, and so belong to the residual."""
    residual_attention: bool = False
    """True: f + beta f', as in DANet (Fu et al. 2019), where the paper has f'."""
    alpha: Literal["smaller_loss", "larger_loss", "trained", "equal"] = "smaller_loss"
    """Weights of the streams: from their losses, the larger weight for the named one; trained; or 1/2."""
    alpha_decay: float = 0.99
    """Of the average over batches that weights inputs without labels."""

    def weighting(self) -> Weighting:
        """The module for `alpha`."""
        if self.alpha == "trained":
            return TrainedWeighting()
        if self.alpha == "equal":
            return EqualWeighting()
        return LossWeighting(-1 if self.alpha == "smaller_loss" else 1, self.alpha_decay)


RELEASED = Config(side=128, stem="magnitudes", lite=True, residual_attention=True)
"""Of the recipe `lean`, and of the graph beside the weights."""


class GRNet(nn.Module):
    """(B, 3, side, side) float32, RGB in 0..255 -> FaceOutputs; the embedding is the mean of F.

    parts: "means" (B, 2, C), means of f'_1 and f'_2, which the streams' own classifiers of the training use.
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        trunk = TrunkConfig(config.width, lite=config.lite)
        traces = TrunkConfig(config.width, config.stem, lite=config.lite)
        self.mte = ManipulationTraces(config.radius, config.eps)
        self.trunks = nn.ModuleList([build_trunk(trunk), build_trunk(traces)])
        self.attention = nn.ModuleList([ChannelAttention(config.residual_attention) for _ in range(2)])
        self.head = nn.Linear(trunk.channels, 2)
        self.weighting = config.weighting()

    def forward(self, faces: Tensor) -> FaceOutputs:
        inputs = normalized(faces), self.mte(faces)
        stages = [trunk(x) for trunk, x in zip(self.trunks, inputs, strict=True)]
        maps = [a(each[-1]) for a, each in zip(self.attention, stages, strict=True)]
        means = torch.stack([x.mean((2, 3)) for x in maps], 1)
        alpha = self.weighting.alpha
        parts = {"means": means, **inner_maps(stages)}
        return FaceOutputs(*self.classified(means, alpha), self._heat(maps, alpha), parts)

    def classified(self, means: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Logit (B,) and mean (B, C) of F = sum of alpha_i f'_i, by the means (B, 2, C) of the f'_i."""
        fused = (alpha[:, None] * means).sum(1)
        real, forged = self.head(fused).unbind(1)
        return forged - real, fused

    def _heat(self, maps: list[Tensor], alpha: Tensor) -> Tensor:
        """(B, h, w): the gradient, weights of the head over the number of positions, times F."""
        fused = (alpha[0] * maps[0] + alpha[1] * maps[1]).detach()
        weights = (self.head.weight[1] - self.head.weight[0]).detach().view(-1, 1, 1)
        return (fused * weights).sum(1) / (fused.shape[2] * fused.shape[3])
