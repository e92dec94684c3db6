"""How trunks of detectors start: from a trained FaceTrunk, or from what EfficientNet-Lite0 learned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from underdrawing.content.face_trunk.network import Config, FaceTrunk
from underdrawing.core.errors import UsageError
from underdrawing.nets.lite_trunk import LiteTrunk, start_from_imagenet
from underdrawing.nets.loading import load_network
from underdrawing.nets.resnet18 import start_trunk
from underdrawing.nets.trunks import Trunk
from underdrawing.nets.weights import read_metadata
from underdrawing.train.classify import PREFIX, ClassifyRecipe

ABLATION_STEPS = 200
"""Of each training of an ablation, so that all of a table see as many faces."""


@dataclass(frozen=True)
class StartedRecipe(ClassifyRecipe):
    """Training of a detector whose trunks do not start from random parameters."""

    imagenet: bool = False
    """Whether trunks of EfficientNet-Lite0 start from ImageNet, where no `trunk` is given."""
    trunk: str = ""
    """Weight file of `underdrawing train face-trunk` that the trunks start from; `--trunk FILE`."""

    @property
    def started(self) -> bool:
        """Whether the trunks know something before the first step."""
        return self.imagenet or bool(self.trunk)


def start_trunks(recipe: StartedRecipe, *trunks: Trunk) -> None:
    """Start trunks as the recipe says; attention modules and a stem with other inputs keep their own.

    From a trained one: the trunk with the same stem. UsageError where it was trained with kinds of forgeries
    that the recipe leaves out, or has other stages; WeightsError for a file that holds none;
    MissingExtraError where the package with EfficientNet-Lite0 is not installed.
    """
    if recipe.trunk:
        _start_from_file(Path(recipe.trunk), recipe.without, trunks)
    elif recipe.imagenet:
        start_from_imagenet(*(trunk for trunk in trunks if isinstance(trunk, LiteTrunk)))


def _start_from_file(path: Path, without: tuple[str, ...], trunks: tuple[Trunk, ...]) -> None:
    trained = load_network(path, Config, FaceTrunk, PREFIX)
    recipe = json.loads(read_metadata(path).get("recipe", "{}"))
    if known := sorted(set(without) - set(recipe.get("without", ()))):
        raise UsageError(f"{path}: was trained with {', '.join(known)}, which this training leaves out")
    stages = trained.picture.config.stages
    for trunk in trunks:
        if trunk.config.stages != stages:
            raise UsageError(f"{path}: has stages of {stages} channels, the recipe {trunk.config.stages}")
        start_trunk(trunk, trained.traces if trunk.config.stem == "magnitudes" else trained.picture)
