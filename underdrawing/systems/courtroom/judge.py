"""Judge: one action in each uncertain block of the picture, by a categorical policy.

    z = (p - d) / 2          evidence: mean of the logits p and -d
    H = entropy of sigmoid(z) in bits,   c = |sigmoid(p) - sigmoid(-d)|
    uncertain block: H > tau_h or c > tau_c at one of its positions; all others keep z
    actions: p | -d | z | z + re-inference | z + step | z - step

Re-inference reads the picture again at twice the resolution of the trunk's finest maps. It is computed
everywhere, and the action selects the blocks in which it counts: with crops, the shapes of a graph would
depend on the picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.localizer_outputs import certainty
from underdrawing.systems.courtroom.streams import disagreement

ACTIONS = ("accept prosecution", "accept defence", "average", "re-infer", "raise", "lower")
AVERAGE = ACTIONS.index("average")
"""The action that changes nothing."""
BLOCK = 4
"""Sides of a block in positions of the maps at 1/4: 16 px, so a position of the trunk's maps at 1/16."""


def entropy(logits: Tensor) -> Tensor:
    """Of sigmoid(logits), in bits: [0, 1]."""
    return 1 - certainty(logits)


def evidence(p: Tensor, d: Tensor) -> Tensor:
    """z = (p - d) / 2: what both streams together assert, as a logit "manipulated"."""
    return (p - d) / 2


def outcomes(p: Tensor, d: Tensor, revision: Tensor, step: float) -> Tensor:
    """Logits under each action, (B, len(ACTIONS), h, w), of p, d and revision (B, 1, h, w)."""
    z = evidence(p, d)
    return torch.cat([p, -d, z, z + revision, z + step, z - step], 1)


def uncertain_blocks(p: Tensor, d: Tensor, entropy_above: float, disagreement_above: float) -> Tensor:
    """(B, 1, h / 4, w / 4) float: 1 where one position of the block is uncertain."""
    positions = (entropy(evidence(p, d)) > entropy_above) | (disagreement(p, d) > disagreement_above)
    return F.max_pool2d(positions.float(), BLOCK)


def applied(outcomes: Tensor, action: Tensor, uncertain: Tensor) -> Tensor:
    """Logits (B, 1, h, w) after one action (B, 1, rows, cols) in each uncertain block; z in all others."""
    chosen = torch.where(uncertain > 0, action, torch.full_like(action, AVERAGE)).float()
    chosen = F.interpolate(chosen, scale_factor=float(BLOCK), mode="nearest").long()
    return outcomes.gather(1, chosen)


def reliability(logits: Tensor, p: Tensor, d: Tensor) -> Tensor:
    """(1 - H) exp(-c) in [0, 1]: H of the final logits, c between the hypotheses."""
    return certainty(logits) * (-disagreement(p, d)).exp()


class Reinference(nn.Module):
    """The picture (B, 3, H, W) in 0..255, the state at 1/4 -> change of z (B, 1, H/4, W/4), 0 at first."""

    def __init__(self, state: int, width: int) -> None:
        super().__init__()
        self.picture = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, 2, 1), nn.ReLU(), nn.Conv2d(width // 2, width, 3, 2, 1), nn.ReLU()
        )
        self.joint = nn.Conv2d(state + width, width, 3, padding=1)
        self.head = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, state: Tensor) -> Tensor:
        picture = self.picture(images / 127.5 - 1)
        return self.head(self.joint(torch.cat([picture, state], 1)).relu())


class Policy(nn.Module):
    """State of the blocks (B, C, rows, cols) -> logits of the actions (B, A, rows, cols), and the features
    (B, width, rows, cols) that they are from. An untrained policy prefers "average".
    """

    def __init__(self, state: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(state, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()
        )
        self.actions = nn.Conv2d(width, len(ACTIONS), 1)
        nn.init.zeros_(self.actions.weight)
        nn.init.zeros_(self.actions.bias)
        with torch.no_grad():
            self.actions.bias[AVERAGE] = 1.0

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(state)
        return self.actions(x), x


class Judge(nn.Module):
    """Policy and re-inference on a state that carries no gradient to the streams.

    features: channels of the finest reduced map; coarse: of the one at 1/16, a position a block.
    """

    def __init__(self, features: int, coarse: int, width: int) -> None:
        super().__init__()
        state = features + 5  # p, d, H, c, E
        self.reinference = Reinference(state, width)
        self.policy = Policy(state + 1 + coarse, width)

    def forward(
        self, images: Tensor, fine: Tensor, coarse: Tensor, hypotheses: tuple[Tensor, Tensor], edge: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Change of z by re-inference, logits of the actions, features of the blocks that these are from."""
        p, d = hypotheses
        state = [fine, p, d, entropy(evidence(p, d)), disagreement(p, d), edge]
        state, coarse = torch.cat(state, 1).detach(), coarse.detach()
        revision = self.reinference(images, state)
        blocks = F.avg_pool2d(torch.cat([state, revision.detach()], 1), BLOCK)
        return revision, *self.policy(torch.cat([blocks, coarse], 1))
