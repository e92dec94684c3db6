"""Training of DiffMark on the real faces of a set; the weights go to OUT/diffmark.safetensors.

    underdrawing train diffmark --recipe lean --data SET -o runs/diffmark [--resume]

SET is a folder of `underdrawing forge`. A step noises each face to a random timestep, denoises it once, and
reads the bits after a frozen autoencoder (`paper`), or after it, benign channels and deepfakes (`lean`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks.face_channels import BENIGN, DEEPFAKES, FaceChannel
from underdrawing.carriers.attackers import Resilience, fine_tune
from underdrawing.losses.features import feature_distance
from underdrawing.nets.unet import from_levels, to_levels
from underdrawing.systems.diffmark.autoencoded import Autoencoded
from underdrawing.systems.diffmark.diffusion import diffused
from underdrawing.systems.diffmark.model import WEIGHTS
from underdrawing.systems.diffmark.network import LARGE, RELEASED, Config, DiffMark
from underdrawing.train import bits
from underdrawing.train.bits import BitsRecipe, BitsTraining, Ramp, through
from underdrawing.train.marked_faces import BitsBatch
from underdrawing.train.real_faces import Faces
from underdrawing.train.run import SEED

DEFAULT = "lean"
_ALWAYS, _NEVER = Ramp(1.0, 1.0), Ramp(0.0, 0.0)


@dataclass(frozen=True)
class LeanRecipe(BitsRecipe):
    """From the plain code, for a processor core."""

    network: Config = RELEASED
    batch: int = 8
    minutes: float = 60.0
    learning_rate: float = 1e-3
    code_rate: float = 0.1
    """Learning rate of the plain code, as a share of the others'."""
    worst_of: int = 1
    channels: Ramp = _ALWAYS
    deepfakes: Ramp = _ALWAYS
    picture: Ramp = _ALWAYS
    """Weight of the square error of each face beyond that of `target_psnr_db`."""
    target_psnr_db: float = 37.5
    resilience: Resilience | None = None
    """Against further embeddings, from the released weights where there are some (train.ais)."""


@dataclass(frozen=True)
class PaperRecipe(BitsRecipe):
    """Losses, optimizer and schedule of the released code, for faces of 128 px."""

    network: Config = field(default_factory=Config)
    batch: int = 16
    steps: int | None = 151_200
    learning_rate: float = 1e-4
    weight_decay: float = 1e-5
    average: float = 0.9999
    clip: float = float("inf")
    features: float = 0.1
    worst_of: int = 1
    channels: Ramp = _ALWAYS
    deepfakes: Ramp = _NEVER
    bits_first: int = 5_000
    """Steps with the first weight of the bits."""
    bit_weights: tuple[float, float] = (1.0, 0.1)
    """Of the cross-entropy: first, and from `bits_first` on."""


class DiffMarkTraining(BitsTraining):
    """DiffMark and its losses, for the loop."""

    network: DiffMark
    recipe: LeanRecipe | PaperRecipe

    def __init__(
        self,
        faces: Faces,
        recipe: LeanRecipe | PaperRecipe,
        benign: tuple[FaceChannel, ...] = BENIGN,
        deepfakes: tuple[FaceChannel, ...] = (*DEEPFAKES, Autoencoded()),
    ) -> None:
        super().__init__(DiffMark(recipe.network), faces, recipe, benign=benign, deepfakes=deepfakes)
        self._rng = np.random.default_rng(SEED)

    def begin(self, step: int, progress: float) -> None:
        """Before each step: timesteps and noise depend on the step alone."""
        super().begin(step, progress)
        self._rng = np.random.default_rng((SEED, 7, step))

    def marked(self, batch: BitsBatch) -> Tensor:
        """In training one prediction of the marked face, from a random timestep; else sampled."""
        if not self.network.training:
            return self.network.encode(batch.images, batch.bits)
        x0, schedule = from_levels(batch.images), self.network.schedule
        t = self._rng.integers(schedule.steps, size=len(x0))
        noise = torch.from_numpy(self._rng.standard_normal(x0.shape, np.float32))
        abar = torch.from_numpy(schedule.abar[t]).float()[:, None, None, None]
        x_c = (1 - abar).sqrt() * x0
        x_t = diffused(x0, noise, abar)
        return to_levels(self.network.denoise(x_t, x_c, torch.from_numpy(t).float(), batch.bits))


