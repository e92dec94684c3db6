"""One training by a recipe, from the first step to the averaged weights, on one process or several."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from underdrawing.train.checkpoint import load_checkpoint
from underdrawing.train.distributed import Place, join, leave, share
from underdrawing.train.loop import Run, train
from underdrawing.train.watching import Shown, Watched

SEED = 1


@dataclass(frozen=True)
class Recipe:
    """Settings of a training on crops of photographs; systems add their own."""

    batch: int = 8
    """Crops a step and process."""
    side: int = 256
    """Sides of the crops, px."""
    shortest: tuple[int, int] = (256, 512)
    """Range of the short side that photographs are scaled to before the crop, px, log-uniform."""
    learning_rate: float = 2e-4
    """Peak rate of Adam."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of Adam."""
    epochs: int | None = None
    """Passes over the photographs: the length of the run."""
    steps: int | None = None
    """Length of the run in steps; overrides `epochs`."""
    minutes: float | None = None
    """Length of the run in minutes of work, without `epochs` and `steps`."""
    warmup: float = 0.0
    """Share of the run with a rising learning rate."""
    floor: float = 1.0
    """Last learning rate as a share of the peak (cosine); 1: constant."""
    clip: float = float("inf")
    """Largest norm of a player's gradient."""
    average: float = 0.0
    """Decay of the averaged parameters that are exported; 0: the last parameters."""

    def run_length(self, photos: int, place: Place, minutes: float | None = None) -> Run:
        """Settings of the loop. minutes: override the length of the recipe."""
        steps = self.steps
        if steps is None and self.epochs is not None:
            steps = self.epochs * photos // (self.batch * place.world)
        return Run(
            minutes=minutes or self.minutes or 60.0,
            steps=None if minutes else steps,
            warmup=self.warmup,
            floor=self.floor,
            clip=self.clip,
            average=self.average,
            seed=SEED + 1000 * place.rank,
        )


def run_on_all(
    build: Callable[[torch.device], Shown],
    export: Callable[[Any], None],
    length: Callable[[Place], Run],
    out: Path,
    *,
    resume: bool = False,
) -> dict[str, float]:
    """Train on every process that torchrun started, or on one; the first exports. Last row of the log."""
    place = join()
    system = build(place.device)
    share(system.module, place)
    if place.first:
        watched = Watched(system, out)
        rows = train(watched, length(place), out, resume=resume)
        watched.close()
        export(system)
    else:  # a checkpoint of its own for each process, so that all resume at the same step
        rows = train(system, length(place), out / f"rank{place.rank}", resume=resume)
    leave(place)
    return rows[-1] if rows else {}


def load_averaged(module: torch.nn.Module, out: Path, recipe: Any) -> dict[str, str]:
    """Load the averaged parameters of out/checkpoint.pt; metadata for the weight file.

    recipe: a dataclass, stored in the metadata.
    """
    state = load_checkpoint(out / "checkpoint.pt")
    module.load_state_dict({**state["module"], **state["average"]})
    minutes = f"{state['used_s'] / 60:.1f}"
    return {"recipe": json.dumps(asdict(recipe)), "steps": str(state["step"]), "minutes": minutes}
