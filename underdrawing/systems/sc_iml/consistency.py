"""Structural consistency (SSC): a smaller view of a picture gets the same map as the picture.

    x --> network --> p --view--> p'          view: flip, translation by 15 %, or 70 % of the picture
    view(x) at .6 of the sides --> network --> q              L = 1.3 D(q, stop p') + .7 D(stop q, p')

D: losses.structure_distance at .3 of the sides of the picture. The released code translates zeros into the
view and compares them as well; here D counts only what the picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.systems.sc_iml.losses import structure_distance

TRANSLATION, CROP = 0.15, 0.7  # shares of the sides
COMPARED = 0.3  # sides of the compared maps, as a share of the picture's
STUDENT, TEACHER = 1.3, 0.7  # weights of the view's map learning from the picture's, and the other way
_INSIDE = 0.999  # of the weight of a position that bilinear sampling takes from the picture


@dataclass(frozen=True)
class View:
    """An axis-parallel affine map: position u of the view, in [-1, 1], shows position scale u + shift."""

    scale: tuple[float, float]
    """Of columns and rows."""
    shift: tuple[float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> View:
        """One of the three transforms, each as often as the others."""
        kind = rng.integers(3)
        if kind == 0:
            return cls((-1.0, 1.0) if rng.random() < 0.5 else (1.0, -1.0), (0.0, 0.0))
        if kind == 1:
            signs = 2 * rng.integers(2, size=2) - 1
            return cls((1.0, 1.0), (2 * TRANSLATION * signs[0], 2 * TRANSLATION * signs[1]))
        room = 1 - CROP
        return cls((CROP, CROP), (float(rng.uniform(-room, room)), float(rng.uniform(-room, room))))

    def __call__(self, x: Tensor, side: int) -> Tensor:
        """The view of x (B, C, H, W) as (B, C, side, side); 0 outside of x."""
        theta = x.new_tensor(
            [[self.scale[0], 0.0, self.shift[0]], [0.0, self.scale[1], self.shift[1]]]
        ).expand(len(x), 2, 3)
        grid = F.affine_grid(theta, [len(x), x.shape[1], side, side], align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


def consistency(p: Tensor, q: Tensor, view: View, side: int) -> Tensor:
    """SSC of probabilities p (B, 1, h, w) of pictures of `side` px and q (B, 1, h', w') of their views."""
    compared = round(COMPARED * side)
    first, inside = view(p, compared), (view(torch.ones_like(p), compared) > _INSIDE).to(p)
    second = F.interpolate(q, size=(compared, compared), mode="bilinear", align_corners=False)
    student = structure_distance(second, first.detach(), inside)
    teacher = structure_distance(second.detach(), first, inside)
    return STUDENT * student + TEACHER * teacher
