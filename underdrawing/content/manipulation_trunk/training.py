"""Training of the trunk with the plain head, or of the head alone, to OUT/manipulation-trunk.safetensors.

    underdrawing train manipulation-trunk --data SET -o runs/manipulation-trunk [--recipe NAME] [--resume]

SET is a folder of `underdrawing manipulate`. OUT gets checkpoint.pt and log.jsonl. The recipes named after a
supervision train a new head on the released trunk: `masks` is the ceiling and `pictures` the floor of the
comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from underdrawing.attacks.manipulation.chain import Ranges
from underdrawing.content.manipulation_trunk.network import Config, ManipulationTrunk, load_trunk
from underdrawing.content.manipulation_trunk.plain_head import HeadConfig, PlainHead, load_head
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.losses.localization import (
    balanced_loss,
    dice_by_picture,
    labelled_loss,
    picture_loss,
    ranking_loss,
)
from underdrawing.nets.efficientnet_lite import load_efficientnet_lite
from underdrawing.nets.lite_trunk import IMAGENET
from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.nets.package_weights import package_weights
from underdrawing.train import localize

DEFAULT = "lean"


@dataclass(frozen=True)
class TrunkRecipe(localize.LocalizeRecipe):
    """Training of the trunk, or of a head on it."""

    network: Config = field(default_factory=Config)
    """Of the trunk, where it is trained."""
    head: HeadConfig = field(default_factory=HeadConfig)
    start: Literal["imagenet", "released", "random"] = "imagenet"
    """Of the trunk: colours of EfficientNet-Lite0, trained on ImageNet; trunk and head as they were released;
    or random parameters."""
    by_picture: bool = False
    """Whether the losses are those of a network that ranks cells already: each picture sets its own level."""


_LEAN = TrunkRecipe(
    train_trunk=True,
    side=128,
    focused=0.8,
    chain=Ranges(plain=0.25),
    settled=0.6,
    learning_rate=1e-3,
    minutes=120.0,
)
_HEAD = TrunkRecipe(
    learning_rate=2e-3, steps=localize.STEPS, focused=localize.FOCUSED, settled=localize.SETTLED
)
_FURTHER = replace(
    _LEAN,
    start="released",
    by_picture=True,
    side=192,
    focused=0.6,
    chain=Ranges(),
    settled=0.0,
    learning_rate=5e-4,
)
_SMALL = (8, 16, 16, 16)
RECIPES: dict[str, TrunkRecipe] = {
    "lean": _LEAN,
    "further": _FURTHER,
    "masks": _HEAD,
    "boxes": replace(_HEAD, supervision="boxes"),
    "scribbles": replace(_HEAD, supervision="scribbles"),
    "pictures": replace(_HEAD, supervision="pictures"),
    "smoke": replace(
        _LEAN,
        network=Config(_SMALL, traces=(8, 8, 8)),
        head=HeadConfig(_SMALL, 8),
        start="random",
        side=64,
        batch=4,
        steps=20,
    ),
}
"""By the name that `--recipe` takes."""


def new_trunk(recipe: TrunkRecipe) -> ManipulationTrunk:
    """A trunk to train. MissingExtraError where it starts from a package that is not installed."""
    match recipe.start:
        case "released":
            return load_trunk().requires_grad_(True)
        case "random":
            return ManipulationTrunk(recipe.network)
    start = load_efficientnet_lite(package_weights(*IMAGENET)).train().requires_grad_(True)
    return ManipulationTrunk(recipe.network, start)


def new_head(recipe: TrunkRecipe) -> PlainHead:
    """A plain head to train; with a released trunk that is trained further, the released one."""
    if recipe.train_trunk and recipe.start == "released":
        return load_head().requires_grad_(True)
    return PlainHead(recipe.head)


def first_losses(
    outputs: LocalizerOutputs, batch: localize.LocalizeBatch, rng: np.random.Generator, progress: float
) -> dict[str, Tensor]:
    """With masks, for a trunk that starts from random parameters: small regions count as large ones."""
    logits, labels = outputs.logits, batch.labels
    return {"cells": balanced_loss(logits, labels), "ranking": 0.5 * ranking_loss(logits, labels)}


def further_losses(
    outputs: LocalizerOutputs, batch: localize.LocalizeBatch, rng: np.random.Generator, progress: float
) -> dict[str, Tensor]:
    """With masks, for a trunk that ranks the cells already."""
    logits, labels = outputs.logits, batch.labels
    return {
        "cells": labelled_loss(logits, labels),
        "dice": dice_by_picture(logits, labels),
        "ranking": 0.5 * ranking_loss(logits, labels),
        "picture": 0.2 * picture_loss(logits, batch.manipulated),
    }


def make(
    recipe: TrunkRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of manipulated pictures; see train.localize."""

    def build(pictures: ManipulatedSet) -> localize.LocalizerTraining:
        trunk = new_trunk(recipe) if recipe.train_trunk else load_trunk()
        of_trunk = further_losses if recipe.by_picture else first_losses
        losses = of_trunk if recipe.train_trunk else localize.plain_losses
        return localize.LocalizerTraining(new_head(recipe), trunk, pictures, recipe, losses)

    weights = out / "manipulation-trunk.safetensors"
    return localize.run(build, recipe, data, weights, minutes=minutes, resume=resume)
