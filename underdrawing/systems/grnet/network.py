"""GRnet: a trunk on the face and a trunk on its guided residual, fused by attention.

Guo et al., "Exposing Deepfake Face Forgeries with Guided Residuals", IEEE Transactions on Multimedia, 2023.

    x --------> ResNet-18 -> f_1 -> M f_1 = f'_1 -> mean -> linear -> L_1
    x -> MTE -> ResNet-18 -> f_2 -> M f_2 = f'_2 -> mean -> linear -> L_2
    alpha_1 f'_1 + alpha_2 f'_2 = F -> mean -> linear -> real, forged

F is linear in alpha and the classifier is linear in F: its logit is a weighted sum of one logit a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.resnet18 import PUBLISHED_WIDTH, ResNet18, TrunkConfig, inner_maps, normalized
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
    fine_stem: bool = False
    """See TrunkConfig."""
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


RELEASED = Config(side=128, width=16, residual_attention=True)
"""Of the released weights: what two processor cores train in an hour."""


class GRNet(nn.Module):
    """(B, 3, side, side) float32, RGB in 0..255 -> FaceOutputs; the embedding is the mean of F.

    parts: "streams" (B, 2), logits of the streams' own classifiers; "shares" (B, 2), logits that the
    classifier of F gives to f'_1 and f'_2 without its bias.
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        trunk = TrunkConfig(config.width, config.fine_stem)
        self.mte = ManipulationTraces(config.radius, config.eps)
        self.trunks = nn.ModuleList([ResNet18(trunk), ResNet18(trunk)])
        self.attention = nn.ModuleList([ChannelAttention(config.residual_attention) for _ in range(2)])
        self.stream_heads = nn.ModuleList([nn.Linear(trunk.channels, 2) for _ in range(2)])
        self.head = nn.Linear(trunk.channels, 2)
        self.weighting = config.weighting()

    def forward(self, faces: Tensor) -> FaceOutputs:
        inputs = normalized(faces), self.mte(faces)
        stages = [trunk(x) for trunk, x in zip(self.trunks, inputs, strict=True)]
        maps = [a(each[-1]) for a, each in zip(self.attention, stages, strict=True)]
        means = [x.mean((2, 3)) for x in maps]
        weight = self.head.weight[1] - self.head.weight[0]
        shares = torch.stack([mean @ weight for mean in means], 1)
        streams = [_logit(head(mean)) for head, mean in zip(self.stream_heads, means, strict=True)]
        alpha = self.weighting.alpha
        fused = (alpha[0] * maps[0] + alpha[1] * maps[1]).detach()
        return FaceOutputs(
            logit=self.fused_logit(shares, alpha),
            embedding=alpha[0] * means[0] + alpha[1] * means[1],
            heat=(fused * weight.detach().view(-1, 1, 1)).sum(1) / (fused.shape[2] * fused.shape[3]),
            parts={"streams": torch.stack(streams, 1), "shares": shares, **inner_maps(stages)},
        )

    def fused_logit(self, shares: Tensor, alpha: Tensor) -> Tensor:
        """(B,) logit of F = sum of alpha_i f'_i from the shares of the f'_i."""
        return shares @ alpha + self.head.bias[1] - self.head.bias[0]


def _logit(scores: Tensor) -> Tensor:
    return scores[:, 1] - scores[:, 0]
