"""What every network that localizes manipulations returns, and the interface of such networks.

    forward(images (B, 3, H, W) in 0..255, maps: list of the trunk's four, ...) -> LocalizerOutputs

H and W are multiples of 32, and cells are squares of 4 x 4 px.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

CELL = 4
"""Side of a cell of the outputs, px."""


class LocalizerOutputs(NamedTuple):
    """Outputs for images (B, 3, H, W) float32, RGB in 0..255."""

    logits: Tensor
    """(B, 1, H/4, W/4) "manipulated" minus "authentic", in nats before calibration."""
    reliability: Tensor
    """(B, 1, H/4, W/4) in [0, 1]: weight of the logit at that cell."""
    parts: dict[str, Tensor]
    """Other tensors, for the losses of the system; empty where it has none."""


def certainty(logits: Tensor) -> Tensor:
    """1 - H(p) / ln 2 for p = sigmoid(logits), in [0, 1]: the reliability of a network without its own."""
    p = logits.sigmoid()
    entropy = p * F.softplus(-logits) + (1 - p) * F.softplus(logits)
    return 1 - entropy / math.log(2)
