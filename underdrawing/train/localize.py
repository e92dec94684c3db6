"""Training of localizers, shared by all of them: batches, supervision, statistics, calibration.

    ManipulatedSet + Chain -> pairs of a manipulated and an authentic picture -> trunk -> network -> losses
    val split -> logits -> Platt scaling by cell and by picture                 stored with the weights

The set has every label for every picture, and `supervision` decides which of them the losses get as `labels`:

    masks        1 in the manipulated region, 0 outside, none on its soft rim
    boxes        1 inside of the boxes, 0 outside
    scribbles    1 and 0 on the strokes, none elsewhere
    pictures     none anywhere in a manipulated picture

An authentic picture has 0 everywhere in all of them: who labels it as authentic labels all of its pixels.

A weight file holds the parameters under "network.", the trunk's under "trunk." where it was trained too, and
the calibrations (metrics.calibration). The calibration uses the masks of the val split under any supervision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from underdrawing.attacks.manipulation.chain import Chain, Ranges
from underdrawing.core.errors import UsageError
from underdrawing.data.manipulated_set import AUTHENTIC, IGNORED, ManipulatedSet
from underdrawing.losses.localization import dice_loss, labelled_loss, picture_loss
from underdrawing.metrics.localizer_calibration import fit_localizer
from underdrawing.nets.loading import save_network, stored_state
from underdrawing.nets.localizer_outputs import CELL, LocalizerOutputs
from underdrawing.nets.weights import TRUNK, fingerprint
from underdrawing.train.run import SEED, Recipe, run_recipe
from underdrawing.train.statistics import recompute_statistics

PREFIX = "network."
"""Of the names of the parameters in a weight file."""
_LEAST_BATCHES = 40  # for the calibration
_HELD_OUT = 40  # batches for the calibrations
_STEP = 32  # of the sides that a trunk takes, px
_STROKE = 1 / 8  # share of a cell that a stroke covers at least

STEPS = 800
"""Of each training on the released trunk, so that all localizers are trained on the same pictures."""
FOCUSED = 0.5
"""Share of focused pairs in these trainings."""
SETTLED = 0.4
"""Their progress from which normalization keeps its statistics."""

Supervision = Literal["masks", "boxes", "scribbles", "pictures"]


@dataclass(frozen=True)
class LocalizeRecipe(Recipe):
    """Settings of the training of a localizer."""

    batch: int = 16
    """Pictures a step: half of them authentic."""
    side: int = 192
    """Of the pictures, px; a multiple of 32."""
    chain: Ranges = field(default_factory=Ranges)
    """Path of both classes from the set to the network."""
    supervision: Supervision = "masks"
    """Labels that the losses get."""
    train_trunk: bool = False
    """Whether the trunk is trained too; else it is used as it is."""
    focused: float = 0.0
    """Share of the pairs that are cut out around a manipulated region; the others are cut out anywhere."""
    settled: float = 1.0
    """Progress from which normalization uses the statistics that it has, as at run time; 1: never."""
    without: tuple[str, ...] = ()
    """Kinds of manipulations that are left out, of training and of calibration."""


@dataclass(frozen=True)
class LocalizeBatch:
    """Inputs and labels of a step; cells are squares of 4 x 4 px."""

    images: Tensor
    """(B, 3, side, side) float32, RGB in 0..255."""
    masks: Tensor
    """(B, 1, side / 4, side / 4) float32 in [0, 1]: share of manipulated pixels. Of full supervision."""
    labels: Tensor
    """(B, 1, side / 4, side / 4) float32: 1 manipulated, 0 authentic, -1 none, as the supervision has it."""
    boxes: Tensor
    """(B, 1, side / 4, side / 4) float32: 1 inside of the boxes, else 0."""
    manipulated: Tensor
    """(B,) float32: 1 for a picture with manipulated cells; 0 also where the chain has cut them off."""
    kinds: Tensor
    """(B,) int64: 0 for an authentic picture, else 1 + position in LocalizeBatches.kinds."""


Losses = Callable[[LocalizerOutputs, LocalizeBatch, np.random.Generator, float], dict[str, Tensor]]
"""(outputs, batch, rng, progress in [0, 1]) -> named losses."""


class LocalizeBatches:
    """Random pairs of a manipulated picture and its authentic one on the same path, every kind as often."""

    def __init__(self, pictures: ManipulatedSet, recipe: LocalizeRecipe, teacher: np.ndarray | None = None):
        """teacher: (N, S, S) uint8 label maps of the set's pictures in place of those of the supervision."""
        self.pictures, self.recipe = pictures, recipe
        self.kinds = [kind for kind in pictures.kinds if kind not in recipe.without]
        if not self.kinds or not len(pictures.indices(AUTHENTIC)):
            raise UsageError("a localizer is trained on manipulated and authentic pictures; one is missing")
        self._pools = [pictures.indices(kind) for kind in self.kinds]
        self._originals = pictures.originals()
        if min(int(self._originals[pool].min()) for pool in self._pools) < 0:
            raise UsageError(
                "each manipulated picture needs the authentic one of the same split; one lacks it"
            )
        self._teacher = teacher

    def draw(self, rng: np.random.Generator) -> LocalizeBatch:
        """A batch; every second picture is authentic."""
        side, pictures = self.recipe.side, self.pictures
        images, kinds, masks, labels, boxes = [], [], [], [], []
        for _ in range(self.recipe.batch // 2):
            kinds.append(int(rng.integers(len(self.kinds))))
            place, chain = int(rng.choice(self._pools[kinds[-1]])), Chain.draw(rng, side, self.recipe.chain)
            if self.recipe.focused and rng.random() < self.recipe.focused:
                chain = self._around_a_region(chain, pictures.entries[place].boxes, rng)
            images += [chain(pictures.pictures[one]) for one in (place, int(self._originals[place]))]
            mask = chain.moved(pictures.masks[place])
            box = chain.moved(_drawn(pictures.entries[place].boxes, pictures.masks.shape[1:]))
            masks.append(share(mask == 1))
            boxes.append(share(box == 1) >= 0.5)
            labels.append(self._labels(place, chain, mask, boxes[-1]))
        return _batch(np.stack(images), kinds, *(np.stack(planes) for planes in (masks, labels, boxes)))

    def _around_a_region(self, chain: Chain, boxes: list[list[int]], rng: np.random.Generator) -> Chain:
        """The path through a square whose middle is within a quarter of its side of a manipulated region."""
        x, y, width, height = boxes[rng.integers(len(boxes))]
        down, right = rng.random(2) * (height, width) + rng.uniform(-0.25, 0.25, 2) * self.recipe.side
        return chain.around((y + down, x + right), self.pictures.masks.shape[1:])

    def _labels(self, place: int, chain: Chain, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Labels of the cells of a manipulated picture."""
        if self._teacher is not None:
            return majority(chain.moved(self._teacher[place]))
        match self.recipe.supervision:
            case "masks":
                return majority(mask)
            case "boxes":
                return box
            case "scribbles":
                return strokes(chain.moved(self.pictures.scribbles[place]))
            case "pictures":
                return np.full(box.shape, -1.0, np.float32)


def share(region: np.ndarray) -> np.ndarray:
    """Share of the pixels of each cell that are in a region (H, W) bool, (H/4, W/4) float32."""
    rows, cols = region.shape[0] // CELL, region.shape[1] // CELL
    return region.reshape(rows, CELL, cols, CELL).mean((1, 3), dtype=np.float32)


def majority(label_map: np.ndarray) -> np.ndarray:
    """Labels of the cells of a label map (H, W): that of most of the pixels, -1 where most have none."""
    labels = (share(label_map == 1) >= 0.5).astype(np.float32)
    labels[share(label_map == IGNORED) > 0.5] = -1
    return labels


def strokes(label_map: np.ndarray) -> np.ndarray:
    """Labels of the cells that strokes of one class meet, else -1."""
    manipulated, authentic = (share(label_map == value) >= _STROKE for value in (1, 0))
    labels = np.full(manipulated.shape, -1, np.float32)
    labels[manipulated & ~authentic] = 1
    labels[authentic & ~manipulated] = 0
    return labels


def _drawn(boxes: list[list[int]], shape: tuple[int, ...]) -> np.ndarray:
    """(S, S) uint8: 1 inside of the boxes."""
    inside = np.zeros(shape, np.uint8)
    for x, y, width, height in boxes:
        inside[y : y + height, x : x + width] = 1
    return inside


def _batch(
    images: np.ndarray, kinds: list[int], masks: np.ndarray, labels: np.ndarray, boxes: np.ndarray
) -> LocalizeBatch:
    """kinds (B / 2) and planes (B / 2, h, w): of the manipulated pictures; the authentic ones have 0."""

    def both(planes: np.ndarray) -> Tensor:
        own = torch.from_numpy(planes.astype(np.float32))
        return torch.stack([own, torch.zeros_like(own)], 1).flatten(0, 1)[:, None]

    shares = both(masks)
    manipulated = (shares.flatten(1).amax(1) >= 0.5).float()
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float().contiguous()
    numbers = torch.tensor([number for kind in kinds for number in (kind + 1, 0)])
    return LocalizeBatch(pictures, shares, both(labels), both(boxes), manipulated, numbers)


def plain_losses(
    outputs: LocalizerOutputs, batch: LocalizeBatch, rng: np.random.Generator, progress: float
) -> dict[str, Tensor]:
    """The losses of cells with labels, and of pictures, for any supervision."""
    return {
        "cells": labelled_loss(outputs.logits, batch.labels),
        "dice": dice_loss(outputs.logits, batch.labels),
        "picture": 0.2 * picture_loss(outputs.logits, batch.manipulated),
    }


class LocalizerTraining:
    """A network on a trunk and its losses, as the loop trains them.

    A system with extra inputs overrides `inputs`; one with several players or passes overrides `losses`.
    """

    def __init__(
        self,
        network: nn.Module,
        trunk: nn.Module,
        pictures: ManipulatedSet,
        recipe: LocalizeRecipe,
        losses: Losses = plain_losses,
        teacher: np.ndarray | None = None,
    ):
        """teacher: see LocalizeBatches."""
        self.network, self.recipe, self._losses = network, recipe, losses
        self.trunk = trunk.to(memory_format=torch.channels_last)  # twice as fast with groups of one channel
        self.batches, self.progress = LocalizeBatches(pictures, recipe, teacher), 0.0
        self.module = nn.ModuleDict({"network": network})
        self.module.register_buffer("settled", torch.tensor(False))
        if recipe.train_trunk:
            self.module["trunk"] = trunk
        else:
            trunk.eval().requires_grad_(False)
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.players = {"localizer": [{"params": parameters, "lr": recipe.learning_rate}]}

    def begin(self, step: int, progress: float) -> None:
        """Before each step. The pairs of a batch share its statistics: a network that is trained with them
        alone ranks the places of a batch, and gives single pictures logits of another level."""
        self.progress = progress
        if progress < self.recipe.settled:
            return
        if not self.module.settled:
            recompute_statistics(self.module, lambda rng: self.outputs(self.batch(rng)))
            self.module.settled.fill_(True)
        self.module.eval()

    def batch(self, rng: np.random.Generator) -> LocalizeBatch:
        """The pictures of a step."""
        return self.batches.draw(rng)

    def maps(self, images: Tensor) -> list[Tensor]:
        """The trunk's maps of images (B, 3, H, W); with gradients where the trunk is trained."""
        with torch.set_grad_enabled(self.recipe.train_trunk and torch.is_grad_enabled()):
            return self.trunk(images.contiguous(memory_format=torch.channels_last))

    def inputs(self, batch: LocalizeBatch, maps: list[Tensor]) -> dict[str, Tensor]:
        """Extra inputs of the network by the name of its parameters."""
        return {}

    def outputs(self, batch: LocalizeBatch) -> LocalizerOutputs:
        """Of the network for a batch."""
        maps = self.maps(batch.images)
        return self.network(batch.images, maps, **self.inputs(batch, maps))

    def losses(
        self, batch: LocalizeBatch, rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The losses of one step."""
        yield "localizer", self._losses(self.outputs(batch), batch, rng, self.progress)


def run(
    build: Callable[[ManipulatedSet], LocalizerTraining],
    recipe: LocalizeRecipe,
    data: Path,
    weights: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on the set in `data` and write the calibrated weights; the last row of the log, and the scores.

    build: the system for the train split; initial parameters are drawn from torch's generator, seeded here.
    The folder of `weights` gets the checkpoint and the log.
    """
    pictures = ManipulatedSet.read(data, "train")

    def make(device: torch.device) -> LocalizerTraining:
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            return build(pictures)

    def save(system: LocalizerTraining, metadata: dict[str, str]) -> dict[str, float]:
        if system.module.settled:
            system.module.eval()
        else:
            recompute_statistics(system.module, lambda rng: system.outputs(system.batch(rng)))
        tensors, scores = calibrate(system, ManipulatedSet.read(data, "val"))
        others = {name: torch.from_numpy(value).contiguous() for name, value in tensors.items()}
        trunk = stored_state(system.trunk)
        if recipe.train_trunk:
            others |= {TRUNK + name: value for name, value in trunk.items()}
            metadata = metadata | {"trunk": json.dumps(asdict(system.trunk.config))}
        metadata = metadata | {"trunk_sha256": fingerprint({n: v.numpy() for n, v in trunk.items()})}
        save_network(system.network, weights, metadata, prefix=PREFIX, others=others)
        return scores

    photos = len(pictures.entries)
    return run_recipe(make, recipe, weights.parent, save, photos=photos, minutes=minutes, resume=resume)


@torch.no_grad()
def calibrate(
    system: LocalizerTraining, held_out: ManipulatedSet
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Tensors of the calibrations of cells and pictures, and scores, on a split that was not trained on.

    A picture is taken nearly whole, as at run time: squares of a training have larger shares of regions.
    """
    side = max(system.recipe.side, len(held_out.pictures[0]) * 4 // 5 // _STEP * _STEP)
    batches = LocalizeBatches(held_out, replace(system.recipe, supervision="masks", focused=0.0, side=side))
    logits, labels, pictures = [], [], []
    for number in range(_HELD_OUT):
        batch = batches.draw(np.random.default_rng((SEED, 3, number)))
        logits.append(system.outputs(batch).logits.flatten(1).double().numpy())
        labels.append(batch.labels.flatten(1).numpy())
        pictures.append(batch.manipulated.numpy() > 0)
    logit, label, manipulated = map(np.concatenate, (logits, labels, pictures))
    return fit_localizer(logit, label, manipulated, np.random.default_rng((SEED, 4)))
