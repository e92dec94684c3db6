"""Training of WaveGuard on the faces of a set; the weights go to OUT/waveguard.safetensors.

    underdrawing train waveguard --recipe lean --data SET -o runs/waveguard [--resume]

SET is a folder of `underdrawing forge`; its real faces are marked, and forged anew in the training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.carriers.attackers import Resilience, fine_tune
from underdrawing.systems.waveguard.consistency import GraphConsistency, StencilConsistency
from underdrawing.systems.waveguard.model import WEIGHTS
from underdrawing.systems.waveguard.network import RELEASED, Config, WaveGuard, to_u
from underdrawing.train import bits
from underdrawing.train.marked_faces import BitsBatch
from underdrawing.train.real_faces import Faces

TRACER = bits.Head("tracer", weight=1.0)
DETECTOR = bits.Head("detector", weight=3.0, deepfakes=False)
FRAGILE = replace(DETECTOR, fragility=0.1)
"""With the term that the authors' code computes, weights by 0.1 and does not add."""
ALWAYS, OF_ELEVEN, OF_FOUR = bits.Ramp(1.0, 1.0), bits.Ramp(3 / 11, 3 / 11), bits.Ramp(1 / 4, 1 / 4)
"""Share of channels; those of the tracer's deepfakes: three of a pool of eleven, and one of four in `ais`."""
U_WEIGHT = 15.0
CONSISTENCY = 0.01
"""Weights of the mean square error of U in -1..1, and of SC-GNN."""


@dataclass(frozen=True)
class LeanRecipe(bits.BitsRecipe):
    """From the plain code, for a processor core."""

    network: Config = RELEASED
    heads: tuple[bits.Head, ...] = (TRACER, FRAGILE)
    consistency: float = CONSISTENCY
    """Weight of SC-GNN."""
    plain_rate: float = 0.2
    """Learning rate of the plain code as a share of the others'."""


@dataclass(frozen=True)
class AisRecipe(LeanRecipe):
    """Fine-tuning of the released weights against further embeddings (train.ais)."""

    minutes: float = 20.0
    learning_rate: float = 3e-4
    worst_of: int = 1
    channels: bits.Ramp = ALWAYS
    deepfakes: bits.Ramp = OF_FOUR
    picture: bits.Ramp = ALWAYS
    resilience: Resilience = field(default_factory=Resilience)


@dataclass(frozen=True)
class PaperRecipe(bits.BitsRecipe):
    """Losses, optimizer and schedule of the authors' code."""

    network: Config = field(default_factory=Config)
    batch: int = 32
    heads: tuple[bits.Head, ...] = (TRACER, DETECTOR)
    worst_of: int = 1
    channels: bits.Ramp = ALWAYS
    deepfakes: bits.Ramp = OF_ELEVEN
    epochs: int | None = 8
    learning_rate: float = 5e-4
    weight_decay: float = 1e-5
    clip: float = float("inf")
    average: float = 0.0


class LeanTraining(bits.BitsTraining):
    """SC-GNN as its stencil, and a learning rate of its own for the plain code."""

    recipe: LeanRecipe

    def __init__(self, network: WaveGuard, faces: Faces, recipe: LeanRecipe, **pools: Any) -> None:
        super().__init__(network, faces, recipe, self._consistency, **pools)
        self._stencil, rate = StencilConsistency(), recipe.learning_rate
        trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
        plain = [value for name, value in trained.items() if ".plain." in name]
        others = [value for name, value in trained.items() if ".plain." not in name]
        self.players = {
            "codec": [{"params": others, "lr": rate}, {"params": plain, "lr": recipe.plain_rate * rate}]
        }

    def _consistency(
        self, training: bits.BitsTraining, batch: BitsBatch, marked: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        return {"consistency": self.recipe.consistency * self._stencil(to_u(batch.images), to_u(marked))}


def resilient(network: WaveGuard, faces: Faces, recipe: AisRecipe) -> bits.BitsTraining:
    """The training of the released weights, where there are some, against further embeddings."""
    training = LeanTraining(network, faces, recipe)
    fine_tune(training, WEIGHTS if recipe.network == RELEASED else None, recipe.resilience)
    return training


class PublishedTraining(bits.BitsTraining):
    """Squared errors of U and of the bits, SC-GNN as a graph, steps of the learning rate."""

    recipe: PaperRecipe

    def __init__(self, network: WaveGuard, faces: Faces, recipe: PaperRecipe, **pools: Any) -> None:
        super().__init__(network, faces, recipe, **pools)
        self._graph = GraphConsistency()

    def losses(self, batch: BitsBatch, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """For `train.loop`."""
        marked = self.marked(batch)
        received = self.receive(marked, batch, rng)
        common, everything = (bits.through(marked, x) for x in (received.benign[0], received.forged))
        before, after = to_u(batch.images), to_u(marked)
        terms = {
            "picture": U_WEIGHT * F.mse_loss(after, before),
            "consistency": CONSISTENCY * self._graph(before, after),
        }
        for head in self.recipe.heads:
            read = self.network.heads[head.name]
            logits = read(everything if head.deepfakes else common)
            terms[head.name] = head.weight * F.mse_loss(logits, batch.bits)
            if head.fragility and received.is_forged.any():
                forged = read(everything[received.is_forged])
                terms[f"{head.name}_fragility"] = head.fragility * forged.square().mean()
        yield "codec", terms

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """For `train.loop`."""
        return torch.optim.Adam(groups, weight_decay=self.recipe.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rate: 5e-5 from epoch 3 of 8, 1e-5 from 5, 1e-6 from 7."""
        factors = ((7, 1 / 500), (5, 1 / 50), (3, 1 / 10))
        return next((factor for epoch, factor in factors if progress >= (epoch - 1) / 8), 1.0)


_SMOKE = replace(RELEASED, features=(4, 8), inner=8, growth=4, encoder_head=(8, 4), decoder_head=(8, 4))
RECIPES: dict[str, LeanRecipe | PaperRecipe] = {
    "paper": PaperRecipe(),
    "paper-fragile": PaperRecipe(heads=(TRACER, FRAGILE)),
    "lean": LeanRecipe(minutes=60.0, learning_rate=1e-3, heads=(TRACER, FRAGILE)),
    "lean-not-fragile": LeanRecipe(minutes=60.0, learning_rate=1e-3, heads=(TRACER, DETECTOR)),
    "plain": LeanRecipe(batch=4, worst_of=1, steps=1, learning_rate=0.0, average=0.0),
    "ais": AisRecipe(),
    "ais-gate": AisRecipe(minutes=3.0, resilience=Resilience(gates_alone=True)),
    "smoke": LeanRecipe(network=_SMOKE, batch=4, worst_of=1, steps=20),
}
"""By the name that `--recipe` takes. plain: the start, with its calibration. ais-gate: one threshold."""
DEFAULT = "lean"


def make(
    recipe: LeanRecipe | PaperRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train, calibrate and write out/waveguard.safetensors; see train.bits."""
    config = replace(recipe.network, side=recipe.side, bits=recipe.bits)

    def build(faces: Faces) -> bits.BitsTraining:
        network = WaveGuard(config)
        if isinstance(recipe, AisRecipe):
            return resilient(network, faces, recipe)
        if isinstance(recipe, PaperRecipe):
            return PublishedTraining(network, faces, recipe)
        return LeanTraining(network, faces, recipe)

    return bits.run(build, recipe, data, out / "waveguard.safetensors", minutes=minutes, resume=resume)
