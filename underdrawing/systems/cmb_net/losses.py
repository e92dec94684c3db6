"""Losses of CMB-Net, the first two as in the authors' code (loss.py).

    wBCE  mean of v BCE(z, g), v = 0.5 on authentic and 2.5 on manipulated pixels
    Dice  1 - (2 sum p g + 1) / (sum p^2 + sum g^2 + 1), p = sigmoid(z), per image, then the mean
    L     sum over scales of 2^-i (wBCE(mask_i) + Dice(mask_i) + wBCE(edge_i))         i = 0 is the finest

The labels are 1 manipulated, 0 authentic, -1 neither; pixels of -1 count nowhere.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

AUTHENTIC_WEIGHT, MANIPULATED_WEIGHT = 0.5, 2.5  # loss.py
SMOOTH = 1.0  # loss.py


def weighted_bce(logits: Tensor, labels: Tensor) -> Tensor:
    """wBCE of logits and labels (B, 1, h, w); 0 where no pixel has a label."""
    known, target = (labels >= 0).float(), labels.clamp(min=0)
    weight = known * (AUTHENTIC_WEIGHT + (MANIPULATED_WEIGHT - AUTHENTIC_WEIGHT) * target)
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (weight * loss).sum() / known.sum().clamp(min=1)


def dice(logits: Tensor, labels: Tensor) -> Tensor:
    """Dice loss of logits and labels (B, 1, h, w)."""
    known = (labels >= 0).float()
    p, g = (known * logits.sigmoid()).flatten(1), labels.clamp(min=0).flatten(1)
    overlap = 2 * (p * g).sum(1) + SMOOTH
    return (1 - overlap / ((p * p).sum(1) + (g * g).sum(1) + SMOOTH)).mean()


def edges(labels: Tensor) -> Tensor:
    """Labels of edges: 1 where a 3x3 window has both classes, -1 where it has pixels of neither, else 0."""
    largest = F.max_pool2d(labels, 3, 1, 1)
    smallest = -F.max_pool2d(-labels, 3, 1, 1)
    return (largest - smallest).clamp(max=1).masked_fill(smallest < 0, -1)


def at_scale(labels: Tensor, side: tuple[int, int]) -> Tensor:
    """Labels of coarser cells: of the majority of the labelled pixels; -1 where none has a label."""
    known = F.adaptive_avg_pool2d((labels >= 0).float(), side)
    share = F.adaptive_avg_pool2d(labels.clamp(min=0), side) / known.clamp(min=1e-6)
    return (share >= 0.5).float().masked_fill(known == 0, -1)


def deep_supervision(parts: dict[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
    """L by its three terms. labels (B, 1, h, w) of the finest scale."""
    count = sum(name.startswith("mask.") for name in parts)
    terms = {name: torch.zeros(()) for name in ("bce", "dice", "edge")}
    for i in range(count):
        mask, edge = parts[f"mask.{i}"], parts[f"edge.{i}"]
        target = at_scale(labels, mask.shape[2:]) if i else labels
        terms["bce"] = terms["bce"] + weighted_bce(mask, target) / 2**i
        terms["dice"] = terms["dice"] + dice(mask, target) / 2**i
        terms["edge"] = terms["edge"] + weighted_bce(edge, edges(target)) / 2**i
    return terms
