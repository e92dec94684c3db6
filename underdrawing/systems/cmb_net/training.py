"""Training of CMB-Net by a named recipe; the calibrated weights go to OUT/cmb_net.safetensors.

    underdrawing train cmb-net --data SET -o runs/cmb-net [--recipe NAME] [--resume]

SET is a folder of `underdrawing manipulate`. Each picture of a batch gets a text of `observer.py`, or none.
Half of the batches take their pictures for parts of larger ones, as tiles are at run time. The calibration is
that of pictures without a text.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from underdrawing.content.manipulation_trunk.network import Config as TrunkConfig
from underdrawing.content.manipulation_trunk.network import ManipulationTrunk, load_trunk
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.systems.cmb_net.ambiguity import matching
from underdrawing.systems.cmb_net.losses import deep_supervision
from underdrawing.systems.cmb_net.network import CMBNet, Config
from underdrawing.systems.cmb_net.observer import WHOLE, Observer, observe
from underdrawing.systems.cmb_net.words import encode
from underdrawing.train import localize
from underdrawing.train.localize import (
    FOCUSED,
    SETTLED,
    STEPS,
    LocalizeBatch,
    LocalizeRecipe,
    LocalizerTraining,
)

DEFAULT = "lean"
_PARTS = 0.5  # share of the batches whose pictures are parts of larger ones
_LEAST_PART = 0.3  # of the sides of the whole


@dataclass(frozen=True)
class CMBNetRecipe(LocalizeRecipe):
    """Training of CMB-Net."""

    network: Config = field(default_factory=Config)
    trunk: TrunkConfig | None = None
    """Of a new trunk, with `train_trunk`; None: the released one."""
    observer: Observer = field(default_factory=Observer)
    """Writes the texts."""
    matching: float = 0.1
    """Weight of the loss that relates the ambiguity to whether a text is right."""


_LEAN = CMBNetRecipe(learning_rate=2e-3, steps=STEPS, focused=FOCUSED, settled=SETTLED)
_PVT, _TINY = (64, 128, 320, 512), (8, 16, 16, 16)

RECIPES: dict[str, CMBNetRecipe] = {
    "paper": CMBNetRecipe(
        network=Config(_PVT, width=64, couplings=2, interactions=4, dimensions=32),
        trunk=TrunkConfig(_PVT, (3, 4, 6)), train_trunk=True, side=512, matching=0.0,
        learning_rate=1e-4, epochs=70, warmup=0.0, average=0.0,
    ),
    "lean": _LEAN,
    "no-text": replace(_LEAN, observer=Observer(silent=1.0)),
    "no-itcam": replace(_LEAN, network=Config(itcam=False)),
    "no-red": replace(_LEAN, network=Config(red=False)),
    "smoke": replace(_LEAN, network=Config(_TINY, width=16, dimensions=4),
                     trunk=TrunkConfig(_TINY, traces=(8, 8, 8)), train_trunk=True, side=64, batch=4,
                     steps=20),
}  # fmt: skip
"""By the name that `--recipe` takes."""


@dataclass(frozen=True)
class TextBatch(LocalizeBatch):
    """Pictures and what is written about them."""

    words: Tensor
    """(B, WORDS, CODE)."""
    present: Tensor
    """(B, WORDS)."""
    extent: Tensor
    """(B, 4): of the pictures in the whole ones, in [0, 1]."""
    right: Tensor
    """(B,): 1 where the text is right."""


class CMBNetTraining(LocalizerTraining):
    """The network with the texts of its batches."""

    recipe: CMBNetRecipe

    def batch(self, rng: np.random.Generator) -> TextBatch:
        """The pictures of a step, and their texts."""
        return self.with_texts(super().batch(rng), rng)

    def with_texts(self, batch: LocalizeBatch, rng: np.random.Generator) -> TextBatch:
        """A batch with texts of the recipe's observer."""
        kinds = ("", *self.batches.kinds)
        extent = _part(rng) if rng.random() < _PARTS else WHOLE
        regions, observer = batch.masks[:, 0].numpy(), self.recipe.observer
        statements = [
            observe(region, kinds[kind], extent, observer, rng)
            for region, kind in zip(regions, batch.kinds.tolist(), strict=True)
        ]
        codes, present = zip(*(encode(statement.text) for statement in statements), strict=True)
        return TextBatch(
            **{part.name: getattr(batch, part.name) for part in fields(LocalizeBatch)},
            words=torch.from_numpy(np.stack(codes)),
            present=torch.from_numpy(np.stack(present)),
            extent=torch.from_numpy(extent).expand(len(statements), 4),
            right=torch.tensor([float(statement.right) for statement in statements]),
        )

    def inputs(self, batch: LocalizeBatch, maps: list[Tensor]) -> dict[str, Tensor]:
        """Words of a batch that has texts."""
        names = ("words", "present", "extent") if isinstance(batch, TextBatch) else ()
        return {name: getattr(batch, name) for name in names}


def _part(rng: np.random.Generator) -> np.ndarray:
    """A square part of a picture: x0, y0, x1, y1 float32 in [0, 1]."""
    side = rng.uniform(_LEAST_PART, 1)
    x, y = rng.uniform(0, 1 - side, 2)
    return np.array([x, y, x + side, y + side], np.float32)


def losses(outputs: LocalizerOutputs, batch: TextBatch, weight: float) -> dict[str, Tensor]:
    """Those of the masks and edges, and of the ambiguity."""
    present = batch.present.amax(1)
    ambiguity = weight * matching(outputs.parts["divergence"], batch.right, present)
    return deep_supervision(outputs.parts, batch.labels) | {"matching": ambiguity}


def build(pictures: ManipulatedSet, recipe: CMBNetRecipe) -> CMBNetTraining:
    """The system of a recipe."""

    def terms(outputs: LocalizerOutputs, batch: TextBatch, *_: object) -> dict[str, Tensor]:
        return losses(outputs, batch, recipe.matching)

    trunk = ManipulationTrunk(recipe.trunk) if recipe.trunk else load_trunk()
    return CMBNetTraining(CMBNet(recipe.network), trunk, pictures, recipe, terms)


def make(
    recipe: CMBNetRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of manipulated pictures; see train.localize."""
    return localize.run(
        lambda pictures: build(pictures, recipe), recipe, data, out / "cmb_net.safetensors",
        minutes=minutes, resume=resume,
    )  # fmt: skip
