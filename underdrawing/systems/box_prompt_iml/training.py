"""Training of BoxPromptIML's student by a named recipe, to OUT/box_prompt_iml.safetensors.

    underdrawing train box-prompt-iml --data SET -o runs/box-prompt-iml [--recipe NAME] [--resume]

SET is a folder of `underdrawing manipulate`, where the masks of the teacher are stored too. OUT gets
checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from underdrawing.content.manipulation_trunk import network as trunk
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.losses.localization import dice_loss, labelled_loss
from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.systems.box_prompt_iml.network import RELEASED, BoxPromptIML, Config
from underdrawing.systems.box_prompt_iml.teachers import teacher_masks
from underdrawing.train import localize

DEFAULT = "lean"


@dataclass(frozen=True)
class BoxPromptRecipe(localize.LocalizeRecipe):
    """Training of the student."""

    network: Config = RELEASED
    trunk: trunk.Config = field(default_factory=trunk.Config)
    """Where the trunk is trained too."""
    supervision: localize.Supervision = "boxes"
    teacher: str = "grabcut"
    """Of TEACHERS: makes the masks from the boxes."""
    dice: float = 0.0
    """Weight of the Dice loss beside the paper's one cross-entropy."""


_LEAN = BoxPromptRecipe(
    learning_rate=2e-3, steps=localize.STEPS, focused=localize.FOCUSED, settled=localize.SETTLED
)
_PAPER_MAPS = (64, 128, 160, 320)  # of TinyViT-5M (Wu et al. 2022, table 1), the paper's trunk
_SMALL = (8, 16, 16, 16)
RECIPES: dict[str, BoxPromptRecipe] = {
    "paper": BoxPromptRecipe(
        network=Config(channels=_PAPER_MAPS), trunk=trunk.Config(_PAPER_MAPS, (2, 2, 6)), train_trunk=True,
        side=224, teacher="promptable", learning_rate=1e-4, epochs=20, warmup=0.0, floor=1.0,
        clip=float("inf"), average=0.0,
    ),
    "lean": _LEAN,
    "teacher-box": replace(_LEAN, teacher="box"),
    "no-gates": replace(_LEAN, network=Config(gates=False)),
    "no-memory": replace(_LEAN, network=Config(memory=False)),
    "no-gates-no-memory": replace(_LEAN, network=Config(gates=False, memory=False)),
    "dice": replace(_LEAN, dice=1.0),
    "smoke": replace(
        _LEAN, network=Config(_SMALL, width=8, prototypes=8), trunk=trunk.Config(_SMALL, traces=(8, 8, 8)),
        train_trunk=True, side=64, batch=8, steps=20,
    ),
}  # fmt: skip
"""By the name that `--recipe` takes."""


class Distillation:
    """BCE(A_refined, M_teacher), and `dice` times the Dice loss."""

    def __init__(self, dice: float = 0.0) -> None:
        self.dice = dice

    def __call__(
        self,
        outputs: LocalizerOutputs,
        batch: localize.LocalizeBatch,
        rng: np.random.Generator,
        progress: float,
    ) -> dict[str, Tensor]:
        losses = {"loss": labelled_loss(outputs.logits, batch.labels)}
        if self.dice:
            losses["dice"] = self.dice * dice_loss(outputs.logits, batch.labels)
        return losses


def build(
    pictures: ManipulatedSet, recipe: BoxPromptRecipe, teacher: np.ndarray
) -> localize.LocalizerTraining:
    """The student on the trunk. teacher: M_teacher of all pictures, (N, S, S) uint8."""
    encoder = trunk.ManipulationTrunk(recipe.trunk) if recipe.train_trunk else trunk.load_trunk()
    student, losses = BoxPromptIML(recipe.network), Distillation(recipe.dice)
    return localize.LocalizerTraining(student, encoder, pictures, recipe, losses, teacher)


def make(
    recipe: BoxPromptRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of manipulated pictures; see train.localize."""

    def taught(pictures: ManipulatedSet) -> localize.LocalizerTraining:
        return build(pictures, recipe, teacher_masks(pictures, data, "train", recipe.teacher))

    weights = out / "box_prompt_iml.safetensors"
    return localize.run(taught, recipe, data, weights, minutes=minutes, resume=resume)
