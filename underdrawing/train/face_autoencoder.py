"""Training of the two autoencoders of the forgery laboratory, on the real faces of a face set.

    underdrawing train face-autoencoders --recipe swap --data SET -o runs/swap
    underdrawing train face-autoencoders --recipe resynthesis --data SET -o runs/resynthesis

SET is a folder that `underdrawing forge` wrote. The swap has a decoder for each identity with several
pictures in the split train or test, and `EVERYBODY`, for all other faces of train, which keeps the encoder
general. Re-synthesis learns from the split train alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks.face_forgery.alignment import is_frontal, to_frame
from underdrawing.nets.face_autoencoder import PatchConfig, PatchNet, SwapConfig, SwapNet
from underdrawing.nets.loading import save_network
from underdrawing.train.run import SEED, Recipe, run_recipe

EVERYBODY = "everybody"


@dataclass(frozen=True)
class Faces:
    """Real crops in memory, with what a face set knows of them."""

    crops: np.ndarray
    """(N, 256, 256, 3) uint8."""
    landmarks: np.ndarray
    """(N, 5, 2) float32, px."""
    identities: tuple[str, ...]
    splits: tuple[str, ...]
    """train, val or test, by identity."""


@dataclass(frozen=True)
class SwapRecipe(Recipe):
    """The swap: shared encoder, a decoder for each identity."""

    batch: int = 8
    """Faces of each of the identities of a step."""
    learning_rate: float = 2e-3
    minutes: float = 20.0
    average: float = 0.995
    least: int = 12
    """Pictures that an identity needs for a decoder of its own."""
    identities: int = 3
    """Identities of a step, beside EVERYBODY."""
    foreign: float = 0.5
    """Weight of the terms for other people's faces: same code, and same light at low resolution."""
    warp: float = 0.05
    """Standard deviation of the input's random warp, as a share of the side."""


@dataclass(frozen=True)
class ResynthesisRecipe(Recipe):
    """The autoencoder of re-synthesis."""

    batch: int = 6
    learning_rate: float = 2e-3
    minutes: float = 20.0
    average: float = 0.995
    side: int = 128
    """Sides of the patches, px."""
    config: PatchConfig = field(default_factory=PatchConfig)


RECIPES: dict[str, SwapRecipe | ResynthesisRecipe] = {
    "swap": SwapRecipe(),
    "resynthesis": ResynthesisRecipe(),
}
DEFAULT = "swap"


