"""How the lean networks are trained: one player, attacks that harden.

Nothing here is in the paper; the README's Departures say what each choice is for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.data.shards import random_crop
from underdrawing.systems.imuge import losses
from underdrawing.systems.imuge.attacking import Attacked, Layer
from underdrawing.systems.imuge.lean import LeanNetworks
from underdrawing.systems.imuge.recipes import LeanRecipe
from underdrawing.systems.imuge.samples import crops_tensor, grid, residual_picture

_LEAST_MSE = 3e-4  # errors below it (35 dB) count as none: the logarithm would chase them


class LeanTraining:
    """The system that the loop trains."""

    def __init__(self, photos: list[np.ndarray], recipe: LeanRecipe, device: torch.device) -> None:
        self.photos, self.recipe, self.device = photos, recipe, device
        self.module = LeanNetworks(recipe.networks).to(device, memory_format=torch.channels_last)
        self.nets, self.layer = self.module, Layer(recipe.attacks)
        self.progress = 0.0
        nets, rate = self.module, recipe.learning_rate
        groups = [
            {"params": list(nets.encoder.parameters()), "lr": recipe.encoder_rate * rate},
            {"params": [*nets.verifier.parameters(), *nets.decoder.parameters()], "lr": rate},
        ]
        self.players = {"networks": [group | {"betas": recipe.betas} for group in groups]}

    def begin(self, step: int, progress: float) -> None:
        """Harden the attacks as the run goes on."""
        self.progress = progress
        self.layer.severity = float(np.interp(progress, self.recipe.harden, (0.1, 1.0)))

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops: many small ones at first, then as many pixels in full-sized ones."""
        recipe = self.recipe
        side, count, shortest = recipe.side, recipe.batch, recipe.shortest
        if self.progress < recipe.small_until:
            ratio = recipe.side // recipe.small_side
            side, count = recipe.small_side, count * ratio**2
            shortest = (shortest[0] // ratio, shortest[1] // ratio)
        picks = rng.integers(len(self.photos), size=count)
        crops = [random_crop(self.photos[pick], side, shortest, rng) for pick in picks]
        return crops_tensor(crops, self.device)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """All networks at once."""
        recipe = self.recipe
        with self._autocast(), torch.set_grad_enabled(self.progress >= recipe.encoder_from):
            immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        with self._autocast():
            logits = self.nets.locate(attacked.received)
            mask = self._given_mask(attacked, logits, rng)
            recovered = self.nets.recover(attacked.received, mask)
        where = torch.maximum(mask, attacked.mask)
        yield (
            "networks",
            {
                "locate": recipe.locate * losses.classification(logits, attacked.mask),
                "recover": recipe.recover * log_error(attacked.original, recovered, where),
                "smooth": recipe.smooth * log_error(*_eighth(attacked.original, recovered, where)),
            },
        )

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    @torch.no_grad()
    def _given_mask(self, attacked: Attacked, logits: Tensor, rng: np.random.Generator) -> Tensor:
        """What the decoder is told: the true mask, widened at random; later for half of the batches the
        predicted one."""
        mask = attacked.mask
        if self.progress >= self.recipe.lift and rng.random() < 0.5:
            mask = (logits > 0).to(mask)
        reach = int(rng.integers(0, 5))
        return F.max_pool2d(mask, 2 * reach + 1, 1, reach) if reach else mask

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Original, immunized, residual, received, true and predicted mask, recovered: four photographs."""
        rng = np.random.default_rng(7)
        image = self.batch(rng)[:4]
        immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        prob = torch.sigmoid(self.nets.locate(attacked.received))
        recovered = self.nets.recover(attacked.received, attacked.mask)
        fused = torch.lerp(attacked.received, recovered, attacked.mask)
        return grid([image, immunized, residual_picture(image, immunized), attacked.received,
                     attacked.mask, prob, fused])  # fmt: skip


def log_error(image: Tensor, recovered: Tensor, mask: Tensor) -> Tensor:
    """Mean over the pictures whose mask is not empty of log10 of the squared error inside it: dB / -10."""
    area = mask.sum((1, 2, 3))
    error = ((image - recovered).square() * mask).sum((1, 2, 3)) / (image.shape[1] * area).clamp_min(1.0)
    counts = (area > 0).to(error)
    return (torch.log10(error + _LEAST_MSE) * counts).sum() / counts.sum().clamp_min(1.0)


def _eighth(*maps: Tensor) -> list[Tensor]:
    return [F.avg_pool2d(x, 8) for x in maps]
