"""Training of the autoencoder of re-synthesis, on the real faces of a face set.

    underdrawing train face-resynthesis --data SET -o runs/resynthesis

SET is a folder that `underdrawing forge` wrote. The split train alone is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from underdrawing.nets.face_autoencoder import PatchConfig, PatchNet
from underdrawing.nets.loading import save_network
from underdrawing.train.real_faces import Faces, reconstruction
from underdrawing.train.run import SEED, Recipe, run_recipe


@dataclass(frozen=True)
class ResynthesisRecipe(Recipe):
    """The autoencoder of re-synthesis."""

    batch: int = 6
    learning_rate: float = 2e-3
    minutes: float = 23.5
    average: float = 0.995
    side: int = 128
    """Sides of the patches, px."""
    config: PatchConfig = field(default_factory=PatchConfig)


RECIPES = {"released": ResynthesisRecipe()}
DEFAULT = "released"


class ResynthesisTraining:
    """Patches of real crops at random scales; see train.loop."""

    def __init__(self, faces: Faces, recipe: ResynthesisRecipe) -> None:
        self.recipe = recipe
        learned = np.array([split == "train" for split in faces.splits])
        self.crops, self.held_out = faces.crops[learned], faces.crops[~learned]
        self.module = PatchNet(recipe.config).to(memory_format=torch.channels_last)
        self.players = {"patch": [{"params": list(self.module.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> Tensor:
        """(B, 3, side, side) in [0, 1]."""
        return torch.from_numpy(np.stack([self._patch(rng) for _ in range(self.recipe.batch)]))

    def _patch(self, rng: np.random.Generator) -> np.ndarray:
        side = self.recipe.side
        scaled = int(rng.integers(side, 257))
        crop = self.crops[rng.integers(len(self.crops))]
        crop = cv2.resize(crop, (scaled, scaled), interpolation=cv2.INTER_AREA)
        y, x = rng.integers(scaled - side + 1, size=2)
        patch = crop[y : y + side, x : x + side][:, :: rng.choice([-1, 1])]
        return np.ascontiguousarray(patch.transpose(2, 0, 1), np.float32) / 255

    def losses(self, batch: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Reconstruction from the latent, with the noise that the laboratory may add."""
        latent = self.module.encoder(batch)
        noise = torch.from_numpy(rng.normal(0, 0.05, latent.shape).astype(np.float32))
        yield "patch", reconstruction(self.module.decoder(latent + noise), batch)

    @torch.no_grad()
    def held_out_psnr(self) -> float:
        """Mean PSNR, dB, of the crops outside of train at the sides of the patches."""
        side, scores = self.recipe.side, []
        for crop in self.held_out:
            small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
            planes = torch.from_numpy(small.transpose(2, 0, 1)[None].astype(np.float32) / 255)
            error = self.module(planes).clip(0, 1) - planes
            scores.append(-10 * float(error.square().mean().log10()))
        return float(np.mean(scores)) if scores else float("nan")

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Patches above, from their latents below."""
        patches = self.batch(np.random.default_rng(0))
        rows = [torch.cat(list(row), 2) for row in (patches, self.module(patches))]
        return (torch.cat(rows, 1).clip(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def make(
    recipe: ResynthesisRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on the real faces of a face set; see train.run."""
    return run(Faces.read(data), recipe, out, minutes=minutes, resume=resume)


def run(
    faces: Faces, recipe: ResynthesisRecipe, out: Path, *, minutes: float | None = None, resume: bool = False
) -> dict[str, float]:
    """Train on faces in memory and write out/resynthesis.safetensors; the last row of the log."""

    def save(system: ResynthesisTraining, metadata: dict[str, str]) -> dict[str, float]:
        scores = {"held_out_psnr_db": system.held_out_psnr()}
        save_network(
            system.module, out / "resynthesis.safetensors", metadata | {"scores": json.dumps(scores)}
        )
        return scores

    return run_recipe(lambda device: build(faces, recipe), recipe, out, save, minutes=minutes, resume=resume)


def build(faces: Faces, recipe: ResynthesisRecipe) -> ResynthesisTraining:
    """The training, with initial weights that depend on the recipe alone."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return ResynthesisTraining(faces, recipe)
