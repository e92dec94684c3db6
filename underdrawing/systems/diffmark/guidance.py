"""Deepfake-resistant guidance of the sampling; needs PyTorch, as it takes gradients of the network by x_t.

score = 1000 grad_x_t sum over bits of ln p(bit | deepfake(x_0))           deepfake straight through
noise <- noise - sqrt(1 - abar) score,  x_0 from x_t and the noise         for every timestep but 0
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from underdrawing.nets.unet import from_levels, to_levels
from underdrawing.systems.diffmark.diffusion import Predict, first_noise, sample
from underdrawing.systems.diffmark.network import DiffMark

STRENGTH = 1000.0
"""Factor on the gradient in the authors' code."""

Deepfake = Callable[[np.ndarray], np.ndarray]
"""(S, S, 3) uint8 -> the forged face of the same shape."""


def score(network: DiffMark, x0: Tensor, x_t: Tensor, bits: Tensor, deepfake: Deepfake) -> Tensor:
    """Gradient by x_t of the log-likelihood of the bits (1, L) after the deepfake of x0; x0 is one face and a
    function of x_t."""
    marked = to_levels(x0)
    levels = marked.detach()[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    forged = torch.from_numpy(deepfake(np.ascontiguousarray(levels))).permute(2, 0, 1)[None].float()
    logits = network.classes(marked + (forged - marked).detach())
    wanted = network.unet.tokens.indices(bits)[..., None]
    likelihood = logits.log_softmax(2).gather(2, wanted).sum()
    return torch.autograd.grad(likelihood, x_t)[0]


def guided(network: DiffMark, bits: Tensor, deepfake: Deepfake, strength: float = STRENGTH) -> Predict:
    """The prediction of x_0 moved towards bits that survive the deepfake."""

    def predict(x: Tensor, condition: Tensor, t: int) -> Tensor:
        time = torch.full((len(x),), float(t))
        if t == 0:
            with torch.no_grad():
                return network.denoise(x, condition, time, bits)
        with torch.enable_grad():
            x_t = x.detach().requires_grad_()
            x0 = network.denoise(x_t, condition, time, bits)
            towards = strength * score(network, x0, x_t, bits, deepfake)
        abar = float(network.schedule.abar[t])
        # x_0 = (x_t - sqrt(1 - abar) noise) / sqrt(abar), and noise changes by -sqrt(1 - abar) towards
        return x0.detach() + (1 - abar) / abar**0.5 * towards

    return predict


def encode_guided(
    network: DiffMark, face: np.ndarray, bits: np.ndarray, deepfake: Deepfake, strength: float = STRENGTH
) -> np.ndarray:
    """Marked face (S, S, 3) float32 in 0..255, neither clipped nor rounded.

    face: (S, S, 3) uint8; bits: (1, L) float32 in {-1, +1}.
    """
    levels = torch.from_numpy(face).permute(2, 0, 1)[None].float()
    noise = torch.from_numpy(first_noise(network.config.side))
    predict = guided(network, torch.from_numpy(bits), deepfake, strength)
    marked = sample(predict, from_levels(levels), noise, network.schedule)
    return to_levels(marked)[0].permute(1, 2, 0).numpy()
