"""Training of DPNet with Forgery Guided Learning; the weights go to OUT/dpnet_fgl.safetensors.

    underdrawing train dpnet-fgl --recipe lean --data SET -o runs/dpnet-fgl [--resume]

SET is a set of faces that `underdrawing forge` wrote. Recipes: recipes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from underdrawing.content.face_trunk.starting import start_trunks
from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import FaceSet
from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.systems.dpnet_fgl.guidance import Guidance, Parameters, direction, guided
from underdrawing.systems.dpnet_fgl.losses import detection
from underdrawing.systems.dpnet_fgl.network import DPNet
from underdrawing.systems.dpnet_fgl.recipes import RECIPES as RECIPES
from underdrawing.systems.dpnet_fgl.recipes import DPNetRecipe
from underdrawing.train import classify
from underdrawing.train.classify import Classification, FaceBatch

DEFAULT = "lean"


class ForgeryGuided(Classification):
    """A batch is two thirds known kinds, one third the pseudo-unknown kind, each half real."""

    def __init__(
        self, network: DPNet, faces: FaceSet, recipe: DPNetRecipe, losses: classify.Losses, rule: Guidance
    ) -> None:
        """rule: of FGL. UsageError for a set with fewer than two kinds of forgery."""
        super().__init__(network, faces, recipe, losses)
        if len(faces.kinds) < 2:
            raise UsageError(f"FGL holds one kind of forgery out; the set has only {faces.kinds}")
        pairs = recipe.batch // 2
        self._rule, self._known_pairs, self._unknown_pairs = rule, pairs - pairs // 3, pairs // 3

    def batch(self, rng: np.random.Generator) -> FaceBatch:
        """First the faces of the known kinds, then those of the pseudo-unknown one."""
        unknown, *known = rng.permutation(len(self.batches.kinds))
        kinds = [rng.choice(known, self._known_pairs), np.full(self._unknown_pairs, unknown)]
        return self.batches.draw(rng, np.concatenate(kinds))

    def losses(self, batch: FaceBatch, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """L_K and (1 + D) L_u; the virtual step moves the network, not the heads of the masks."""
        border, name = 2 * self._known_pairs, "network."

        def on(part: FaceBatch) -> Callable[[Parameters], tuple[Tensor, Tensor]]:
            def loss(theta: Parameters) -> tuple[Tensor, Tensor]:
                own = {key.removeprefix(name): value for key, value in theta.items() if key.startswith(name)}
                outputs = functional_call(self.network, own, (part.faces,))
                terms = torch.stack(list(self.terms(outputs, part, rng).values()))
                return terms.sum(), direction(outputs.embedding, part.labels)

            return loss

        parts = (on(_part(batch, slice(border))), on(_part(batch, slice(border, None))))
        yield "detector", guided(dict(self.module.named_parameters()), *parts, self._rule)


def _part(batch: FaceBatch, faces: slice) -> FaceBatch:
    return FaceBatch(*(getattr(batch, field.name)[faces] for field in fields(batch)))


def build(faces: FaceSet, recipe: DPNetRecipe) -> Classification:
    """The system of a recipe."""
    network = DPNet(replace(recipe.network, side=recipe.side))
    if network.spatial is not None:
        start_trunks(recipe, network.spatial.trunk)

    def losses(
        outputs: FaceOutputs, labels: Tensor, kinds: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        return detection(outputs, labels, recipe.contrast)

    if recipe.guidance is None:
        return Classification(network, faces, recipe, losses)
    return ForgeryGuided(network, faces, recipe, losses, recipe.guidance)


def make(
    recipe: DPNetRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on a set of faces; see train.classify."""
    weights = out / "dpnet_fgl.safetensors"
    return classify.run(
        lambda faces: build(faces, recipe), recipe, data, weights, minutes=minutes, resume=resume
    )
