"""One training by a recipe, from the first step to the weight file, on one process or several.

The module of a training has RECIPES {name: Recipe}, DEFAULT (a name) and
`make(recipe, data, out, *, minutes, resume)`, which returns the last row of the log and any scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from underdrawing.core.errors import UsageError
from underdrawing.train.checkpoint import load_checkpoint
from underdrawing.train.distributed import Place, join, leave, share
from underdrawing.train.loop import Run, System, train
from underdrawing.train.watching import Watched

SEED = 1


@dataclass(frozen=True)
class Recipe:
    """Settings of a training; each training adds its own."""

    batch: int = 8
    """Samples a step and process."""
    learning_rate: float = 1e-3
    """Peak rate of Adam."""
    epochs: int | None = None
    """Passes over the photographs: the length of the run."""
    steps: int | None = None
    """Length of the run in steps; overrides `epochs`."""
    minutes: float = 40.0
    """Length of the run in minutes of work, without `epochs` and `steps`."""
    warmup: float = 0.02
    """Share of the run with a rising learning rate."""
    floor: float = 0.02
    """Last learning rate as a share of the peak (cosine); 1: constant."""
    clip: float = 1.0
    """Largest norm of a player's gradient."""
    average: float = 0.998
    """Decay of the averaged parameters that are exported; 0: the last parameters."""

    def run_length(self, photos: int = 0, place: Place | None = None, minutes: float | None = None) -> Run:
        """Settings of the loop. minutes: override the length of the recipe."""
        place, steps = place or Place(), self.steps
        if steps is None and self.epochs is not None:
            steps = self.epochs * photos // (self.batch * place.world)
        return Run(
            minutes=minutes or self.minutes,
            steps=None if minutes else steps,
            warmup=self.warmup,
            floor=self.floor,
            clip=self.clip,
            average=self.average,
            seed=SEED + 1000 * place.rank,
        )


@dataclass(frozen=True)
class CropRecipe(Recipe):
    """Settings of a training on random crops of photographs."""

    side: int = 256
    """Sides of the crops, px."""
    shortest: tuple[int, int] = (256, 416)
    """Range of the short side that photographs are scaled to before the crop, px, log-uniform."""


def start(
    module: str,
    data: Path,
    out: Path,
    minutes: float | None,
    resume: bool,
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a training; the last row of its log, out/log.jsonl, and any scores.

    minutes: of work over all resumptions; None: as long as the recipe says. recipe: None for the default.
    changes: settings that replace the recipe's own, as `without` and `trunk` of detectors. UsageError for an
    unknown recipe, or one that has no such setting.
    """
    training = import_module(module)
    name, known = recipe or training.DEFAULT, training.RECIPES
    if name not in known:
        raise UsageError(f"no recipe of {module} is called {name!r}; there are: {', '.join(known)}")
    chosen, changes = known[name], changes or {}
    for setting in changes:
        if not hasattr(chosen, setting):
            raise UsageError(f"recipe {name!r} of {module} has no {setting!r}")
    return training.make(replace(chosen, **changes), data, out, minutes=minutes, resume=resume)


def run_recipe(
    build: Callable[[torch.device], System],
    recipe: Recipe,
    out: Path,
    save: Callable[[Any, dict[str, str]], dict[str, float] | None],
    *,
    photos: int = 0,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on every process that torchrun started, or on one; the first one saves.

    save(system, metadata): write the averaged parameters, which system.module has then; may return scores.
    photos: number of photographs, for a recipe with `epochs`. Last row of the log, and the scores.
    """
    place = join()
    system = build(place.device)
    share(system.module, place)
    length, last = recipe.run_length(photos, place, minutes), {}
    if place.first:
        watched = Watched(system, out)
        rows = train(watched, length, out, resume=resume)
        watched.close()
        last = save(system, load_averaged(system.module, out, recipe)) or {}
    else:  # a checkpoint of its own for each process, so that all resume at the same step
        rows = train(system, length, out / f"rank{place.rank}", resume=resume)
    leave(place)
    return {**(rows[-1] if rows else {}), **last}


def load_averaged(module: torch.nn.Module, out: Path, recipe: Any) -> dict[str, str]:
    """Load the averaged parameters of out/checkpoint.pt; metadata for the weight file.

    recipe: a dataclass, stored in the metadata.
    """
    state = load_checkpoint(out / "checkpoint.pt")
    module.load_state_dict({**state["module"], **state["average"]})
    minutes = f"{state['used_s'] / 60:.1f}"
    return {
        "recipe": json.dumps(asdict(recipe)),
        "steps": str(state["step"]),
        "minutes": minutes,
        "curve": json.dumps(curve(out / "log.jsonl")),
    }


def curve(log: Path, points: int = 20) -> list[dict[str, float]]:
    """Means of a log over equal parts of the run: the first step of each part, and each term of the loss."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    rows = [json.loads(line) for line in lines]
    parts = [rows[n * len(rows) // points : (n + 1) * len(rows) // points] for n in range(points)]
    return [
        {"step": part[0]["step"]}
        | {
            name: round(sum(row.get(name, 0.0) for row in part) / len(part), 4)
            for name in part[-1]
            if name not in ("step", "progress")
        }
        for part in parts
        if part
    ]
