"""Training of the lean networks: one optimizer, attacks of rising severity (README, Departures)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks.training_layer import Attacked, AttackingLayer
from underdrawing.losses.region import log_masked_mse
from underdrawing.systems.imuge import losses
from underdrawing.systems.imuge.network_lean import LeanNetworks
from underdrawing.systems.imuge.recipes import LeanRecipe
from underdrawing.train.crops import crop_batch
from underdrawing.train.sample_grid import amplified_residual, sample_grid


class LeanTraining:
    """The system of the training loop."""

    def __init__(self, photos: list[np.ndarray], recipe: LeanRecipe, device: torch.device) -> None:
        self.photos, self.recipe, self.device = photos, recipe, device
        self.module = LeanNetworks(recipe.networks).to(device, memory_format=torch.channels_last)
        self.nets, self.layer = self.module, AttackingLayer(recipe.attacks)
        self.progress = 0.0
        nets, rate = self.module, recipe.learning_rate
        groups = [
            {"params": list(nets.encoder.parameters()), "lr": recipe.encoder_rate * rate},
            {"params": [*nets.verifier.parameters(), *nets.decoder.parameters()], "lr": rate},
        ]
        self.players = {"networks": groups}

    def begin(self, step: int, progress: float) -> None:
        """Set the progress and the severity of the attacks."""
        self.progress = progress
        self.layer.severity = float(np.interp(progress, self.recipe.harden, (0.1, 1.0)))

    def batch(self, rng: np.random.Generator) -> Tensor:
        """Random crops (B, 3, side, side): small ones at first, later as many pixels in full-sized ones."""
        recipe = self.recipe
        side, count, shortest = recipe.side, recipe.batch, recipe.shortest
        if self.progress < recipe.small_until:
            ratio = recipe.side // recipe.small_side
            side, count = recipe.small_side, count * ratio**2
            shortest = (shortest[0] // ratio, shortest[1] // ratio)
        picks = rng.integers(len(self.photos), size=count)
        return crop_batch(self.photos, picks, side, shortest, rng).to(self.device)

    def losses(self, image: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Loss terms of all networks together."""
        recipe = self.recipe
        with self._autocast(), torch.set_grad_enabled(self.progress >= recipe.encoder_from):
            immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        with self._autocast():
            logits = self.nets.locate(attacked.received)
            mask = self._decoder_mask(attacked, logits, rng)
            recovered = self.nets.recover(attacked.received, mask)
        where = torch.maximum(mask, attacked.mask)
        yield (
            "networks",
            {
                "locate": recipe.locate * losses.classification(logits, attacked.mask),
                "recover": recipe.recover * log_masked_mse(attacked.original, recovered, where),
                "smooth": recipe.smooth * log_masked_mse(*_eighth(attacked.original, recovered, where)),
            },
        )

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    @torch.no_grad()
    def _decoder_mask(self, attacked: Attacked, logits: Tensor, rng: np.random.Generator) -> Tensor:
        """The true mask, or later in half of the batches the predicted one, dilated at random."""
        mask = attacked.mask
        if self.progress >= self.recipe.true_mask_until and rng.random() < 0.5:
            mask = (logits > 0).to(mask)
        reach = int(rng.integers(0, 5))
        return F.max_pool2d(mask, 2 * reach + 1, 1, reach) if reach else mask

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Columns: original, immunized, residual, received, true and predicted mask, recovered."""
        rng = np.random.default_rng(7)
        image = self.batch(rng)[:4]
        immunized = self.nets.immunize(image)
        attacked = self.layer(immunized, image, rng)
        prob = torch.sigmoid(self.nets.locate(attacked.received))
        recovered = self.nets.recover(attacked.received, attacked.mask)
        fused = torch.lerp(attacked.received, recovered, attacked.mask)
        return sample_grid([image, immunized, amplified_residual(image, immunized), attacked.received,
                     attacked.mask, prob, fused])  # fmt: skip


def _eighth(*maps: Tensor) -> list[Tensor]:
    return [F.avg_pool2d(x, 8) for x in maps]
