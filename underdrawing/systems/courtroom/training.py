"""Training of Courtroom by a named recipe; the calibrated weights go to OUT/courtroom.safetensors.

    underdrawing train courtroom --data SET -o runs/courtroom [--recipe NAME] [--resume]

SET is a folder of `underdrawing manipulate`. OUT gets checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.network import ManipulationTrunk, load_trunk
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.systems.courtroom.losses import Trial, Truth, frozen, judge_terms, sampled, stream_terms
from underdrawing.systems.courtroom.network import RELEASED, Config, Courtroom
from underdrawing.train import localize

DEFAULT = "lean"


@dataclass(frozen=True)
class CourtroomRecipe(localize.LocalizeRecipe):
    """Training of a network."""

    network: Config = field(default_factory=Config)
    """Of the streams and the judge."""
    trial: Trial = field(default_factory=Trial)
    """Losses and stages."""


class CourtroomTraining(localize.LocalizerTraining):
    """The network with a value head, the baseline of the judge's rewards; it is not released."""

    def __init__(
        self, network: Courtroom, trunk: nn.Module, pictures: ManipulatedSet, recipe: CourtroomRecipe
    ) -> None:
        super().__init__(network, trunk, pictures, recipe, self._of_stage)
        self.trial, self.step = recipe.trial, recipe.network.step
        self.value: nn.Conv2d | None = None
        if recipe.network.judge:
            self.value = nn.Conv2d(recipe.network.judge_width, 1, 1)
            nn.init.zeros_(self.value.weight)
            nn.init.zeros_(self.value.bias)
            self.module["value"] = self.value
            self.players["localizer"][0]["params"] += list(self.value.parameters())

    def _of_stage(
        self,
        outputs: LocalizerOutputs,
        batch: localize.LocalizeBatch,
        rng: np.random.Generator,
        progress: float,
    ) -> dict[str, Tensor]:
        """Losses of the stage at `progress`; without a judge, that of the streams lasts for the run."""
        truth, trial, terms = Truth.of(batch), self.trial, {}
        joint = progress >= trial.joint_from
        if self.value is None or joint or progress < trial.judge_from:
            terms |= stream_terms(outputs.parts, truth, trial)
        if self.value is not None and progress >= trial.judge_from:
            judged = outputs if joint else frozen(outputs)
            value, action = self.value(judged.parts["blocks"]), sampled(judged.parts["actions"], rng)
            terms |= judge_terms(judged.parts | {"value": value}, truth, self.step, trial, action)
        return terms


_LEAN = CourtroomRecipe(
    network=RELEASED,
    learning_rate=1e-3,
    steps=localize.STEPS,
    focused=localize.FOCUSED,
    settled=localize.SETTLED,
)


def _without(**changes: object) -> CourtroomRecipe:
    """`lean` with another network."""
    return replace(_LEAN, network=replace(RELEASED, **changes))


RECIPES: dict[str, CourtroomRecipe] = {
    "paper": CourtroomRecipe(side=512, batch=8, learning_rate=1e-4, epochs=50, train_trunk=True),
    "lean": _LEAN,
    "no-suppression": _without(suppression=False),
    "no-debate": _without(rounds=0),
    "no-judge": _without(judge=False),
    "streams": _without(suppression=False, rounds=0, judge=False),
    "smoke": replace(
        _LEAN,
        network=replace(RELEASED, widths=(8, 8, 8, 8), debate_width=4, judge_width=8),
        side=64,
        batch=4,
        steps=20,
        train_trunk=True,
    ),
}
"""By the name that `--recipe` takes."""


def build(pictures: ManipulatedSet, recipe: CourtroomRecipe) -> CourtroomTraining:
    """The system of a recipe, on the released trunk or, where that is trained too, on a new one."""
    trunk = ManipulationTrunk() if recipe.train_trunk else load_trunk()
    return CourtroomTraining(Courtroom(recipe.network), trunk, pictures, recipe)


def make(
    recipe: CourtroomRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of manipulated pictures; see train.localize."""
    weights = out / "courtroom.safetensors"
    return localize.run(
        lambda pictures: build(pictures, recipe), recipe, data, weights, minutes=minutes, resume=resume
    )
