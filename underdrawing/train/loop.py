"""The training loop of all systems. A system yields its named loss terms, player by player.

    for batch in data:
        for player, terms in system.losses(batch, rng):      the loop steps that player, then resumes the
        generator
            sum(terms).backward();  clip;  step

A system has `module` (nn.Module), `players` ({name: list of optimizer groups}), `batch(rng)` and
`losses(batch, rng)`; where it has `begin(step, progress)`, that is called before each step. Where it has
`optimizer(groups)` and `rate(step, progress)`, they replace Adam and the warm cosine. The run lasts for a
given number of minutes of work (or steps); the schedule follows the time used, so it always ends annealed.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from underdrawing.train.checkpoint import Average, load_checkpoint, save_checkpoint
from underdrawing.train.schedule import warm_cosine


class System(Protocol):
    """A training, as the loop uses it."""

    module: torch.nn.Module
    players: dict[str, list[dict[str, Any]]]

    def batch(self, rng: np.random.Generator) -> Any:
        """Draw the next batch."""

    def losses(self, batch: Any, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
        """Yield (player, {term: scalar loss}) in the order of training."""


@dataclass(frozen=True)
class Run:
    """Length and schedule of a training."""

    minutes: float = 45.0
    """Time of work, over all resumptions; the learning rate reaches its end with it. Ignored when `steps` is
    given."""
    steps: int | None = None
    """Train for this many steps instead of a time (reproducible schedules, tests)."""
    warmup: float = 0.02
    """Share of the run in which the learning rate rises."""
    floor: float = 0.02
    """Where the learning rate ends, as a part of its peak; 1 keeps it constant after the warm-up."""
    clip: float = 1.0
    """Largest norm of a player's gradient."""
    average: float = 0.998
    """Decay of the moving average of the parameters, which is what gets exported."""
    save_minutes: float = 4.0
    """Time between checkpoints."""
    seed: int = 1
    """Seed of batches and noise; torch's own generator is not touched."""


def train(system: System, run: Run, out: Path, *, resume: bool = False) -> list[dict[str, float]]:
    """Train and write out/checkpoint.pt and out/log.jsonl; returns the log's rows of this call."""
    make = getattr(system, "optimizer", _adam)
    optimizers = {name: make(groups) for name, groups in system.players.items()}
    peaks = {
        name: [group["lr"] for group in optimizer.param_groups] for name, optimizer in optimizers.items()
    }
    rate = getattr(system, "rate", lambda step, progress: warm_cosine(progress, run.warmup, run.floor))
    average = Average(system.module, run.average)
    step, used_s = 0, 0.0
    if resume:
        state = load_checkpoint(out / "checkpoint.pt")
        system.module.load_state_dict(state["module"])
        average.shadow = {name: value.to(average.shadow[name]) for name, value in state["average"].items()}
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        step, used_s = state["step"], state["used_s"]
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, float]] = []
    started, saved = time.monotonic() - used_s, time.monotonic()
    while (progress := _progress(run, step, time.monotonic() - started)) < 1.0:
        for name, optimizer in optimizers.items():
            for group, peak in zip(optimizer.param_groups, peaks[name], strict=True):
                group["lr"] = peak * rate(step, progress)
        # One generator per step: a resumed run draws the same batches as an uninterrupted one.
        rng = np.random.default_rng((run.seed, step))
        row = {"step": float(step), "progress": progress}
        if hasattr(system, "begin"):
            system.begin(step, progress)
        for player, terms in system.losses(system.batch(rng), rng):
            row |= _play(optimizers[player], terms, run.clip)
        average.update(system.module, step)
        step += 1
        rows.append(row)
        with (out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({name: round(value, 5) for name, value in row.items()}) + "\n")
        if time.monotonic() - saved > 60 * run.save_minutes:
            _save(out, system, optimizers, average, step, time.monotonic() - started)
            saved = time.monotonic()
    _save(out, system, optimizers, average, step, time.monotonic() - started)
    return rows


def _adam(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, betas=(0.9, 0.99))


def _progress(run: Run, step: int, used_s: float) -> float:
    return step / run.steps if run.steps is not None else used_s / (60 * run.minutes)


def _play(optimizer: torch.optim.Optimizer, terms: dict[str, torch.Tensor], clip: float) -> dict[str, float]:
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(terms.values())).sum().backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    return {name: float(value.detach()) for name, value in terms.items()}


def _save(out: Path, system: System, optimizers: dict, average: Average, step: int, used_s: float) -> None:
    state = {
        "module": system.module.state_dict(),
        "average": average.shadow,
        "step": step,
        "used_s": used_s,
        "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
    }
    save_checkpoint(out / "checkpoint.pt", state)
