"""The diffusion of DiffMark: schedule, respaced steps, condition of the face, DDIM (arXiv 2507.01428).

    x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise          t = 0 .. T - 1, x_0 in [-1, 1]
    x_c(t) = sqrt(1 - abar_t) face                           beside x_t: less of the face as the noise falls

The network predicts x_0. Functions take and return numpy arrays or tensors alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

STEPS, SAMPLED = 100, 10
"""T of the training, and steps of the sampling."""
NOISE_SEED = 1
"""Of the noise that the sampling starts from: the same face and bits give the same marked face."""
_REFERENCE, _BETAS = 1000, (0.005, 0.02)
"""Steps for which the linear betas are stated, and the first and the last of them."""

Predict = Callable[[Any, Any, int], Any]
"""(x_t, x_c, t) -> prediction of x_0, of the same shape."""


@dataclass(frozen=True)
class Schedule:
    """Levels of the noise."""

    steps: int = STEPS
    """T."""

    @cached_property
    def betas(self) -> np.ndarray:
        """(T,) float64: linear, scaled by 1000 / T as Ho's schedule is; 0.05 .. 0.20 for 100 steps."""
        scale = _REFERENCE / self.steps
        return np.linspace(scale * _BETAS[0], scale * _BETAS[1], self.steps)

    @cached_property
    def abar(self) -> np.ndarray:
        """(T,) float64: products of 1 - beta."""
        return np.cumprod(1 - self.betas)

    @cached_property
    def face_weights(self) -> np.ndarray:
        """(T,) float64: sqrt(1 - abar), of the face in x_c."""
        return np.sqrt(1 - self.abar)

    def respaced(self, count: int = SAMPLED) -> np.ndarray:
        """(count,) timesteps that the sampling visits, rising: 0, 10, .., 90 for 10 of 100."""
        return np.arange(count) * (self.steps // count)


def diffused(x0: Any, noise: Any, abar: Any) -> Any:
    """x_t of x_0 and standard normal noise."""
    return abar**0.5 * x0 + (1 - abar) ** 0.5 * noise


def first_noise(side: int) -> np.ndarray:
    """(1, 3, side, side) float32, standard normal: x of the first step."""
    return np.random.default_rng(NOISE_SEED).standard_normal((1, 3, side, side), np.float32)


def ddim_step(x: Any, x0: Any, abar: float, abar_before: float) -> Any:
    """x at the level `abar_before` from x at the level `abar` and the prediction of x_0; eta = 0.

    Without noise of its own: the noise in x is kept and scaled (Song et al., DDIM, ICLR 2021, eq. 12).
    """
    noise = (x - abar**0.5 * x0) / (1 - abar) ** 0.5
    return abar_before**0.5 * x0 + (1 - abar_before) ** 0.5 * noise


def sample(
    predict: Predict,
    face: Any,
    noise: Any,
    schedule: Schedule,
    *,
    count: int = SAMPLED,
    as_released: bool = False,
) -> Any:
    """The marked face, from noise in `count` steps; face and result (B, 3, H, W) in [-1, 1].

    Starts with x_c = face, of weight 1. as_released: the network gets the place in the respaced list (0 to
    count - 1) where it was trained on the timestep, as the authors' code without guidance has it.
    """
    times = schedule.respaced(count)
    levels = schedule.abar[times]
    x, condition = noise, face
    for place in range(count - 1, -1, -1):
        before = float(levels[place - 1]) if place else 1.0
        x0 = predict(x, condition, place if as_released else int(times[place]))
        x = ddim_step(x, x0, float(levels[place]), before)
        condition = (1 - before) ** 0.5 * face
    return x