class SwapTraining:
    """Batches of aligned faces of a few identities; see train.loop."""

    def __init__(self, faces: Faces, recipe: SwapRecipe) -> None:
        self.faces, self.recipe = faces, recipe
        self.groups = _groups(faces, recipe.least)
        self.config = SwapConfig(identities=tuple(self.groups))
        self.module = SwapNet(self.config).to(memory_format=torch.channels_last)
        self.weight = _face_weight(self.config.side)
        self.players = {"swap": [{"params": list(self.module.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> list[tuple[int, Tensor, Tensor]]:
        """(decoder, warped faces, faces) of EVERYBODY, then of some identities."""
        names = list(self.groups)
        others = [i for i, name in enumerate(names) if name != EVERYBODY]
        chosen = rng.choice(others, min(self.recipe.identities, len(others)), replace=False)
        return [(int(i), *self._pairs(names[i], rng)) for i in (names.index(EVERYBODY), *chosen)]

    def _pairs(self, name: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        rows = rng.choice(self.groups[name], self.recipe.batch)
        pairs = [self._pair(row, rng) for row in rows]
        warped, wanted = (np.stack(part).transpose(0, 3, 1, 2) for part in zip(*pairs, strict=True))
        return torch.from_numpy(warped.copy()), torch.from_numpy(wanted.copy())

    def _pair(self, row: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        side, warp = self.config.side, self.recipe.warp
        matrix = to_frame(self.faces.landmarks[row] + rng.normal(0, 1.0, (5, 2)), side)
        if rng.random() < 0.5:
            matrix = np.array([[-1, 0, side - 1], [0, 1, 0]], np.float32) @ np.vstack([matrix, [0, 0, 1]])
        face = cv2.warpAffine(
            self.faces.crops[row], matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
        )
        face = face.astype(np.float32) / 255
        face = np.clip(face ** rng.uniform(0.75, 1.35) * rng.uniform(0.88, 1.12, 3), 0, 1).astype(np.float32)
        shift = rng.normal(0, warp * side / 2, (2, 4, 4)).astype(np.float32)
        shift = np.stack([cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in shift])
        y, x = np.mgrid[:side, :side].astype(np.float32)
        moved = cv2.remap(face, x + shift[0], y + shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return moved, face

    def losses(
        self, batch: list[tuple[int, Tensor, Tensor]], rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Reconstruction by the own decoder; other faces by the decoder of somebody."""
        net = self.module
        codes = net.encoder(torch.cat([warped for _, warped, _ in batch])).split(self.recipe.batch)
        terms: dict[str, Tensor] = {}
        for (decoder, _, wanted), code in zip(batch, codes, strict=True):
            kind = "everybody" if decoder == batch[0][0] else "own"
            for name, value in reconstruction(
                self.weight * net.decoders[decoder](code), self.weight * wanted
            ).items():
                terms[f"{kind}_{name}"] = terms.get(f"{kind}_{name}", torch.zeros(())) + value
        decoder = batch[1 + int(rng.integers(len(batch) - 1))][0]
        swapped = net.decoders[decoder](codes[0])
        dark = F.avg_pool2d(swapped.mean(1, keepdim=True), 8) - F.avg_pool2d(
            batch[0][2].mean(1, keepdim=True), 8
        )
        again = net.encoder(swapped) - codes[0].detach()
        terms["foreign_light"] = self.recipe.foreign * dark.abs().mean()
        terms["foreign_code"] = self.recipe.foreign * again.abs().mean()
        yield "swap", terms

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Rows: face, by EVERYBODY, by four identities; columns: other faces."""
        rng = np.random.default_rng(0)
        _, faces = self._pairs(EVERYBODY, rng)
        rows = [faces, *(self.module(faces, i) for i in range(min(6, len(self.groups))))]
        picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
        return (picture.clip(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


class ResynthesisTraining:
    """Patches of real crops at random scales; see train.loop."""

    def __init__(self, faces: Faces, recipe: ResynthesisRecipe) -> None:
        self.recipe = recipe
        self.crops = faces.crops[[split == "train" for split in faces.splits]]
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
    def samples(self) -> np.ndarray:
        """Patches above, from their latents below."""
        patches = self.batch(np.random.default_rng(0))
        rows = [torch.cat(list(row), 2) for row in (patches, self.module(patches))]
        return (torch.cat(rows, 1).clip(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def _face_weight(side: int) -> Tensor:
    """(side, side): 1 in the ellipse of the face, 0.2 in the corners."""
    place = (torch.arange(side, dtype=torch.float32)[None] + 0.5) / side - 0.5
    distance = (place.T / 0.52) ** 2 + (place / 0.42) ** 2
    return 0.2 + 0.8 * torch.sigmoid(8 * (1 - distance))


def reconstruction(found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """L1 at three scales, and L1 of the differences between neighbours; (B, 3, h, w) each."""
    gradient = sum((found.diff(dim=d) - wanted.diff(dim=d)).abs().mean() for d in (2, 3))
    error = (found - wanted).abs().mean()
    for _ in range(2):
        found, wanted = F.avg_pool2d(found, 2), F.avg_pool2d(wanted, 2)
        error = error + (found - wanted).abs().mean()
    return {"l1": error, "gradient": gradient}


def _groups(faces: Faces, least: int) -> dict[str, np.ndarray]:
    """Rows of EVERYBODY, and of each identity of train or test with enough frontal faces, without its last
    eighth, which is held out. EVERYBODY: the other faces of train."""
    by_name: dict[str, list[int]] = {}
    for i, points in enumerate(faces.landmarks):
        if is_frontal(points) and faces.splits[i] != "val":
            by_name.setdefault(faces.identities[i], []).append(i)
    large = {name: np.array(rows) for name, rows in by_name.items() if len(rows) >= least}
    rest = [
        i for name, rows in by_name.items() if name not in large for i in rows if faces.splits[i] == "train"
    ]
    return {EVERYBODY: np.array(rest)} | {
        name: rows[: -(-7 * len(rows) // 8)] for name, rows in large.items()
    }


def build(faces: Faces, recipe: SwapRecipe | ResynthesisRecipe) -> SwapTraining | ResynthesisTraining:
    """The training of a recipe, with initial weights that depend on the recipe alone."""
    kind: Callable[..., Any] = SwapTraining if isinstance(recipe, SwapRecipe) else ResynthesisTraining
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return kind(faces, recipe)


def run(
    faces: Faces,
    recipe: SwapRecipe | ResynthesisRecipe,
    out: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on faces in memory; write out/swap.safetensors or out/resynthesis.safetensors."""
    name = "swap" if isinstance(recipe, SwapRecipe) else "resynthesis"

    def save(system: Any, metadata: dict[str, str]) -> None:
        save_network(system.module, out / f"{name}.safetensors", metadata)

    return run_recipe(lambda device: build(faces, recipe), recipe, out, save, minutes=minutes, resume=resume)
