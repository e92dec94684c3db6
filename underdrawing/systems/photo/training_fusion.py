"""Training of the fusion on the locator's pool and the sketches of its originals.

    underdrawing train photo-fusion --data DIR --minutes 10 -o runs/reader

Codes every original of out/pool and out/val first (at the rates that pictures of that size have), trains,
prints what it reaches on val beside the sketch alone, and writes out/fusion.safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from underdrawing.attacks.tamper import blob, box, free_form
from underdrawing.content.sketch.fusion import Fusion, base, prepare
from underdrawing.content.sketch.fusion_net import FusionNet
from underdrawing.content.sketch.sketch import Sketch
from underdrawing.nets.loading import save_network
from underdrawing.systems.photo import pool
from underdrawing.train.processes import run_jobs
from underdrawing.train.run import Recipe, run_recipe
from underdrawing.train.sample_chunks import chunks

_FIELDS = ("image", "mask", "original")
_SCALE = 64.0
_SHAPES = (free_form, blob, box)


@dataclass(frozen=True)
class FusionRecipe(Recipe):
    """Settings of the training of the fusion."""

    bits: tuple[int, int] = (250, 4500)
    """Range of the code's size, drawn log-uniformly for each sample; a third of it is the first layer."""
    coded: int = 3200
    """Samples of the pool whose originals are coded."""
    learning_rate: float = 1.5e-3
    least_error: float = 20.0
    """Squared error, in levels, below which a sample counts as good enough."""
    likelihood: float = 0.05
    """Weight of the log-likelihood of the expected error."""


RECIPES = {"default": FusionRecipe()}
DEFAULT = "default"


