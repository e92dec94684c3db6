"""Rewards of the judge in closed form, and the best actions there are (oracle).

    J   = (I + e) / (U + e),  I = mean(q m),  U = mean(q + m - q m)        soft IoU of q, prob, with m, target
    g_k = (I + dI_k + e) / (U + dU_k + e) - J       an action in block k alone moves I by dI_k and U by dU_k
    r_k = n g_k + local (BCE before - BCE after, mean of the block)        n: uncertain blocks of the picture

The blocks are disjoint, so dI and dU add up: to first order the sum of g_k, which is the mean of n g_k, is
the change of J by all actions together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.systems.courtroom.judge import AVERAGE, BLOCK

SMOOTHING = 0.01
"""e: of the area. A picture without a target has J = .5 where 1 % of it is called manipulated."""
_ITERATIONS = 20  # of the oracle; three or four suffice


def soft_iou(prob: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """J (B,) of prob and target (B, 1, h, w) in [0, 1]; positions with known 0 do not count."""
    inter, union = _overlap(prob, target, known)
    return (inter.mean((1, 2, 3)) + SMOOTHING) / (union.mean((1, 2, 3)) + SMOOTHING)


def _overlap(prob: Tensor, target: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    inter = prob * target * known
    return inter, (prob + target) * known - inter


def _shifts(outcomes: Tensor, target: Tensor, known: Tensor) -> tuple[Tensor, ...]:
    """dI and dU of each action in each block (B, A, rows, cols), and I and U of no action (B, 1, 1, 1)."""
    inter, union = _overlap(outcomes.sigmoid(), target, known)
    places = outcomes.shape[2] * outcomes.shape[3] / BLOCK**2
    moved = [F.avg_pool2d(x - x[:, AVERAGE : AVERAGE + 1], BLOCK) / places for x in (inter, union)]
    before = [x[:, AVERAGE : AVERAGE + 1].mean((1, 2, 3), keepdim=True) + SMOOTHING for x in (inter, union)]
    return (*moved, *before)


@torch.no_grad()
def rewards(outcomes: Tensor, target: Tensor, known: Tensor, uncertain: Tensor, local: float) -> Tensor:
    """r (B, A, rows, cols) of every action in every block; that of "average" is 0.

    outcomes: (B, A, h, w) logits; target, known: (B, 1, h, w); uncertain: (B, 1, rows, cols). local: weight
    of the fall of the cross-entropy, nats.
    """
    d_inter, d_union, inter, union = _shifts(outcomes, target, known)
    gain = (inter + d_inter) / (union + d_union) - inter / union
    costs = F.binary_cross_entropy_with_logits(outcomes, target.expand_as(outcomes), reduction="none") * known
    fall = F.avg_pool2d(costs[:, AVERAGE : AVERAGE + 1] - costs, BLOCK)
    return uncertain.sum((1, 2, 3), keepdim=True) * gain + local * fall


@torch.no_grad()
def oracle(outcomes: Tensor, target: Tensor, known: Tensor, uncertain: Tensor) -> Tensor:
    """The actions (B, 1, rows, cols) with the largest J that any choice reaches: upper bound of every judge.

    Dinkelbach's iteration for a ratio of sums: best actions by dI_k - J dU_k for the J of the last choice.
    "Average" has 0, so J never falls.
    """
    d_inter, d_union, inter, union = _shifts(outcomes, target, known)
    ratio = inter / union
    for _ in range(_ITERATIONS):
        best = (d_inter - ratio * d_union).argmax(1, keepdim=True)
        moved = [(x.gather(1, best) * uncertain).sum((1, 2, 3), keepdim=True) for x in (d_inter, d_union)]
        ratio = (inter + moved[0]) / (union + moved[1])
    return best
