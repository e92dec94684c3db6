"""Training of GRnet by a named recipe; the calibrated weights go to OUT/grnet.safetensors.

    underdrawing train grnet --data SET -o runs/grnet [--recipe NAME] [--resume]

SET is a folder of `underdrawing forge`. OUT gets checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from underdrawing.content.face_trunk.network import start_from
from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.systems.grnet.network import RELEASED, Config, GRNet
from underdrawing.train import classify

DEFAULT = "lean"


@dataclass(frozen=True)
class GRNetRecipe(classify.ClassifyRecipe):
    """Training of a network."""

    network: Config = field(default_factory=Config)
    start: bool = False
    """Start the trunks from the block face-trunk, which was trained on the same faces."""


def losses(
    network: GRNet, outputs: FaceOutputs, labels: Tensor, kinds: Tensor, rng: np.random.Generator
) -> dict[str, Tensor]:
    """Cross-entropy of the logit of F, with alpha of this batch, and L_1, L_2 of the streams' own logits."""
    streams = outputs.parts["streams"].unbind(1)
    own = torch.stack([binary_cross_entropy_with_logits(logit, labels) for logit in streams])
    fused = network.fused_logit(outputs.parts["shares"], network.weighting.of_losses(own))
    return {"fused": binary_cross_entropy_with_logits(fused, labels), "spatial": own[0], "residual": own[1]}


_LEAN = GRNetRecipe(network=RELEASED, learning_rate=2e-3, minutes=25.0, start=True)
_ABLATION = replace(_LEAN, minutes=5.0)


def _with(**changes: object) -> GRNetRecipe:
    """The recipe of the ablations with another network."""
    return replace(_ABLATION, network=replace(_ABLATION.network, **changes))


RECIPES: dict[str, GRNetRecipe] = {
    "paper": GRNetRecipe(side=299, learning_rate=1e-4, warmup=0.0, epochs=10, average=0.0, dense=0.0),
    "lean": _LEAN,
    "alpha-smaller-loss": _ABLATION,
    "alpha-larger-loss": _with(alpha="larger_loss"),
    "alpha-trained": _with(alpha="trained"),
    "alpha-equal": _with(alpha="equal"),
    "attention-published": _with(residual_attention=False),
    "smoke": replace(_LEAN, network=Config(side=64, width=4), side=64, batch=8, steps=20),
}
"""By the name that `--recipe` takes."""


def make(
    recipe: GRNetRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of faces; see train.classify."""

    def build(faces: classify.FaceSet) -> classify.Classification:
        network = GRNet(recipe.network)
        if recipe.start:
            start_from(*network.trunks)
        return classify.Classification(network, faces, recipe, lambda *arguments: losses(network, *arguments))

    return classify.run(build, recipe, data, out / "grnet.safetensors", minutes=minutes, resume=resume)
