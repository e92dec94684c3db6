"""Training of the fusion on coded photographs.

    underdrawing train photo-fusion --data DIR --minutes 75 -o runs/fusion

Fills out/poolSIDE and out/valSIDE first (see fusion_samples), trains, and writes out/fusion.safetensors with
what it reaches on val: L-PSNR beside that of the sketch alone, by the bits of the code.
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

from underdrawing.attacks.suites import sample_channel
from underdrawing.attacks.tamper import blob, box, free_form
from underdrawing.content.sketch import fusion_samples
from underdrawing.content.sketch.fusion import NO_SKETCH, SCALE, Fusion, base, prepare
from underdrawing.content.sketch.fusion_net import FusionNet
from underdrawing.nets.loading import save_network
from underdrawing.train.run import Recipe, run_recipe

_SHAPES = (free_form, blob, box)
_RIM_PX = 5  # of the region beyond the edit, as judging.blending.recovery_region adds it
_WHOLE, _NOTHING = 0.04, 0.06  # shares of samples that are altered as a whole, and of those without a code
_MARK_LEVELS = (0.5, 3.0)  # deviation of the noise that stands for a mark
_BOUNDS = (0.1, 0.3, 1.0, 3.0)  # bits a block between the groups of the scores


@dataclass(frozen=True)
class FusionRecipe(Recipe):
    """Settings of the training of the fusion."""

    sides: tuple[int, ...] = (256, 416)
    """Sides of the coded crops, px."""
    crops: tuple[int, ...] = (6000, 1920)
    """Coded crops of each side."""
    side: int = 192
    """Side of the samples, parts of the crops, px."""
    minutes: float = 75.0
    average: float = 0.999
    least_error: float = 20.0
    """Squared error, in levels, below which a sample counts as good enough."""
    likelihood: float = 0.05
    """Weight of the log-likelihood of the expected error."""


RECIPES = {"default": FusionRecipe()}
DEFAULT = "default"


class FusionTraining:
    """The system that the loop trains."""

    def __init__(self, samples: list[dict[str, np.ndarray]], recipe: FusionRecipe):
        """samples: chunks of the arrays fusion_samples.FIELDS."""
        self.data, self.recipe = samples, recipe
        self.module = FusionNet().to(memory_format=torch.channels_last)
        self.players = {"fusion": [{"params": list(self.module.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Planes, the correction wanted and where, of a random batch."""
        rows = [self._one(rng) for _ in range(self.recipe.batch)]
        return tuple(torch.stack(column) for column in zip(*rows, strict=True))

    def _one(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        original, sketch, density = part(draw(self.data, rng), self.recipe.side, rng)
        if rng.random() < _NOTHING:
            sketch, density = np.full_like(sketch, NO_SKETCH), np.zeros_like(density)
        edit, flagged = draw_region(original.shape[:2], rng)
        planes = prepare(received(original, edit, rng), flagged, sketch, density)
        wanted = (original - base(planes)) / np.float32(SCALE)
        columns = planes, wanted, flagged[..., None]
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
        squared = (error * inside).sum((1, 2, 3)) / (3 * area) * SCALE**2
        yield (
            "fusion",
            {
                "distortion": torch.log(squared + self.recipe.least_error).mean(),
                "likelihood": self.recipe.likelihood * likelihood(error, decoded[:, 3:], inside),
            },
        )


def likelihood(squares: Tensor, expected: Tensor, inside: Tensor) -> Tensor:
    """Negative log-likelihood of squared errors (B, 3, h, w) under log variances (B, 1, h, w), the mean over
    the regions (B, 1, h, w); its gradient reaches the variances alone."""
    expected = expected.clamp(-12, 4)
    cost = 0.5 * (squares.detach().mean(1, keepdim=True) * torch.exp(-expected) + expected) * inside
    return (cost.sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1)).mean()


