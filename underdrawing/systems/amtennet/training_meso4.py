"""Training of Meso-4, the peer of AMTENnet in the tables; the weights go to OUT/meso4.safetensors.

    underdrawing train meso4 --data SET -o runs/meso4 [--resume]

SET is a folder of `underdrawing forge`; set, camera path and schedule are those of AMTENnet's lean recipe.
"""

from __future__ import annotations

from pathlib import Path

from underdrawing.nets.meso4 import Config, Meso4
from underdrawing.train import classify

RECIPES = {
    "default": classify.ClassifyRecipe(minutes=25.0, learning_rate=2e-3),
    "smoke": classify.ClassifyRecipe(batch=4, side=64, steps=20),
}
"""By the name that `--recipe` takes."""
DEFAULT = "default"


def make(
    recipe: classify.ClassifyRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train, calibrate and write out/meso4.safetensors; see train.run."""
    return classify.run(
        lambda faces: classify.Classification(Meso4(Config(recipe.side)), faces, recipe),
        recipe, data, out / "meso4.safetensors", minutes=minutes, resume=resume,
    )  # fmt: skip
