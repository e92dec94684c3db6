"""DDIM (Song et al., ICLR 2021, arXiv 2010.02502) with a pipeline's own networks: noise to picture, and back.

    x_s = sqrt(a_s / a_t) x_t + (sqrt(1 - a_s) - sqrt(a_s (1 - a_t) / a_t)) e(x_t, t)            t --> s < t

The way back needs e at the x_t that is looked for. The usual inversion takes e(x_s, t) for it. The exact one
solves the step as an implicit equation, x_t = A x_s + B e(x_t, t), by iterating it until it no longer moves
(backward Euler, as Hong et al., CVPR 2024, arXiv 2311.18387, and Pan et al., ICCV 2023, arXiv 2309.04907): it
needs no more than the last picture, where EDICT and BDIA need a second state that a picture does not keep.
It converges where B times the Lipschitz constant of e is below 1, and steps that are small enough make it so.
The same paper inverts the decoder too, by descent from the encoder's answer; so does `encode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from underdrawing.carriers.extras import optional
from underdrawing.core.errors import UsageError

_SETTLED = 1e-5  # largest change of an element in one round
_DAMPED = 0.5
_RATE = 0.1  # of the descent through the decoder, in standard deviations of the first answer


@dataclass(frozen=True)
class Inverted:
    """Recovered noise, and how well the equations that it solves are met."""

    latents: np.ndarray
    """(c, h, w) float32."""
    residual: float
    """Largest |x_t - A x_s - B e(x_t, t)| of any element and step: near 0 where the inversion is exact."""


class Ddim:
    """The deterministic sampler of a diffusers pipeline that has `unet` or `transformer`, and `scheduler`.

    Latents are (c, h, w) float32 numpy, without the batch. UsageError for schedulers without a cumulative
    alpha (flow matching) and pipelines without a network that can be called.
    """

    def __init__(self, pipeline, steps: int = 50, conditions: Mapping[str, object] | None = None):
        """conditions: what the network takes beside latents and time, as `encoder_hidden_states`."""
        self.network = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
        scheduler = getattr(pipeline, "scheduler", None)
        if self.network is None or not hasattr(scheduler, "alphas_cumprod"):
            raise UsageError(
                f"{type(pipeline).__name__} with {type(scheduler).__name__} cannot be inverted by DDIM; "
                "expected a unet or transformer and a scheduler with alphas_cumprod"
            )
        ddim = optional("diffusers", "generation").DDIMScheduler
        # a step that clips cannot be undone
        own = ddim.from_config(scheduler.config, clip_sample=False, thresholding=False)
        own.set_timesteps(steps)
        self.prediction = own.config.prediction_type
        self.coder = getattr(pipeline, "vae", None) or getattr(pipeline, "vqvae", None)
        self.conditions = dict(conditions or {})
        stride = own.config.num_train_timesteps // steps
        self.levels = [
            (int(t), float(own.alphas_cumprod[t]), self._level(own, int(t) - stride)) for t in own.timesteps
        ]
        """(time, cumulative alpha there, cumulative alpha after the step), in the order of sampling."""

    @staticmethod
    def _level(scheduler, time: int) -> float:
        return float(scheduler.alphas_cumprod[time] if time >= 0 else scheduler.final_alpha_cumprod)

    @property
    def scale(self) -> int:
        """Pixels for each latent."""
        if self.coder is None:
            return 1
        return 2 ** (len(self.coder.config.block_out_channels) - 1)

    def batch(self, array: np.ndarray) -> Tensor:
        """(c, h, w) -> (1, c, h, w) where the network lives, in its type."""
        parameter = next(self.network.parameters())
        return torch.from_numpy(np.ascontiguousarray(array))[None].to(parameter.device, parameter.dtype)

    @torch.no_grad()
    def sample(self, latents: np.ndarray) -> np.ndarray:
        """Noise -> clean latents."""
        x = self.batch(latents)
        for time, a, b in self.levels:
            forward, noise = (b / a) ** 0.5, (1 - b) ** 0.5 - (b * (1 - a) / a) ** 0.5
            x = forward * x + noise * self._noise(x, time, a)
        return x[0].float().cpu().numpy()

    @torch.no_grad()
    def invert(self, latents: np.ndarray, rounds: int = 1) -> Inverted:
        """Clean latents -> noise. rounds: 1 for the usual inversion, some tens for the exact one."""
        x, worst = self.batch(latents), 0.0
        for time, a, b in reversed(self.levels):
            forward, noise = (a / b) ** 0.5, (1 - a) ** 0.5 - (a * (1 - b) / b) ** 0.5
            start, share, before = forward * x, 1.0, float("inf")
            for _ in range(rounds):
                change = start + noise * self._noise(x, time, a) - x
                error = float(change.abs().max())
                share = share * _DAMPED if error > before else share  # overshot
                x, before = x + share * change, error
                if error < _SETTLED:
                    break
            error = (start + noise * self._noise(x, time, a) - x).abs().max()
            worst = max(worst, float(error))
        return Inverted(x[0].float().cpu().numpy(), worst)

    @torch.no_grad()
    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Clean latents -> picture (H, W, 3) uint8."""
        picture = self._picture(self.batch(latents))[0].float().cpu().numpy().transpose(1, 2, 0)
        return np.clip(np.rint((picture + 1) * 127.5), 0, 255).astype(np.uint8)

    def encode(self, image_u8: np.ndarray, rounds: int = 0) -> np.ndarray:
        """Picture -> clean latents; rounds of descent make the decoder give back the picture itself."""
        pixels = self.batch(np.float32(image_u8).transpose(2, 0, 1) / 127.5 - 1)
        if self.coder is None:
            return pixels[0].float().cpu().numpy()
        with torch.no_grad():
            coded = self.coder.encode(pixels)
            mean = coded.latent_dist.mode() if hasattr(coded, "latent_dist") else coded.latents
            latents = (mean - self._shift) * self._factor
        return self._descended(latents, pixels, rounds)[0].float().cpu().numpy()

    def _descended(self, latents: Tensor, pixels: Tensor, rounds: int) -> Tensor:
        found = latents.detach().clone().requires_grad_(True)
        rate = _RATE * float(latents.std())
        optimizer = torch.optim.Adam([found], lr=rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, rounds))
        for _ in range(rounds):
            (gradient,) = torch.autograd.grad(torch.mean((self._picture(found) - pixels) ** 2), found)
            found.grad = gradient  # the networks' own gradients stay untouched
            optimizer.step()
            schedule.step()
        return found.detach()

    def _picture(self, latents: Tensor) -> Tensor:
        if self.coder is None:
            return latents
        return self.coder.decode(latents / self._factor + self._shift).sample

    @property
    def _factor(self) -> float:
        return float(self.coder.config.get("scaling_factor", 1.0))

    @property
    def _shift(self) -> float:
        return float(self.coder.config.get("shift_factor", None) or 0.0)

    def _noise(self, x: Tensor, time: int, level: float) -> Tensor:
        """e(x, t), whichever of noise, picture or velocity the network was trained to tell."""
        output = self.network(x, time, **self.conditions).sample
        if self.prediction == "v_prediction":
            return level**0.5 * output + (1 - level) ** 0.5 * x
        if self.prediction == "sample":
            return (x - level**0.5 * output) / (1 - level) ** 0.5
        return output
