"""Training of the trunk with the plain head, or of the head alone, to OUT/manipulation-trunk.safetensors.

    underdrawing train manipulation-trunk --data SET -o runs/manipulation-trunk [--recipe NAME] [--resume]

SET is a folder of `underdrawing manipulate`. OUT gets checkpoint.pt and log.jsonl. The recipes named after a
supervision train a new head on the released trunk: `masks` is the ceiling and `pictures` the floor of the
comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from underdrawing.content.manipulation_trunk.network import Config, ManipulationTrunk, load_trunk
from underdrawing.content.manipulation_trunk.plain_head import HeadConfig, PlainHead
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.train import localize

DEFAULT = "lean"


@dataclass(frozen=True)
class TrunkRecipe(localize.LocalizeRecipe):
    """Training of the trunk, or of a head on it."""

    network: Config = field(default_factory=Config)
    """Of the trunk, where it is trained."""
    head: HeadConfig = field(default_factory=HeadConfig)


_LEAN = TrunkRecipe(train_trunk=True, side=192, learning_rate=2e-3, minutes=120.0)
_HEAD = TrunkRecipe(learning_rate=2e-3, minutes=25.0)
_SMALL = (8, 16, 16, 16)
RECIPES: dict[str, TrunkRecipe] = {
    "lean": _LEAN,
    "masks": _HEAD,
    "boxes": replace(_HEAD, supervision="boxes"),
    "scribbles": replace(_HEAD, supervision="scribbles"),
    "pictures": replace(_HEAD, supervision="pictures"),
    "smoke": replace(
        _LEAN, network=Config(_SMALL, (1, 1, 1, 1)), head=HeadConfig(_SMALL, 8), side=64, batch=4, steps=20
    ),
}
"""By the name that `--recipe` takes."""


def make(
    recipe: TrunkRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of manipulated pictures; see train.localize."""

    def build(pictures: ManipulatedSet) -> localize.LocalizerTraining:
        trunk = ManipulationTrunk(recipe.network) if recipe.train_trunk else load_trunk()
        return localize.LocalizerTraining(PlainHead(recipe.head), trunk, pictures, recipe)

    weights = out / "manipulation-trunk.safetensors"
    return localize.run(build, recipe, data, weights, minutes=minutes, resume=resume)
