"""Training of the witness on protected photographs.

    underdrawing train photo-witness --data DIR --minutes 75 -o runs/witness

Fills out/pool256, out/pool416, out/val256 and out/val416 first (see witness_samples), trains, measures
thresholds and the rate of detection on the held-out samples, and writes out/witness.safetensors with them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from underdrawing.judging.witness.training import (
    FIELDS,
    WitnessRecipe,
    WitnessTraining,
    calibrate,
    measure,
    scores,
)
from underdrawing.nets.loading import save_network
from underdrawing.systems.photo import pool, witness_samples
from underdrawing.train.run import run_recipe

RECIPES = {
    "default": WitnessRecipe(),
    "comparison": WitnessRecipe(
        learning_rate=5e-4, samples=(14400, 7200), whole=0.15, parts=0.35, released_hash=True
    ),
}
DEFAULT = "default"


def make(
    recipe: WitnessRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Fill the pools, train and write out/witness.safetensors; see train.run."""
    for side, count in zip(recipe.sides, recipe.samples, strict=True):
        witness_samples.fill(out / f"val{side}", data, side, max(1, count // 10), seed=77, held_out=True)
        witness_samples.fill(out / f"pool{side}", data, side, count, seed=side)
    samples = {side: pool.load(out / f"pool{side}", FIELDS) for side in recipe.sides}
    system = WitnessTraining(samples, recipe)

    def save(system: WitnessTraining, metadata: dict[str, str]) -> dict[str, float]:
        held_out = {side: pool.load(out / f"val{side}", FIELDS) for side in recipe.sides}
        measured = measure(system.module, held_out)
        known = calibrate(measured)
        reached = scores(measured, known)
        stored = {"calibration": json.dumps(asdict(known)), "held_out": json.dumps(reached)}
        save_network(system.module, out / "witness.safetensors", metadata | stored)
        return reached

    return run_recipe(lambda _: system, recipe, out / "witness", save, minutes=minutes, resume=resume)