def draw(
    samples: list[dict[str, np.ndarray]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Original, sketch and density of a random reading of a random crop."""
    chunk = samples[rng.integers(len(samples))]
    i, k = rng.integers(len(chunk["original"])), rng.integers(chunk["sketch"].shape[1])
    return chunk["original"][i], chunk["sketch"][i, k], chunk["density"][i, k].astype(np.float32)


def part(
    sample: tuple[np.ndarray, np.ndarray, np.ndarray], side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random part of at most side x side px on the grid of blocks, mirrored in half of the draws."""
    top, left = (int(rng.integers(max(1, length // 8 - side // 8 + 1))) for length in sample[0].shape[:2])
    turn = slice(None, None, -1 if rng.random() < 0.5 else 1)
    cut = []
    for array, unit in zip(sample, (8, 8, 1), strict=True):
        y, x, n = top * unit, left * unit, side * unit // 8
        cut.append(np.ascontiguousarray(array[y : y + n, x : x + n][:, turn]))
    return cut[0], cut[1], cut[2]


def draw_region(size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) bool twice: an edit, and the region that is recovered for it: larger, and seldom cut short."""
    if rng.random() < _WHOLE:
        return (np.ones(size, bool),) * 2
    edit = _SHAPES[rng.integers(len(_SHAPES))](*size, rng, (0.02, 0.35))
    growth = int(rng.integers(0, 2 * _RIM_PX + 1))
    kernel = np.ones((2 * growth + 1,) * 2, np.uint8)
    flagged = cv2.dilate(edit.astype(np.uint8), kernel).astype(bool)
    if rng.random() < 0.15:  # the recovered region and the edit differ
        edit = edit | _SHAPES[rng.integers(len(_SHAPES))](*size, rng, (0.005, 0.02))
    return edit, flagged


def received(original: np.ndarray, edit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture (h, w, 3) uint8 with a mark, and something else in place of the edit, after a channel."""
    noise = rng.normal(0, rng.uniform(*_MARK_LEVELS), original.shape[:2])
    marked = np.clip(original + noise[..., None], 0, 255).astype(np.uint8)
    other = original[::-1, ::-1] if rng.random() < 0.5 else np.uint8(rng.integers(0, 256, 3))
    return sample_channel(np.where(edit[..., None], other, marked), rng)


def scores(fusion: Fusion, samples: list[dict[str, np.ndarray]], count: int = 240) -> dict[str, float]:
    """L-PSNR in dB inside regions of held-out crops: of the sketch, of it in the tone around it, of the
    fusion; all, and by the bits a block of the code."""
    found: list[tuple[float, ...]] = []
    for number in range(count):
        rng = np.random.default_rng((3, number))
        original, sketch, density = draw(samples, rng)
        edit, flagged = draw_region(original.shape[:2], rng)
        image = received(original, edit, rng)
        recovered = fusion.recover(image, flagged.astype(np.float32), sketch, density)[0]
        toned = np.clip(base(prepare(image, flagged, sketch, density)), 0, 255)
        inside = (_psnr(x, original, flagged) for x in (sketch, toned, recovered))
        found.append((float(density.mean()), *inside))
    values = np.array(found)
    group, names = np.digitize(values[:, 0], _BOUNDS), ("sketch", "toned", "fused")
    reached = dict(zip(names, values[:, 1:].mean(0).tolist(), strict=True))
    for number, low in enumerate((0.0, *_BOUNDS)):
        here = values[group == number, 1:]
        reached |= {f"{name} from {low:g} bits a block": float(here[:, i].mean())
                    for i, name in enumerate(names) if len(here)}  # fmt: skip
    return {name: round(value, 3) for name, value in reached.items()}


def _psnr(picture: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    error = (picture[mask].astype(np.float64) - original[mask]) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-3)))


def fill_pools(recipe: FusionRecipe, data: Path, out: Path) -> tuple[list, list]:
    """Chunks of the samples of the training and of held-out photographs, made where they are missing."""
    pools: dict[str, list[dict[str, np.ndarray]]] = {"pool": [], "val": []}
    for side, count in zip(recipe.sides, recipe.crops, strict=True):
        fusion_samples.fill(out / f"val{side}", data, side, count // 30, seed=9, held_out=True)
        fusion_samples.fill(out / f"pool{side}", data, side, count, seed=side)
        for name, chunks in pools.items():
            chunks += fusion_samples.load(out / f"{name}{side}")
    return pools["pool"], pools["val"]


def make(
    recipe: FusionRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Fill the pools, train and write out/fusion.safetensors; see train.run."""
    samples, held_out = fill_pools(recipe, data, out)
    system, path = FusionTraining(samples, recipe), out / "fusion.safetensors"

    def save(system: FusionTraining, metadata: dict[str, str]) -> dict[str, float]:
        save_network(system.module, path, metadata)
        reached = scores(Fusion(path), held_out)
        save_network(system.module, path, metadata | {"held_out": json.dumps(reached)})
        return reached

    return run_recipe(lambda _: system, recipe, out / "fusion", save, minutes=minutes, resume=resume)
