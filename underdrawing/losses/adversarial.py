"""Losses of generators and critics: least squares (Mao et al., 2017) and cross entropy.

Scores are maps of any shape, one value a patch; the means are over all of them. Targets: 1 real, 0 made.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def least_squares_fool(made_scores: Tensor) -> Tensor:
    """Generator: mean (1 - D(made))^2."""
    return (1 - made_scores).square().mean()


def least_squares_critic(real_scores: Tensor, made_scores: Tensor) -> Tensor:
    """Critic: mean D(made)^2 / 2 + mean (1 - D(real))^2 / 2."""
    return made_scores.square().mean() / 2 + (1 - real_scores).square().mean() / 2


def entropy_fool(made_logits: Tensor) -> Tensor:
    """Generator: cross entropy of generated samples with the label real."""
    return F.binary_cross_entropy_with_logits(made_logits, torch.ones_like(made_logits))


def entropy_critic(real_logits: Tensor, made_logits: Tensor) -> Tensor:
    """Critic: half the sum of the cross entropies of real and generated samples."""
    made = F.binary_cross_entropy_with_logits(made_logits, torch.zeros_like(made_logits))
    return (made + entropy_fool(real_logits)) / 2