class FusionTraining:
    """The system that the loop trains."""

    def __init__(self, samples: dict[str, np.ndarray], recipe: FusionRecipe):
        self.data, self.recipe = samples, recipe
        self.module = FusionNet().to(memory_format=torch.channels_last)
        self.players = {"fusion": [{"params": list(self.module.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Planes, the correction wanted and where, of a random batch."""
        picks = rng.choice(len(self.data["mask"]), self.recipe.batch, replace=False)
        return tuple(torch.stack(column) for column in zip(*(self._one(i, rng) for i in picks), strict=True))

    def _one(self, i: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        image, sketch, original = (self.data[name][i] for name in ("image", "sketch", "original"))
        altered = as_flagged(self.data["mask"][i], rng)
        planes = prepare(image, altered, sketch)
        wanted = (original - base(planes)) / np.float32(_SCALE)
        columns = planes, wanted, altered[..., None]
        return tuple(torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1))) for x in columns)

    def losses(
        self, batch: tuple[Tensor, Tensor, Tensor], rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Mean of log squared errors inside the masks (which is what L-PSNR averages), and a likelihood."""
        planes, wanted, where = batch
        with torch.autocast("cpu", torch.bfloat16):
            decoded = self.module(planes.contiguous(memory_format=torch.channels_last))
        decoded = decoded.float()
        error = (decoded[:, :3] - wanted).square()
        inside = where.float()
        area = inside.sum((1, 2, 3)).clamp(min=1)
        squared = (error * inside).sum((1, 2, 3)) / (3 * area) * _SCALE**2
        expected = decoded[:, 3:].clamp(-12, 4)
        likelihood = 0.5 * (error.detach().mean(1, keepdim=True) * torch.exp(-expected) + expected) * inside
        yield (
            "fusion",
            {
                "distortion": torch.log(squared + self.recipe.least_error).mean(),
                "likelihood": self.recipe.likelihood * (likelihood.sum((1, 2, 3)) / area).mean(),
            },
        )


def as_flagged(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask (h, w) bool as a locator might flag it: grown, seldom shrunk, or one of another edit."""
    height, width = mask.shape
    if not mask.any() or rng.random() < 0.2:
        mask = mask | _SHAPES[rng.integers(len(_SHAPES))](height, width, rng, (0.02, 0.35))
    growth = int(rng.integers(-2, 9))
    kernel = np.ones((2 * abs(growth) + 1,) * 2, np.uint8)
    change = cv2.dilate if growth > 0 else cv2.erode
    flagged = change(mask.astype(np.uint8), kernel).astype(bool) if growth else mask
    return flagged if flagged.any() else mask


def add_sketches(folder: Path, count: int, recipe: FusionRecipe, *, seed: int) -> None:
    """Write folder/NNNN.sketch.npy beside the pool's chunks until `count` samples have theirs; those that
    exist stay."""
    jobs, have = [], 0
    for path in chunks(folder):
        if have >= count:
            break
        have += len(np.load(path)["mask"])
        if not path.with_suffix(".sketch.npy").exists():
            jobs.append(path)
    run_jobs(lambda paths: _code(paths, recipe, seed), jobs)


def _code(paths: list[Path], recipe: FusionRecipe, seed: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sketch = Sketch()
    for path in paths:
        rng = np.random.default_rng((seed, int(path.stem)))
        decoded = []
        for original in np.load(path)["original"]:
            bits = float(np.exp(rng.uniform(*np.log(recipe.bits))))
            budgets = [int(bits / 3), int(bits * 2 / 3)]
            layers = sketch.encode(original, budgets)
            keep = 1 if rng.random() < 0.25 else 2
            decoded.append(sketch.decode(layers[:keep], *original.shape[:2]))
        partial = path.with_suffix(".partial.npy")
        np.save(partial, np.stack(decoded))
        partial.replace(path.with_suffix(".sketch.npy"))


def load_coded(folder: Path) -> dict[str, np.ndarray]:
    """The samples whose originals are coded, with their sketches."""
    coded = sorted(folder.glob("*.sketch.npy"))
    if not coded:
        raise FileNotFoundError(f"no coded samples in {folder}: run add_sketches first")
    samples = {"sketch": np.concatenate([np.load(path) for path in coded])}
    chunks = [np.load(path.with_name(path.name.replace(".sketch.npy", ".npz"))) for path in coded]
    return samples | {name: np.concatenate([chunk[name] for chunk in chunks]) for name in _FIELDS}


def scores(fusion: Fusion, samples: dict[str, np.ndarray], limit: int = 200) -> dict[str, float]:
    """L-PSNR in dB inside the true masks: of the sketch, of it in the tone around it, of the fusion."""
    found: list[tuple[float, float, float]] = []
    touched = [i for i in range(len(samples["mask"])) if 0 < samples["mask"][i].mean() < 1][:limit]
    for i in touched:
        image, mask, original, sketch = (samples[name][i] for name in ("image", "mask", "original", "sketch"))
        recovered = fusion.recover(image, mask.astype(np.float32), sketch)[0]
        toned = np.clip(base(prepare(image, mask, sketch)), 0, 255)
        found.append(tuple(_psnr(x, original, mask) for x in (sketch, toned, recovered)))
    means = np.mean(found, axis=0)
    return dict(zip(("sketch", "toned", "fused"), map(float, means), strict=True))


def _psnr(picture: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    error = (picture[mask].astype(np.float64) - original[mask]) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-3)))


def make(
    recipe: FusionRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Fill the pools, code their originals, train and write out/fusion.safetensors; see train.run."""
    pool.fill(out / "val", data, 384, seed=9, held_out=True)
    pool.fill(out / "pool", data, recipe.coded, seed=1)
    add_sketches(out / "val", 256, recipe, seed=5)
    add_sketches(out / "pool", recipe.coded, recipe, seed=6)
    system, path = FusionTraining(load_coded(out / "pool"), recipe), out / "fusion.safetensors"

    def save(system: FusionTraining, metadata: dict[str, str]) -> dict[str, float]:
        save_network(system.module, path, metadata)
        reached = scores(Fusion(path), load_coded(out / "val"))
        save_network(system.module, path, metadata | {"held_out": json.dumps(reached)})
        return reached

    return run_recipe(lambda _: system, recipe, out / "fusion", save, minutes=minutes, resume=resume)
