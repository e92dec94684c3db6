"""Training of Imuge by a named recipe; the weights go to OUT/imuge.safetensors.

    underdrawing train imuge --recipe lean-cpu-2h --data DIR -o runs/imuge [--resume]
    torchrun --nproc-per-node 2 -m underdrawing.cli train imuge --recipe gpu-25min --data DIR -o runs/imuge

DIR holds tar shards of photographs; those that a MANIFEST.tsv in it or beside it marks `val` are left out.
OUT gets checkpoint.pt, log.jsonl, samples/ and, if it is installed, tensorboard/. Time and score: README.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from underdrawing.nets.loading import save_network
from underdrawing.systems.imuge.recipes import RECIPES as RECIPES
from underdrawing.systems.imuge.recipes import LeanRecipe, PublishedRecipe
from underdrawing.systems.imuge.training_lean import LeanTraining
from underdrawing.systems.imuge.training_published import PublishedTraining
from underdrawing.train.crops import training_photos
from underdrawing.train.run import SEED, run_recipe

DEFAULT = "lean-cpu-2h"
System = PublishedTraining | LeanTraining


def make(
    recipe: PublishedRecipe | LeanRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a folder of shards; see train.run."""
    return run(training_photos(data), recipe, out, minutes=minutes, resume=resume)


def run(
    photos: list[np.ndarray],
    recipe: PublishedRecipe | LeanRecipe,
    out: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on photographs in memory and write the weights; the last row of the log."""
    return run_recipe(
        lambda device: build(photos, recipe, device),
        recipe,
        out,
        lambda system, metadata: export(system, metadata, out),
        photos=len(photos),
        minutes=minutes,
        resume=resume,
    )


def build(photos: list[np.ndarray], recipe: PublishedRecipe | LeanRecipe, device: torch.device) -> System:
    """The system of a recipe, with initial weights that depend on the recipe alone."""
    kind = LeanTraining if isinstance(recipe, LeanRecipe) else PublishedTraining
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return kind(photos, recipe, device)


def export(system: System, metadata: dict[str, str], out: Path) -> None:
    """Write out/imuge.safetensors from the averaged parameters in system.module."""
    published = isinstance(system, PublishedTraining)
    if published and system.recipe.average > 0:
        recompute_statistics(system)
    family = "published" if published else "lean"
    save_network(system.nets, out / "imuge.safetensors", {"family": family, **metadata})


@torch.no_grad()
def recompute_statistics(system: PublishedTraining, batches: int = 30) -> None:
    """Batch normalization statistics of the averaged parameters: those of the last ones do not fit."""
    for layer in system.nets.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # cumulative mean over all batches
    system.begin(0, 1.0)
    for number in range(batches):
        rng = np.random.default_rng((SEED, number))
        image = system.batch(rng)
        attacked = system.layer(system.nets.immunize(image), image, rng)
        if system.nets.verifier is not None:
            system.nets.locate(attacked.received)
        system.nets.recover(attacked.received, attacked.mask)
