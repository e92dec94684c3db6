"""Debate: K rounds in which each stream receives the other's map and revises its own logit.

    h    = tanh(conv1x1(f))                                 of each stream, before the first round
    x    = [sigmoid(own logit), sigmoid(other logit), c]
    r, u = sigmoid(conv([h, x]));  n = tanh(conv([r h, x]));  h <- (1 - u) h + u n      ConvGRU
    own logit <- own logit + conv1x1(h)                     zero change at the start of a training

Both streams share all parameters, so exchanged streams give exchanged answers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from underdrawing.systems.courtroom.streams import disagreement

_INPUTS = 3  # own, other, c


class ConvGRU(nn.Module):
    """Gated recurrent unit with 3x3 convolutions (Ballas et al. 2016).

    State (B, hidden, h, w) and input (B, inputs, h, w) -> next state.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(hidden + inputs, 2 * hidden, 3, padding=1)
        self.candidate = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)

    def forward(self, state: Tensor, x: Tensor) -> Tensor:
        reset, update = self.gates(torch.cat([state, x], 1)).sigmoid().chunk(2, 1)
        candidate = self.candidate(torch.cat([reset * state, x], 1)).tanh()
        return (1 - update) * state + update * candidate


class Debate(nn.Module):
    """Features and logits of both streams, at one resolution -> what K rounds add to p and to d."""

    def __init__(self, width: int, hidden: int, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds
        self.start = nn.Conv2d(width, hidden, 1)
        self.cell = ConvGRU(_INPUTS, hidden)
        self.change = nn.Conv2d(hidden, 1, 1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, f_p: Tensor, f_d: Tensor, p: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        """f (B, width, h, w), p and d (B, 1, h, w) -> changes of p and of d, (B, 1, h, w)."""
        state = self.start(torch.cat([f_p, f_d])).tanh()  # both streams in one batch
        first_p, first_d = p, d
        for _ in range(self.rounds):
            c, prob_p, prob_d = disagreement(p, d), p.sigmoid(), d.sigmoid()
            x = torch.cat([torch.cat([prob_p, prob_d, c], 1), torch.cat([prob_d, prob_p, c], 1)])
            state = self.cell(state, x)
            change_p, change_d = self.change(state).chunk(2)
            p, d = p + change_p, d + change_d
        return p - first_p, d - first_d
