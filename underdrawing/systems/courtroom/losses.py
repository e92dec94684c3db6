"""Losses of the streams and of the judge, in three stages of one training.

    stage      share of the run     trained                       by
    streams    up to judge_from     streams, edge head, debate    L_streams
    judge      up to joint_from     judge, streams frozen         L_judge
    joint      the rest             both, at the last rates       L_streams + L_judge

    L_streams = BCE + 1 - J of p against m and of d against 1 - m, at each level and after the debate
                + BCE of the edge
    L_judge   = -mean(A ln pi(a)) + .5 mean((V - r)^2) - .01 mean(H(pi))
                + lambda (1 - J(final)) + BCE(z + revision)

a: sampled; A = r - V without gradient; means over uncertain blocks; r and J: reward.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.systems.courtroom import judge
from underdrawing.systems.courtroom.reward import rewards, soft_iou
from underdrawing.train.localize import LocalizeBatch

_LEVEL = 0.25  # weight of the terms of one level before the debate


@dataclass(frozen=True)
class Trial:
    """Settings of the losses and of the stages; the abstract states none."""

    judge_from: float = 0.55
    """Share of the run after which the streams are frozen and the judge is trained."""
    joint_from: float = 0.85
    """Share of the run after which both are trained; the cosine schedule makes its rates low."""
    edge: float = 0.5
    """Weight of the cross-entropy of the edge."""
    local: float = 0.25
    """Weight in the reward of the fall of the cross-entropy of a block."""
    exploration: float = 0.01
    """Weight of the entropy of the policy, nats."""
    soft_iou: float = 1.0
    """lambda."""


@dataclass(frozen=True)
class Truth:
    """Labels of a batch, at the positions of the finest maps."""

    target: Tensor
    """m, (B, 1, h, w) of 0 and 1."""
    known: Tensor
    """(B, 1, h, w): 0 where there is no label."""

    @classmethod
    def of(cls, batch: LocalizeBatch) -> Truth:
        """By the labels of the recipe's supervision."""
        return cls((batch.labels > 0).float(), (batch.labels >= 0).float())

    def at(self, level: int) -> Truth:
        """Shares of a coarser level; positions without any label stay unknown."""
        side = 2**level
        known = F.avg_pool2d(self.known, side)
        return Truth(F.avg_pool2d(self.target * self.known, side) / known.clamp(min=1e-6), known)

    def cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the labelled positions, nats."""
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (loss * self.known).sum() / self.known.sum().clamp(min=1)

    def region(self, logits: Tensor, target: Tensor) -> Tensor:
        """BCE + 1 - J: of the manipulated region, target m, or of the authentic one, target 1 - m."""
        return self.cross_entropy(logits, target) + 1 - soft_iou(logits.sigmoid(), target, self.known).mean()


def edge_of(target: Tensor) -> Tensor:
    """Dilation minus erosion by 3 x 3 of a mask (B, 1, h, w): 1 on both sides of its border."""
    return F.max_pool2d(target, 3, 1, 1) + F.max_pool2d(-target, 3, 1, 1)


def stream_terms(parts: dict[str, Tensor], truth: Truth, trial: Trial) -> dict[str, Tensor]:
    """L_streams by its parts."""
    terms = {
        "prosecution": truth.region(parts["prosecution"], truth.target),
        "defence": truth.region(parts["defence"], 1 - truth.target),
        "edge": trial.edge * truth.cross_entropy(parts["edge"], edge_of(truth.target)),
    }
    levels = []
    for level in range(sum(name.startswith("prosecution.") for name in parts)):
        at = truth.at(level)
        levels += [
            at.region(parts[f"prosecution.{level}"], at.target),
            at.region(parts[f"defence.{level}"], 1 - at.target),
        ]
    return {**terms, "levels": _LEVEL * torch.stack(levels).sum()}


def sampled(actions: Tensor, rng: np.random.Generator) -> Tensor:
    """One action (B, 1, rows, cols) for each block, drawn by the policy's logits (B, A, rows, cols)."""
    noise = torch.from_numpy(rng.gumbel(size=tuple(actions.shape))).to(actions)
    return (actions.detach() + noise).argmax(1, keepdim=True)


def policy_terms(
    parts: dict[str, Tensor], outcomes: Tensor, action: Tensor, truth: Truth, trial: Trial
) -> dict[str, Tensor]:
    """Policy gradient with a value baseline, value loss, entropy bonus."""
    uncertain = parts["uncertain"]
    of_all = rewards(outcomes.detach(), truth.target, truth.known, uncertain, trial.local)
    reward, value = of_all.gather(1, action), parts["value"]
    log_pi = parts["actions"].log_softmax(1)
    chosen = log_pi.gather(1, action)
    spread = -(log_pi.exp() * log_pi).sum(1, keepdim=True)

    def mean(x: Tensor) -> Tensor:
        return (x * uncertain).sum() / uncertain.sum().clamp(min=1)

    return {
        "policy": -mean((reward - value).detach() * chosen),
        "value": 0.5 * mean((value - reward) ** 2),
        "exploration": -trial.exploration * mean(spread),
    }


def judge_terms(
    parts: dict[str, Tensor], truth: Truth, step: float, trial: Trial, action: Tensor
) -> dict[str, Tensor]:
    """L_judge by its parts, for sampled actions. parts: those of the network, and "value"."""
    outcomes = judge.outcomes(parts["prosecution"], parts["defence"], parts["revision"], step)
    final = judge.applied(outcomes, action, parts["uncertain"]).sigmoid()
    objective = 1 - soft_iou(final, truth.target, truth.known).mean()
    z = judge.evidence(parts["prosecution"], parts["defence"]).detach()
    where = F.interpolate(parts["uncertain"], truth.known.shape[2:], mode="nearest")
    judged = Truth(truth.target, truth.known * where)
    return {
        **policy_terms(parts, outcomes, action, truth, trial),
        "soft_iou": trial.soft_iou * objective,
        "revision": judged.cross_entropy(z + parts["revision"], truth.target),
    }


def frozen(outputs: LocalizerOutputs) -> LocalizerOutputs:
    """Outputs whose streams get no gradient; the judge's state never has one."""
    own = ("revision", "actions", "blocks")
    parts = {name: x if name in own else x.detach() for name, x in outputs.parts.items()}
    return outputs._replace(parts=parts)
