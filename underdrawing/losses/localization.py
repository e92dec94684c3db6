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


def balanced_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy; small regions count as much as large ones.

    Half of it is the mean over the manipulated cells of a picture that has some, half that over the authentic
    cells of a picture; then the means over pictures.
    """
    losses = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    (of_manipulated, some), (of_authentic, _) = (_by_picture(losses, labels == value) for value in (1, 0))
    return 0.5 * (of_manipulated.sum() / some.sum().clamp(min=1) + of_authentic.mean())


def ranking_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-ln sigmoid of the lead of manipulated cells over the same cells of the authentic picture.

    The authentic picture of each pair follows the manipulated one in the batch. Mean over the cells of a
    pair, then over the pairs that have some. What both pictures show has no part in it.
    """
    pairs = logits.unflatten(0, (-1, 2))
    lead, some = _by_picture(F.softplus(pairs[:, 1] - pairs[:, 0]), labels[::2] == 1)
    return lead.sum() / some.sum().clamp(min=1)


def _by_picture(losses: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) mean of the chosen cells, 0 without any, and 1 where there are some."""
    chosen = chosen.float()
    count = chosen.sum((1, 2, 3))
    return (losses * chosen).sum((1, 2, 3)) / count.clamp(min=1), (count > 0).float()


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - Dice of the cells with labels of the whole batch; 0 where none is manipulated."""
    known, positive = (labels >= 0).float(), labels.clamp(min=0)
    p = logits.sigmoid() * known
    overlap = (2 * (p * positive).sum() + 1) / ((p + positive).sum() + 1)
    return (1 - overlap) * (positive.sum() > 0)


def dice_by_picture(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - Dice of the cells with labels of each picture that has manipulated ones, mean; 0 without any.

    F1 is a mean over pictures, and its best threshold differs between them: here each picture has to set its
    own level, where `dice_loss` prices them together.
    """
    p = logits.sigmoid() * (labels >= 0)
    positive = (labels == 1).float()
    overlap, both = (x.sum((1, 2, 3)) for x in (p * positive, p + positive))
    some = positive.amax((1, 2, 3))
    return ((1 - (2 * overlap + 1) / (both + 1)) * some).sum() / some.sum().clamp(min=1)


def picture_loss(logits: Tensor, manipulated: Tensor) -> Tensor:
    """Binary cross-entropy of the mean of the largest 5 % of the logits of each picture."""
    cells = logits.flatten(1)
    top = cells.topk(max(1, round(_TOP * cells.shape[1])), 1).values.mean(1)
    return F.binary_cross_entropy_with_logits(top, manipulated)


def regional_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Selective regional supervision: cross entropy inside the boxes of faces alone, (N, h, w).

    labels: 1 forged, 0 authentic, -1 outside of the boxes. Both classes that are there weigh the same.
    """
    each = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    classes = [each[labels == value].mean() for value in (0, 1) if (labels == value).any()]
    return sum(classes[1:], classes[0]) / len(classes)
