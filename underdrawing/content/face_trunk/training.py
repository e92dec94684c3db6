"""Training of the trunk; the calibrated weights go to OUT/face-trunk.safetensors.

    underdrawing train face-trunk --data SET -o runs/face-trunk [--resume]

SET is a folder of `underdrawing forge`. OUT gets checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from underdrawing.content.face_trunk.network import Config, FaceTrunk
from underdrawing.data.face_set import FaceSet
from underdrawing.nets.lite_trunk import start_from_imagenet
from underdrawing.train import classify

DEFAULT = "lean"


@dataclass(frozen=True)
class TrunkRecipe(classify.ClassifyRecipe):
    """Training of a trunk."""

    network: Config = field(default_factory=Config)
    imagenet: bool = False
    """Whether trunks of EfficientNet-Lite0 start from what it learned from ImageNet."""


_RESNET = TrunkRecipe(learning_rate=2e-3, minutes=60.0)
RECIPES: dict[str, TrunkRecipe] = {
    "lean": TrunkRecipe(
        network=Config(lite=True), imagenet=True, learning_rate=1e-3, squares=0.3, minutes=45.0
    ),
    "resnet": _RESNET,
    "smoke": replace(_RESNET, network=Config(width=8), side=64, batch=8, steps=20),
}
"""By the name that `--recipe` takes."""


def make(
    recipe: TrunkRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of faces; see train.classify."""

    def build(faces: FaceSet) -> classify.Classification:
        network = FaceTrunk(recipe.network)
        if recipe.imagenet:
            start_from_imagenet(network.picture, network.traces)
        return classify.Classification(network, faces, recipe)

    return classify.run(
        build,
        recipe,
        data,
        out / "face-trunk.safetensors",
        minutes=minutes,
        resume=resume,
    )
