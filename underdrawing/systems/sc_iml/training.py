"""Training of Sc-IML from scribbles; the weights go to OUT/sc_iml.safetensors.

    underdrawing train sc-iml --data SET -o runs/sc-iml [--recipe NAME] [--resume]

SET is a folder of `underdrawing manipulate`. Recipes: recipes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.network import ManipulationTrunk, load_trunk
from underdrawing.core.errors import UsageError
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.nets.localizer_outputs import CELL, LocalizerOutputs
from underdrawing.nets.resnet18 import normalized
from underdrawing.systems.sc_iml import losses
from underdrawing.systems.sc_iml.bank import place_features
from underdrawing.systems.sc_iml.consistency import View, consistency
from underdrawing.systems.sc_iml.network import ScIML
from underdrawing.systems.sc_iml.recipes import RECIPES as RECIPES
from underdrawing.systems.sc_iml.recipes import PaperRecipe, ScIMLRecipe
from underdrawing.train import localize
from underdrawing.train.localize import LocalizeBatch, LocalizerTraining
from underdrawing.train.run import SEED

DEFAULT = "lean"
VIEW_SIDE, STEP = 0.6, 32
"""Side of a view as a share of the picture's, before it is rounded to a multiple of the trunk's stride."""
PLACES = 16
"""Places of each class that a picture gives to the choice of the banks, at most."""


class ScribbleTraining(LocalizerTraining):
    """Sc-IML and its losses, for the loop."""

    network: ScIML
    recipe: ScIMLRecipe

    def __init__(
        self, network: ScIML, trunk: nn.Module, pictures: ManipulatedSet, recipe: ScIMLRecipe
    ) -> None:
        """Fills the banks of the network. UsageError for pictures without scribbles of both classes."""
        super().__init__(network, trunk, pictures, recipe)
        if network.bank is not None:
            network.bank.fill(*self._scribbled_places(), np.random.default_rng((SEED, 6)))

    def losses(
        self, batch: LocalizeBatch, rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The losses of one step."""
        outputs = self.outputs(batch)
        terms = self.terms(outputs, batch)
        if self.recipe.ssc:
            view, side = View.draw(rng), batch.images.shape[-1]
            images = view(batch.images, STEP * round(VIEW_SIDE * side / STEP))
            q = self.network(images, self.maps(images)).logits.sigmoid()
            terms["ssc"] = consistency(outputs.logits.sigmoid(), q, view, side)
        yield "localizer", terms

    def terms(self, outputs: LocalizerOutputs, batch: LocalizeBatch) -> dict[str, Tensor]:
        """The losses that need no second view."""
        recipe, logits, labels = self.recipe, outputs.parts["logits"], batch.labels
        heads = logits.split(1, 1)
        terms = {"scribbles": torch.stack([losses.scribble_cross_entropy(z, labels) for z in heads]).sum()}
        if recipe.lsc:
            colour = F.avg_pool2d(normalized(batch.images), CELL)
            coherence = losses.local_coherence(logits.sigmoid(), colour, recipe.colour_sigmas)
            terms["lsc"] = recipe.lsc * coherence.sum()
        weight = recipe.cem * losses.ramp(self.progress, recipe.cem_start)
        if weight:
            z = losses.two_classes(heads[0]) if recipe.cem_classes == 2 else heads[0]
            terms["cem"] = weight * losses.confident_entropy(losses.entropy(z), labels)
        return terms

    @torch.no_grad()
    def _scribbled_places(self) -> tuple[Tensor, Tensor]:
        """Features (N, D) of manipulated and of authentic places under the scribbles of training pictures."""
        found: tuple[list[Tensor], list[Tensor]] = ([], [])
        for number in range(self.recipe.bank_pictures // self.recipe.batch):
            rng = np.random.default_rng((SEED, 5, number))
            batch = self.batches.draw(rng)
            features = place_features(self.maps(batch.images)).flatten(2).transpose(1, 2)
            for x, labels in zip(features, batch.labels, strict=True):
                met = [F.max_pool2d((labels == value).float(), 2).flatten() > 0 for value in (1, 0)]
                for own, other, class_found in zip(met, met[::-1], found, strict=True):
                    places = np.flatnonzero((own & ~other).numpy())
                    class_found.append(x[rng.permutation(places)[:PLACES]])
        manipulated, authentic = torch.cat(found[0]), torch.cat(found[1])
        if min(len(manipulated), len(authentic)) < 2:
            raise UsageError("banks need scribbles of both classes, and the train split has none")
        return manipulated, authentic


class PublishedTraining(ScribbleTraining):
    """Optimizer and schedule of a PaperRecipe."""

    recipe: PaperRecipe

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """For `train.loop`."""
        return torch.optim.AdamW(groups, weight_decay=self.recipe.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rate."""
        return 1.0 if progress < self.recipe.fall_after else 0.1


def build(pictures: ManipulatedSet, recipe: ScIMLRecipe) -> ScribbleTraining:
    """The system of a recipe."""
    trunk = load_trunk() if recipe.trunk is None else ManipulationTrunk(recipe.trunk)
    kind = PublishedTraining if isinstance(recipe, PaperRecipe) else ScribbleTraining
    return kind(ScIML(recipe.network), trunk, pictures, recipe)


def make(
    recipe: ScIMLRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of manipulated pictures; see train.localize."""
    weights = out / "sc_iml.safetensors"
    return localize.run(
        lambda pictures: build(pictures, recipe), recipe, data, weights, minutes=minutes, resume=resume
    )
