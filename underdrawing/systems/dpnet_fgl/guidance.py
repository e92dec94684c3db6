"""Forgery Guided Learning (FGL) as meta-learning over kinds of forgery.

    K: known kinds of this step       u: the kind held out as pseudo-unknown

    theta' = theta - a grad L_K(theta)                          virtual step on the known kinds
    D      = 1 - cos(mu_K, mu_u)                                how differently the two are forged
    L      = L_K(theta) + (1 + D) L_u(theta')                   what is minimized

mu: mean embedding of the forged faces minus that of the real ones. The first-order form takes the gradient of
L_u at theta' as that at theta. The paper gives no equations: this is our reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Guidance:
    """Settings of FGL."""

    rate: float = 0.05
    """a: length of the virtual step."""
    second_order: bool = False
    """Whether the gradient passes through the virtual step, at about twice the cost."""


def virtual_step(loss: Tensor, parameters: Parameters, guidance: Guidance) -> tuple[Tensor, Parameters]:
    """The loss, ready for its backward pass, and theta'.

    In the first-order form the gradient is computed once: the loss returned has the value of `loss`, and
    its gradient as that of a linear function.
    """
    values = list(parameters.values())
    second = guidance.second_order
    gradients = torch.autograd.grad(loss, values, create_graph=second, retain_graph=second)
    pairs = list(zip(parameters.items(), gradients, strict=True))
    moved = {name: value - guidance.rate * gradient for (name, value), gradient in pairs}
    if not second:
        linear = [((value - value.detach()) * gradient).sum() for (_, value), gradient in pairs]
        loss = loss.detach() + torch.stack(linear).sum()
    return loss, moved


def difference(known: Tensor, unknown: Tensor) -> Tensor:
    """D in [0, 2] of two directions (D,), without gradient."""
    return 1 - F.cosine_similarity(known.detach(), unknown.detach(), dim=0)


def direction(embedding: Tensor, labels: Tensor) -> Tensor:
    """mu: mean embedding (D,) of the forged faces (label 1) minus that of the real ones (label 0)."""
    return embedding[labels > 0].mean(0) - embedding[labels == 0].mean(0)


def guided(
    parameters: Parameters,
    known: Callable[[Parameters], tuple[Tensor, Tensor]],
    unknown: Callable[[Parameters], tuple[Tensor, Tensor]],
    guidance: Guidance,
) -> dict[str, Tensor]:
    """The two terms of L. known, unknown: theta -> (loss, mu) on the faces of K and of u."""
    loss_known, mu_known = known(parameters)
    loss_known, moved = virtual_step(loss_known, parameters, guidance)
    loss_unknown, mu_unknown = unknown(moved)
    return {"known": loss_known, "unknown": (1 + difference(mu_known, mu_unknown)) * loss_unknown}
