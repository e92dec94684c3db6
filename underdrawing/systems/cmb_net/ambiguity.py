"""ITCAM, the image-text central ambiguity module: how much the text is to be trusted for this picture.

    picture -> N(m_v, s_v^2)        text -> N(m_t, s_t^2)                  k dimensions, independent
    D = mean over dimensions of (KL(v || t) + KL(t || v)) / 2              symmetric divergence, nats
    a = sigmoid(D) in [1/2, 1)      w = 2 (1 - a) in (0, 1]                ambiguity, weight of the text

The paper draws two Gaussians and the distance of their centres; sigmoid of the divergence is that of CAFE
(Chen et al. 2022), the factor 2 makes w = 1 where both agree. Without text w is exactly 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

MARGIN = 3.0  # divergence that a wrong text is pushed to: w = 0.09
_LOG_VARIANCE = 4.0


class Gaussian(NamedTuple):
    """Independent normal distributions."""

    mean: Tensor
    """(B, k)."""
    log_variance: Tensor
    """(B, k)."""


def symmetric_divergence(v: Gaussian, t: Gaussian) -> Tensor:
    """D (B,) >= 0: mean of (s_v^2 + d^2) / (4 s_t^2) + (s_t^2 + d^2) / (4 s_v^2) - 1/2, d = m_v - m_t."""
    squared = (v.mean - t.mean) ** 2
    ratio = (v.log_variance - t.log_variance).exp()
    forward = ratio + squared * (-t.log_variance).exp()
    backward = 1 / ratio + squared * (-v.log_variance).exp()
    return ((forward + backward) / 4 - 0.5).mean(1)


def weight(divergence: Tensor, present: Tensor) -> Tensor:
    """w (B,) of the text; present (B,) 0 or 1: whether there is any."""
    return 2 * (1 - divergence.sigmoid()) * present


def matching(divergence: Tensor, right: Tensor, present: Tensor) -> Tensor:
    """Mean over texts of D where the text is right, max(0, MARGIN - D) where it is wrong; 0 without texts."""
    loss = right * divergence + (1 - right) * (MARGIN - divergence).clamp(min=0)
    return (loss * present).sum() / present.sum().clamp(min=1)


class CentralAmbiguity(nn.Module):
    """Pooled features of picture and text (B, d) -> divergence (B,), weight (B,)."""

    def __init__(self, width: int, dimensions: int) -> None:
        super().__init__()
        self.picture = nn.Linear(width, 2 * dimensions)
        self.text = nn.Linear(width, 2 * dimensions)

    def forward(self, picture: Tensor, text: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        divergence = symmetric_divergence(_gaussian(self.picture(picture)), _gaussian(self.text(text)))
        return divergence, weight(divergence, present)


def _gaussian(parameters: Tensor) -> Gaussian:
    mean, log_variance = parameters.chunk(2, 1)
    return Gaussian(mean, _LOG_VARIANCE * torch.tanh(log_variance / _LOG_VARIANCE))
