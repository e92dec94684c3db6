"""How the weights of the finish come about.

    underdrawing train hidden-code-finish --data DIR -o runs/finish

Photographs and what the sketch makes of them at the sizes that the lattice carries, coded once before the
first step; the loss weighs decibels against a classifier's features.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from underdrawing.codes.sketch.sketch import Sketch
from underdrawing.data.shards import held_out_names, load_photos, random_crop
from underdrawing.losses.features import feature_distance, load_features
from underdrawing.systems.hidden_code.finish_net import FinishNet, save_finish
from underdrawing.train.checkpoint import load_checkpoint
from underdrawing.train.loop import Run, train

_LEAST_MSE = 1e-4


@dataclass(frozen=True)
class Recipe:
    """What the training of the finish depends on."""

    minutes: float = 20.0
    pairs: int = 2000
    """Crops that are coded."""
    bits: tuple[int, int] = (2500, 8000)
    """Sizes of the codes, drawn log-uniformly."""
    side: int = 256
    batch: int = 8
    shortest: tuple[int, int] = (256, 416)
    meaning: float = 1.0
    """Weight of the distance between features."""
    fidelity: float = 0.5
    """Weight of 10 dB."""
    learning_rate: float = 1e-3


RECIPES = {"cpu-20min": Recipe(), "smoke": Recipe(pairs=2, batch=1, meaning=0.0)}
"""By the name that `--recipe` takes."""
DEFAULT = "cpu-20min"


class FinishTraining:
    """The system that the loop trains."""

    def __init__(self, net: FinishNet, pairs: np.ndarray, recipe: Recipe) -> None:
        """pairs: (n, 2, side, side, 3) uint8, told and true."""
        self.pairs, self.recipe = pairs, recipe
        self.features = load_features() if recipe.meaning else None
        self.module = net.to(memory_format=torch.channels_last)
        self.players = {"finish": [{"params": list(net.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Told and true, (B, 3, side, side) in [0, 1] each."""
        chosen = self.pairs[rng.integers(len(self.pairs), size=self.recipe.batch)]
        if rng.random() < 0.5:
            chosen = chosen[:, :, :, ::-1]
        both = torch.from_numpy(np.ascontiguousarray(chosen)).permute(1, 0, 4, 2, 3).float() / 255
        told, true = (half.contiguous(memory_format=torch.channels_last) for half in both)
        return told, true

    def losses(
        self, batch: tuple[Tensor, Tensor], rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Decibels and features of the finished picture."""
        told, true = batch
        with torch.autocast("cpu", torch.bfloat16):
            finished = self.module(told)
        error = (finished - true).square().mean((1, 2, 3))
        parts = {"fidelity": self.recipe.fidelity * torch.log10(error + _LEAST_MSE).mean()}
        if self.features is not None:
            with torch.autocast("cpu", torch.bfloat16):
                distance = feature_distance(self.features, finished, true)
            parts["meaning"] = self.recipe.meaning * distance
        yield "finish", parts


def pairs_of(photos: list[np.ndarray], recipe: Recipe, seed: int = 1) -> np.ndarray:
    """(n, 2, side, side, 3) uint8: what the sketch tells of crops, and the crops."""
    rng, sketch = np.random.default_rng(seed), Sketch()
    pairs = np.empty((recipe.pairs, 2, recipe.side, recipe.side, 3), np.uint8)
    for told, true in pairs:
        true[:] = random_crop(photos[rng.integers(len(photos))], recipe.side, recipe.shortest, rng)
        room = int(np.exp(rng.uniform(*np.log(recipe.bits))))
        told[:] = sketch.decode(sketch.encode(true, [room]), recipe.side, recipe.side)
    return pairs


def make(
    data: Path, minutes: float | None, out: Path, resume: bool, recipe: str = DEFAULT
) -> dict[str, float]:
    """Run a recipe by name; writes out/finish.safetensors. Returns the log's last row."""
    photos = load_photos(data, held_out=held_out_names(Path(data).parent / "MANIFEST.tsv"))
    chosen = RECIPES[recipe]
    return run(photos, chosen, out, Run(minutes=minutes or chosen.minutes), resume=resume)


def run(
    photos: list[np.ndarray], recipe: Recipe, out: Path, length: Run, *, resume: bool = False
) -> dict[str, float]:
    """Train on photographs in memory and write the weights; the log's last row."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = FinishNet()
    system = FinishTraining(net, pairs_of(photos, recipe), recipe)
    rows = train(system, length, out, resume=resume)
    state = load_checkpoint(out / "checkpoint.pt")
    system.module.load_state_dict({**state["module"], **state["average"]})
    stated = {"recipe": json.dumps(asdict(recipe)), "steps": str(state["step"]),
              "minutes": f"{state['used_s'] / 60:.1f}"}  # fmt: skip
    save_finish(system.module, out / "finish.safetensors", stated)
    return rows[-1] if rows else {}
