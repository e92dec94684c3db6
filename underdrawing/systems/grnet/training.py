"""Training of GRnet by a named recipe; the calibrated weights go to OUT/grnet.safetensors.

    underdrawing train grnet --data SET -o runs/grnet [--recipe NAME] [--resume]

SET is a folder of `underdrawing forge`. OUT gets checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from underdrawing.content.face_trunk.starting import ABLATION_STEPS, StartedRecipe, start_trunks
from underdrawing.data.face_set import FaceSet
from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.systems.grnet.network import RELEASED, Config, GRNet
from underdrawing.train import classify

DEFAULT = "lean"


@dataclass(frozen=True)
class GRNetRecipe(StartedRecipe):
    """Training of a network."""

    network: Config = field(default_factory=Config)


class GRNetTraining(classify.Classification):
    """The network with a classifier of each stream, for the losses L_1 and L_2 that set alpha."""

    network: GRNet

    def __init__(self, network: GRNet, faces: FaceSet, recipe: GRNetRecipe):
        super().__init__(network, faces, recipe, self._cross_entropies)
        self.streams = nn.ModuleList([nn.Linear(network.head.in_features, 1) for _ in range(2)])
        self.module["streams"] = self.streams
        group = {"params": list(self.streams.parameters()), "lr": recipe.learning_rate}
        self.players["detector"].append(group)

    def _cross_entropies(
        self, outputs: FaceOutputs, labels: Tensor, kinds: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Of F with alpha of this batch, and of each stream."""
        means = outputs.parts["means"]
        spatial, residual = (
            binary_cross_entropy_with_logits(layer(mean)[:, 0], labels)
            for layer, mean in zip(self.streams, means.unbind(1), strict=True)
        )
        alpha = self.network.weighting.of_losses(torch.stack([spatial, residual]))
        logit, _ = self.network.classified(means, alpha)
        fused = binary_cross_entropy_with_logits(logit, labels)
        return {"fused": fused, "spatial": spatial, "residual": residual}


_LEAN = GRNetRecipe(network=RELEASED, learning_rate=1e-3, minutes=25.0, imagenet=True, squares=0.3)
_ABLATION = replace(_LEAN, steps=ABLATION_STEPS)


def _with(**changes: object) -> GRNetRecipe:
    """The recipe of the ablations with another network."""
    return replace(_ABLATION, network=replace(_ABLATION.network, **changes))


RECIPES: dict[str, GRNetRecipe] = {
    "paper": GRNetRecipe(
        side=299, learning_rate=1e-4, warmup=0.0, epochs=10, average=0.0, dense=0.0, ranking=0.0
    ),
    "lean": _LEAN,
    "resnet": replace(_LEAN, network=replace(RELEASED, lite=False, width=12)),
    "alpha-smaller-loss": _ABLATION,
    "alpha-larger-loss": _with(alpha="larger_loss"),
    "alpha-trained": _with(alpha="trained"),
    "alpha-equal": _with(alpha="equal"),
    "attention-published": _with(residual_attention=False),
    "smoke": replace(
        _LEAN, network=Config(side=64, width=8, stem="magnitudes"), side=64, batch=8, steps=20, imagenet=False
    ),
}
"""By the name that `--recipe` takes."""


def make(
    recipe: GRNetRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of faces; see train.classify."""

    def build(faces: FaceSet) -> classify.Classification:
        network = GRNet(recipe.network)
        start_trunks(recipe, *network.trunks)
        return GRNetTraining(network, faces, recipe)

    return classify.run(build, recipe, data, out / "grnet.safetensors", minutes=minutes, resume=resume)
