"""Training of AMTENnet on a set of faces; the weights go to OUT/amtennet.safetensors.

    underdrawing train amtennet --recipe lean --data SET -o runs/amtennet [--resume]

SET is a folder of `underdrawing forge`. Time and score: README.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from underdrawing.data.face_set import FaceSet
from underdrawing.systems.amtennet.network import RELEASED, AMTENnet, Config
from underdrawing.train import classify


@dataclass(frozen=True)
class LeanRecipe(classify.ClassifyRecipe):
    """Adam and a cosine schedule, for two processor cores."""

    network: Config = RELEASED


@dataclass(frozen=True)
class PaperRecipe(classify.ClassifyRecipe):
    """Stochastic gradient descent, as the published solver has it."""

    network: Config = field(default_factory=Config)
    batch: int = 64
    dense: float = 0.0
    paired: float = 0.0
    ranking: float = 0.0
    steps: int | None = 18_170
    clip: float = float("inf")
    average: float = 0.0
    learning_rate: float = 1e-3
    """At the start; biases learn at twice this rate."""
    momentum: float = 0.95
    weight_decay: float = 5e-3
    """Of weights and biases."""
    halve_after: int = 1000
    """Steps after which the rate is halved, again and again."""


class PublishedTraining(classify.Classification):
    """Optimizer and schedule of a PaperRecipe, for the loop."""

    recipe: PaperRecipe

    def __init__(self, network: AMTENnet, faces: FaceSet, recipe: PaperRecipe):
        learned = {name: value for name, value in network.named_parameters() if value.requires_grad}
        biases = [value for name, value in learned.items() if name.endswith("bias")]
        others = [value for name, value in learned.items() if not name.endswith("bias")]
        rate = recipe.learning_rate
        groups = [{"params": others, "lr": rate}, {"params": biases, "lr": 2 * rate}]
        super().__init__(network, faces, recipe, groups=groups)

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """For `train.loop`."""
        return torch.optim.SGD(groups, momentum=self.recipe.momentum, weight_decay=self.recipe.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rate at a step."""
        return 0.5 ** (step // self.recipe.halve_after)


RECIPES: dict[str, LeanRecipe | PaperRecipe] = {
    "paper": PaperRecipe(),
    "lean": LeanRecipe(minutes=75.0, learning_rate=2e-3),
    "smoke": LeanRecipe(network=Config(trunk=(4, 4, 8, 8), hidden=8), batch=4, steps=20),
}
"""By the name that `--recipe` takes."""
DEFAULT = "lean"


def make(
    recipe: LeanRecipe | PaperRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train, calibrate and write out/amtennet.safetensors; see train.run."""
    config = replace(recipe.network, side=recipe.side)

    def build(faces: FaceSet) -> classify.Classification:
        kind = PublishedTraining if isinstance(recipe, PaperRecipe) else classify.Classification
        return kind(AMTENnet(config), faces, recipe)

    return classify.run(build, recipe, data, out / "amtennet.safetensors", minutes=minutes, resume=resume)
