"""Training of GocNet by a named recipe; the calibrated weights go to OUT/gocnet.safetensors.

    underdrawing train gocnet --data SET -o runs/gocnet [--recipe NAME] [--resume]

SET is a folder of `underdrawing forge`. OUT gets checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch

from underdrawing.content.face_trunk.starting import ABLATION_STEPS, StartedRecipe, start_trunks
from underdrawing.data.face_set import FaceSet
from underdrawing.systems.gocnet.network import HEAD_SIDE, RELEASED, Config, GocNet
from underdrawing.train import classify

DEFAULT = "lean"


@dataclass(frozen=True)
class GocNetRecipe(StartedRecipe):
    """Training of a network."""

    network: Config = field(default_factory=Config)
    head_rate: float = 1.0
    """Learning rate of the head as a share of the others'."""


_LEAN = GocNetRecipe(
    network=RELEASED, learning_rate=1e-3, minutes=25.0, imagenet=True, squares=0.3, head_rate=1 / HEAD_SIDE**2
)
_ABLATION = replace(_LEAN, steps=ABLATION_STEPS)


_RESNET = replace(RELEASED, lite=False, width=12)


def _with(**changes: object) -> GocNetRecipe:
    """The recipe of the ablations with another network."""
    return replace(_ABLATION, network=replace(_ABLATION.network, **changes))


def _front_end(name: str, stem: Literal["published", "magnitudes"] = "published") -> GocNetRecipe:
    """One trunk, which knows ImageNet, on a front end in the place of the picture; as many steps for all."""
    network = replace(RELEASED, one_trunk=True, front_end=name, stem=stem)
    return replace(_LEAN, network=network, steps=360)


RECIPES: dict[str, GocNetRecipe] = {
    "paper": GocNetRecipe(
        side=299, learning_rate=1e-4, warmup=0.0, epochs=10, average=0.0, dense=0.0, ranking=0.0
    ),
    "lean": _LEAN,
    "resnet": replace(_LEAN, network=_RESNET),
    "front-end-rgb": _front_end("rgb"),
    "front-end-srm": _front_end("srm"),
    "front-end-bayar": _front_end("bayar"),
    "front-end-tp": _front_end("tp"),
    "front-end-tp-magnitudes": _front_end("tp", "magnitudes"),
    "mta-none": _with(mta="none"),
    "mta-replace": _with(mta="replace"),
    "mta-gate": _ABLATION,
    "smoke": replace(
        _LEAN, network=Config(side=64, width=8, stem="magnitudes"), side=64, batch=8, steps=20, imagenet=False
    ),
}
"""By the name that `--recipe` takes."""


class GocNetTraining(classify.Classification):
    """The network with a rate of its own for the head."""

    def __init__(self, network: GocNet, faces: FaceSet, recipe: GocNetRecipe):
        head = list(network.head.parameters())
        others = [value for name, value in network.named_parameters() if not name.startswith("head.")]
        rate = recipe.learning_rate
        groups = [{"params": others, "lr": rate}, {"params": head, "lr": recipe.head_rate * rate}]
        super().__init__(network, faces, recipe, groups=groups)


def make(
    recipe: GocNetRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of faces; see train.classify."""

    def build(faces: FaceSet) -> GocNetTraining:
        network = GocNet(recipe.network)
        start_trunks(recipe, *(trunk for trunk in (network.trunk, network.mta_trunk) if trunk is not None))
        if recipe.started:
            torch.nn.init.zeros_(network.head.weight)  # random ones would disturb the trained trunks
        return GocNetTraining(network, faces, recipe)

    return classify.run(build, recipe, data, out / "gocnet.safetensors", minutes=minutes, resume=resume)
