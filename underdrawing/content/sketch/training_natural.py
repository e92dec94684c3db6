"""Training of the natural decoder: the last layers of the fusion, for pictures that look like photographs.

    underdrawing train photo-natural --data DIR --minutes 25 -o runs/fusion

Squared error asks for the mean of all pictures that a code allows, and that is blurred. Here the last layers
answer with one of them: they are trained by a perceptual distance and a critic of patches, from the released
fusion, whose other layers stay. What they add is plausible, not known.

Uses the pool of photo-fusion in the same folder; fills it where it is missing. Writes
out/natural.safetensors with what it reaches on val.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from underdrawing.content.sketch.fusion import SCALE, WEIGHTS, Fusion
from underdrawing.content.sketch.fusion_net import FusionNet
from underdrawing.content.sketch.natural import TAIL, Natural
from underdrawing.content.sketch.training_fusion import (
    FusionRecipe,
    FusionTraining,
    draw,
    draw_region,
    fill_pools,
    likelihood,
    received,
)
from underdrawing.losses.adversarial import least_squares_critic, least_squares_fool
from underdrawing.metrics.perceptual import load_stlpips, masked_stlpips
from underdrawing.nets.loading import load_network, save_network
from underdrawing.nets.patch_critic import PatchCritic
from underdrawing.train.run import run_recipe

_CRITIC_WIDTH = 32


@dataclass(frozen=True)
class NaturalRecipe(FusionRecipe):
    """Settings of the training of the natural decoder."""

    learning_rate: float = 4e-4
    minutes: float = 25.0
    side: int = 112
    pixels: float = 1.0
    """Weight of the mean absolute error inside the region, in units of 64 levels."""
    perceptual: float = 1.0
    """Weight of ST-LPIPS, over the share of the region."""
    critic: float = 0.5
    """Weight of the critic; 0: none."""


RECIPES = {"default": NaturalRecipe()}
DEFAULT = "default"


class NaturalTraining:
    """The system that the loop trains."""

    def __init__(self, samples: list[dict[str, np.ndarray]], recipe: NaturalRecipe, weights: Path = WEIGHTS):
        self.recipe, self.source = recipe, FusionTraining(samples, recipe)
        network = load_network(weights, None, FusionNet).float().to(memory_format=torch.channels_last)
        critic = PatchCritic(_CRITIC_WIDTH).to(memory_format=torch.channels_last)
        self.module = nn.ModuleDict({"network": network.requires_grad_(False), "critic": critic})
        self.tail = nn.ModuleDict({name: getattr(network, name).requires_grad_(True) for name in TAIL})
        self.players = {
            "natural": [{"params": list(self.tail.parameters()), "lr": recipe.learning_rate}],
            "critic": [{"params": list(critic.parameters()), "lr": recipe.learning_rate}],
        }

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """As FusionTraining.batch."""
        return self.source.batch(rng)

    def losses(
        self, batch: tuple[Tensor, Tensor, Tensor], rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Of the decoder: pixels, perceptual distance, critic, expected error; then of the critic."""
        planes, wanted, where = batch
        with torch.autocast("cpu", torch.bfloat16):
            decoded = self.module["network"](planes.contiguous(memory_format=torch.channels_last))
        decoded, inside = decoded.float(), where.float()
        area = inside.sum((1, 2, 3)).clamp(min=1)
        error = decoded[:, :3] - wanted
        known = (planes[:, :3] + planes[:, 6:9] + wanted) * (SCALE / 255) + 128 / 255
        made = (known + error * inside * (SCALE / 255)).clamp(0, 1)
        with torch.autocast("cpu", torch.bfloat16):
            distance = load_stlpips()(made, known).float() / inside.mean((1, 2, 3))
        terms = {
            "pixels": self.recipe.pixels * ((error.abs() * inside).sum((1, 2, 3)) / (3 * area)).mean(),
            "perceptual": self.recipe.perceptual * distance.mean(),
            "likelihood": self.recipe.likelihood * likelihood(error.square(), decoded[:, 3:], inside),
        }
        if self.recipe.critic:
            terms["fool"] = self.recipe.critic * least_squares_fool(self._scores(made))
        yield "natural", terms
        if self.recipe.critic:
            yield "critic", {"critic": least_squares_critic(self._scores(known), self._scores(made.detach()))}

    def _scores(self, picture: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.module["critic"](picture.contiguous(memory_format=torch.channels_last)).float()


def scores(weights: Path, samples: list[dict[str, np.ndarray]], count: int = 120) -> dict[str, float]:
    """ST-LPIPS and mean squared error in dB inside regions of held-out crops, faithful and natural."""
    faithful, natural, found = Fusion(), Natural(weights), []
    for number in range(count):
        rng = np.random.default_rng((3, number))
        original, sketch, density = draw(samples, rng)
        edit, flagged = draw_region(original.shape[:2], rng)
        image, where = received(original, edit, rng), flagged.astype(np.float32)
        row = []
        for fusion in (faithful, natural):
            picture = np.where(flagged[..., None], fusion.recover(image, where, sketch, density)[0], original)
            squares = ((picture[flagged].astype(np.float64) - original[flagged]) ** 2).mean()
            row += [masked_stlpips(original, picture, flagged)[0], 10 * np.log10(255**2 / max(squares, 1e-3))]
        found.append(row)
    names = ("faithful_stlpips", "faithful_db", "natural_stlpips", "natural_db")
    return {name: round(float(value), 4) for name, value in zip(names, np.mean(found, 0), strict=True)}


def make(
    recipe: NaturalRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train from the released fusion and write out/natural.safetensors; see train.run."""
    samples, held_out = fill_pools(recipe, data, out)
    system, path = NaturalTraining(samples, recipe), out / "natural.safetensors"

    def save(system: NaturalTraining, metadata: dict[str, str]) -> dict[str, float]:
        save_network(system.tail, path, metadata)
        reached = scores(path, held_out)
        save_network(system.tail, path, metadata | {"held_out": json.dumps(reached)})
        return reached

    return run_recipe(lambda _: system, recipe, out / "natural", save, minutes=minutes, resume=resume)
