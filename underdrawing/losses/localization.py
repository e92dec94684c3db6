"""Losses of logits of cells: with labels of cells, of regions, and of whole pictures.

Logits are (B, 1, h, w); labels of the same shape are 1 manipulated, 0 authentic, -1 none.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_TOP = 0.05  # share of the cells of a picture whose mean logit is that of the picture


def labelled_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of the cells with labels, mean; 0 without any."""
    known = (labels >= 0).float()
    losses = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - Dice of the cells with labels of the whole batch; 0 where none is manipulated."""
    known, positive = (labels >= 0).float(), labels.clamp(min=0)
    p = logits.sigmoid() * known
    overlap = (2 * (p * positive).sum() + 1) / ((p + positive).sum() + 1)
    return (1 - overlap) * (positive.sum() > 0)


def picture_loss(logits: Tensor, manipulated: Tensor) -> Tensor:
    """Binary cross-entropy of the mean of the largest 5 % of the logits of each picture."""
    cells = logits.flatten(1)
    top = cells.topk(max(1, round(_TOP * cells.shape[1])), 1).values.mean(1)
    return F.binary_cross_entropy_with_logits(top, manipulated)