class LeanTraining(DiffMarkTraining):
    """The shared bit term, and a picture term with nothing to gain beyond the PSNR wanted."""

    recipe: LeanRecipe

    def __init__(self, faces: Faces, recipe: LeanRecipe) -> None:
        super().__init__(faces, recipe)
        code = [value for value in self.network.code.parameters() if value.requires_grad]
        others = [*self.network.unet.parameters(), *self.network.decoder.parameters()]
        rate, slow = recipe.learning_rate, recipe.code_rate * recipe.learning_rate
        self.players = {"codec": [{"params": others, "lr": rate}, {"params": code, "lr": slow}]}

    def picture_terms(self, marked: Tensor, batch: BitsBatch) -> dict[str, Tensor]:
        """Mean over faces of the square error beyond the allowed one, in units of it."""
        allowed = 255.0**2 / 10 ** (self.recipe.target_psnr_db / 10)
        error = (marked - batch.images).square().mean((1, 2, 3))
        return {"picture": self.recipe.picture.at(self.progress) * (error / allowed - 1).clamp(min=0).mean()}


class PublishedTraining(DiffMarkTraining):
    """Losses, optimizer and schedule of a PaperRecipe."""

    recipe: PaperRecipe

    def __init__(self, faces: Faces, recipe: PaperRecipe) -> None:
        super().__init__(faces, recipe, benign=(Autoencoded(),), deepfakes=())
        self._bit_weight = recipe.bit_weights[0]

    def begin(self, step: int, progress: float) -> None:
        """Before each step."""
        super().begin(step, progress)
        self._bit_weight = self.recipe.bit_weights[step >= self.recipe.bits_first]

    def losses(self, batch: BitsBatch, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """MSE, perceptual distance, and cross-entropy over all 2 L classes after the autoencoder."""
        marked = self.marked(batch)
        received = through(marked, self.receive(marked, batch, rng).benign[0])
        logits, wanted = self.network.classes(received), self.network.unet.tokens.indices(batch.bits)
        terms = {
            "mse": F.mse_loss(from_levels(marked), from_levels(batch.images)),
            "bits": self._bit_weight * F.cross_entropy(logits.flatten(0, 1), wanted.flatten()),
        }
        if self._features is not None:
            distance = feature_distance(self._features, marked / 255, batch.images / 255)
            terms["features"] = self.recipe.features * distance
        yield "codec", terms

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """For `train.loop`."""
        return torch.optim.AdamW(groups, weight_decay=self.recipe.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rate: linear to 0."""
        return 1 - progress


RECIPES: dict[str, LeanRecipe | PaperRecipe] = {
    "lean": LeanRecipe(),
    "paper": PaperRecipe(),
    "paper-256": PaperRecipe(network=LARGE, side=256, bits=128, bits_first=10_000),
    "plain": LeanRecipe(steps=1, learning_rate=0.0, average=0.0),
    "ais": LeanRecipe(minutes=20.0, learning_rate=3e-4, resilience=Resilience()),
    "ais-gate": LeanRecipe(minutes=3.0, resilience=Resilience(gates_alone=True, gate_rate=0.1)),
    "smoke": LeanRecipe(
        network=Config(bits=8, side=64, base=16, multipliers=(0.5, 1, 1), attention=(16,), groups=4,
                       embedding=8, dropout=0.0),
        side=64, bits=8, batch=2, steps=20,
    ),
}  # fmt: skip
"""By the name that `--recipe` takes. plain: the start, with its calibration."""


def build(faces: Faces, recipe: LeanRecipe | PaperRecipe) -> DiffMarkTraining:
    """The training of a recipe."""
    if isinstance(recipe, PaperRecipe):
        return PublishedTraining(faces, recipe)
    training = LeanTraining(faces, recipe)
    if recipe.resilience is not None:
        fine_tune(training, WEIGHTS if recipe.network == RELEASED else None, recipe.resilience)
    return training


def make(
    recipe: LeanRecipe | PaperRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train, calibrate and write out/diffmark.safetensors; see train.bits."""
    weights = out / "diffmark.safetensors"
    return bits.run(lambda faces: build(faces, recipe), recipe, data, weights, minutes=minutes, resume=resume)
