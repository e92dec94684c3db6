"""Training of Imuge by a named recipe; the weights go to OUT/imuge.safetensors.

    underdrawing train imuge --recipe lean-cpu-2h --data DIR -o runs/imuge [--resume]
    torchrun --nproc-per-node 2 -m underdrawing.train imuge --recipe gpu-25min --data DIR --out runs/imuge

DIR holds tar shards of photographs; those that a MANIFEST.tsv in it or beside it marks `val` are left out.
OUT gets checkpoint.pt, log.jsonl, samples/ and, where it is installed, tensorboard/.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from underdrawing.data.shards import held_out_names, load_photos
from underdrawing.systems.imuge.recipes import RECIPES, LeanRecipe, PublishedRecipe
from underdrawing.systems.imuge.training_lean import LeanTraining
from underdrawing.systems.imuge.training_published import PublishedTraining
from underdrawing.systems.imuge.weights import save_weights
from underdrawing.train.checkpoint import load_checkpoint
from underdrawing.train.distributed import Place, join, leave, share
from underdrawing.train.loop import Run, train
from underdrawing.train.watching import Watched

DEFAULT = "lean-cpu-2h"
_SEED = 1


def make(
    data: Path, minutes: float | None, out: Path, resume: bool, recipe: str = DEFAULT
) -> dict[str, float]:
    """Run a recipe by name, `minutes` long or as long as it says; the last row of its log."""
    manifest = next((p for p in (data / "MANIFEST.tsv", data.parent / "MANIFEST.tsv") if p.is_file()), data)
    photos = load_photos(data, held_out=held_out_names(manifest))
    return run(photos, RECIPES[recipe], out, minutes=minutes, resume=resume)


def run(
    photos: list[np.ndarray],
    recipe: PublishedRecipe | LeanRecipe,
    out: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on photographs in memory and write the weights; the last row of the log."""
    place = join()
    system = build(photos, recipe, place.device)
    share(system.module, place)
    if place.first:
        watched = Watched(system, out)
        rows = train(watched, length(recipe, len(photos), place, minutes), out, resume=resume)
        watched.close()
        export(system, recipe, out)
    else:  # every process keeps a state of its own, so that all go on at the same step
        own = out / f"rank{place.rank}"
        rows = train(system, length(recipe, len(photos), place, minutes), own, resume=resume)
    leave(place)
    return rows[-1] if rows else {}


def build(
    photos: list[np.ndarray], recipe: PublishedRecipe | LeanRecipe, device: torch.device
) -> PublishedTraining | LeanTraining:
    """The system that the loop trains, by the family of the recipe, always with the same first weights."""
    kind = LeanTraining if isinstance(recipe, LeanRecipe) else PublishedTraining
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        return kind(photos, recipe, device)


def length(
    recipe: PublishedRecipe | LeanRecipe, photos: int, place: Place, minutes: float | None = None
) -> Run:
    """How long the loop runs: `minutes` where they are given, else by the recipe's steps, epochs, minutes."""
    steps = recipe.steps
    if steps is None and recipe.epochs is not None:
        steps = recipe.epochs * photos // (recipe.batch * place.world)
    return Run(
        minutes=minutes or recipe.minutes or 60.0,
        steps=None if minutes else steps,
        warmup=recipe.warmup,
        floor=recipe.floor,
        clip=recipe.clip,
        average=recipe.average,
        seed=_SEED + 1000 * place.rank,
    )


def export(system: PublishedTraining | LeanTraining, recipe: PublishedRecipe | LeanRecipe, out: Path) -> Path:
    """Write out/imuge.safetensors from the averaged parameters of out/checkpoint.pt."""
    state = load_checkpoint(out / "checkpoint.pt")
    system.module.load_state_dict({**state["module"], **state["average"]})
    if isinstance(system, PublishedTraining) and recipe.average > 0:
        settle(system)
    stated = {"recipe": json.dumps(asdict(recipe)), "steps": str(state["step"]),
              "minutes": f"{state['used_s'] / 60:.1f}"}  # fmt: skip
    save_weights(system.nets, out / "imuge.safetensors", stated)
    return out / "imuge.safetensors"


@torch.no_grad()
def settle(system: PublishedTraining, batches: int = 30) -> None:
    """Measure the normalization's statistics again: those of the last parameters do not fit averaged ones."""
    for layer in system.nets.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over all batches
    system.begin(0, 1.0)
    for number in range(batches):
        rng = np.random.default_rng((_SEED, number))
        image = system.batch(rng)
        attacked = system.layer(system.nets.immunize(image), image, rng)
        if system.nets.verifier is not None:
            system.nets.locate(attacked.received)
        system.nets.recover(attacked.received, attacked.mask)
