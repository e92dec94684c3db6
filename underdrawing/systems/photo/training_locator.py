"""Training of the locator on a pool of protected, altered and received photographs.

    underdrawing train photo-reader --data DIR --minutes 15 -o runs/reader

Fills out/pool and out/val first (samples.py, pool.py), trains, calibrates on val by one temperature and one
bias, prints what it reaches there, and writes out/locator.safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.carriers.lattice.locator_net import LocatorNet
from underdrawing.metrics.masks import count_mask
from underdrawing.nets.loading import save_network
from underdrawing.systems.photo import pool
from underdrawing.train.run import Recipe, run_recipe

_FIELDS = ("features", "image", "mask")


@dataclass(frozen=True)
class LocatorRecipe(Recipe):
    """Settings of the training of the locator."""

    samples: int = 4800
    """Samples in the pool."""
    held_out: int = 384
    """Samples of held-out photographs for the calibration."""
    learning_rate: float = 2e-3
    dice: float = 0.2
    """Weight of the Dice loss beside the cross entropy."""


RECIPES = {"default": LocatorRecipe()}
DEFAULT = "default"


class LocatorTraining:
    """The system that the loop trains."""

    def __init__(self, samples: dict[str, np.ndarray], recipe: LocatorRecipe):
        self.data, self.recipe = samples, recipe
        self.module = LocatorNet().to(memory_format=torch.channels_last)
        learned = [p for p in self.module.parameters() if p.requires_grad]
        self.players = {"reader": [{"params": learned, "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Block features, RGB and mask of a random batch."""
        picks = np.sort(rng.choice(len(self.data["mask"]), self.recipe.batch, replace=False))
        return tensors(self.data, picks)

    def losses(
        self, batch: tuple[Tensor, Tensor, Tensor], rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Cross entropy of every pixel, and a soft F1 of the pictures that were altered."""
        features, image, mask = batch
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.module(features, image)
        logits = logits.float()
        p = torch.sigmoid(logits)
        both, either = (p * mask).sum((1, 2, 3)), (p + mask).sum((1, 2, 3))
        dice = (1 - 2 * both / (either + 64)) * (mask.amax((1, 2, 3)) > 0)
        yield (
            "reader",
            {
                "entropy": F.binary_cross_entropy_with_logits(logits, mask),
                "dice": self.recipe.dice * dice.mean(),
            },
        )


def tensors(samples: dict[str, np.ndarray], picks: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Features (B, F, r, c) float, image (B, 3, H, W) uint8 and mask (B, 1, H, W) float of some samples."""
    features = torch.from_numpy(samples["features"][picks].astype(np.float32)).permute(0, 3, 1, 2)
    image = torch.from_numpy(samples["image"][picks]).permute(0, 3, 1, 2)
    return features, image, torch.from_numpy(samples["mask"][picks].astype(np.float32))[:, None]


@torch.no_grad()
def predict(net: LocatorNet, samples: dict[str, np.ndarray], batch: int = 16) -> Tensor:
    """Logits (N, H, W) for a whole set of samples."""
    parts = []
    for start in range(0, len(samples["mask"]), batch):
        picks = np.arange(start, min(start + batch, len(samples["mask"])))
        features, image, _ = tensors(samples, picks)
        parts.append(net(features, image)[:, 0])
    return torch.cat(parts)


def calibrate(net: LocatorNet, samples: dict[str, np.ndarray]) -> dict[str, float]:
    """Fit temperature and bias on held-out samples in place; returns what is reached there.

    By likelihood alone: false alarms occur in a few pictures with little evidence; a bias that removed them
    lowered F1 from .90 to .66.
    """
    logits = predict(net, samples)
    mask = torch.from_numpy(samples["mask"])
    scale, bias = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    search = torch.optim.LBFGS([scale, bias], max_iter=30, line_search_fn="strong_wolfe")
    some = logits.flatten()[::7], mask.flatten()[::7].float()

    def closure() -> Tensor:
        search.zero_grad()
        loss = F.binary_cross_entropy_with_logits(some[0] * scale + bias, some[1])
        loss.backward()
        return loss

    search.step(closure)
    calibrated = logits * scale.detach() + bias.detach()
    net.bias.data = net.bias.data * scale.detach() + bias.detach()
    net.temperature.data = net.temperature.data * scale.detach()
    return scores(torch.sigmoid(calibrated).numpy(), samples["mask"])


def scores(probability: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Mean F1 of altered pictures, flagged part of untouched ones, expected calibration error in 15 bins."""
    counts = [count_mask(p, m) for p, m in zip(probability, mask, strict=True)]
    touched = mask.reshape(len(mask), -1).any(1)
    bins = np.minimum((probability.ravel() * 15).astype(int), 14)
    error = 0.0
    for b in range(15):
        here = bins == b
        if here.any():
            error += here.mean() * abs(probability.ravel()[here].mean() - mask.ravel()[here].mean())
    return {
        "f1": float(np.mean([c.f1 for c, t in zip(counts, touched, strict=True) if t])),
        "flagged": float(np.mean([c.flagged for c, t in zip(counts, touched, strict=True) if not t])),
        "calibration_error": float(error),
    }


def make(
    recipe: LocatorRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Fill the pools, train, calibrate and write out/locator.safetensors; see train.run."""
    pool.fill(out / "val", data, recipe.held_out, seed=9, held_out=True)
    pool.fill(out / "pool", data, recipe.samples, seed=1)
    system = LocatorTraining(pool.load(out / "pool", _FIELDS), recipe)

    def save(system: LocatorTraining, metadata: dict[str, str]) -> dict[str, float]:
        net = system.module.eval().requires_grad_(False)
        reached = calibrate(net, pool.load(out / "val", _FIELDS))
        save_network(net, out / "locator.safetensors", metadata | {"held_out": json.dumps(reached)})
        return reached

    return run_recipe(lambda _: system, recipe, out, save, minutes=minutes, resume=resume)
