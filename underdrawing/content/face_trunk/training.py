"""Training of the trunk; the calibrated weights go to OUT/face-trunk.safetensors.

    underdrawing train face-trunk --data SET -o runs/face-trunk [--resume]

SET is a folder of `underdrawing forge`. OUT gets checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from underdrawing.content.face_trunk.network import Config, FaceTrunk
from underdrawing.train import classify

DEFAULT = "lean"


@dataclass(frozen=True)
class TrunkRecipe(classify.ClassifyRecipe):
    """Training of a trunk."""

    network: Config = field(default_factory=Config)


_LEAN = TrunkRecipe(learning_rate=2e-3, minutes=60.0)
RECIPES: dict[str, TrunkRecipe] = {
    "lean": _LEAN,
    "smoke": replace(_LEAN, network=Config(width=8), side=64, batch=8, steps=20),
}
"""By the name that `--recipe` takes."""


def make(
    recipe: TrunkRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of faces; see train.classify."""
    return classify.run(
        lambda faces: classify.Classification(FaceTrunk(recipe.network), faces, recipe),
        recipe,
        data,
        out / "face-trunk.safetensors",
        minutes=minutes,
        resume=resume,
    )
