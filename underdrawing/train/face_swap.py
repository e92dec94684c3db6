"""Training of the swap autoencoder of the forgery laboratory, on the real faces of a face set.

    underdrawing train face-swap-autoencoder --data SET -o runs/swap

SET is a folder that `underdrawing forge` wrote. There is a decoder for each identity with several pictures
in the split train or test, and EVERYBODY, for all other faces of train, which keeps the encoder general.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from underdrawing.attacks.face_forgery.alignment import is_frontal, to_frame
from underdrawing.attacks.face_forgery.autoencoder import EVERYBODY
from underdrawing.nets.face_autoencoder import SwapConfig, SwapNet
from underdrawing.nets.loading import save_network
from underdrawing.train.real_faces import Faces, reconstruction
from underdrawing.train.run import SEED, Recipe, run_recipe


@dataclass(frozen=True)
class SwapRecipe(Recipe):
    """The swap: shared encoder, a decoder for each identity."""

    batch: int = 8
    """Faces of each of the identities of a step."""
    learning_rate: float = 2e-3
    minutes: float = 25.0
    average: float = 0.995
    least: int = 12
    """Pictures that an identity needs for a decoder of its own."""
    identities: int = 3
    """Identities of a step, beside EVERYBODY."""
    foreign: float = 0.5
    """Weight of the terms for other people's faces: same code, and same light at low resolution."""
    warp: float = 0.05
    """Standard deviation of the input's random warp, as a share of the side."""


RECIPES = {"released": SwapRecipe()}
DEFAULT = "released"


class SwapTraining:
    """Batches of aligned faces of a few identities; see train.loop."""

    def __init__(self, faces: Faces, recipe: SwapRecipe) -> None:
        self.faces, self.recipe = faces, recipe
        self.groups, self.held_out = _groups(faces, recipe.least)
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
    def measure_codes(self, count: int = 192) -> None:
        """Mean and principal directions of the codes of each identity, over augmented faces."""
        rng, net = np.random.default_rng(SEED), self.module
        for row, name in enumerate(self.groups):
            faces = np.stack([self._pair(i, rng)[0] for i in rng.choice(self.groups[name], count)])
            codes = net.encoder(torch.from_numpy(faces.transpose(0, 3, 1, 2).copy())).flatten(1)
            net.code_mean[row] = codes.mean(0)
            _, spread, basis = torch.linalg.svd(codes - codes.mean(0), full_matrices=False)
            net.code_basis[row] = basis[: self.config.basis]
            net.code_spread[row] = spread[: self.config.basis] / count**0.5

    @torch.no_grad()
    def held_out_psnr(self) -> float:
        """PSNR, dB, of held-out frames by the decoder of their identity, in the frame; mean over identities.

        Frames of a clip are alike: it measures the blur of the networks, not how they generalize.
        """
        scores = []
        for name, rows in self.held_out.items():
            planes = torch.from_numpy(
                np.stack([self._aligned(row) for row in rows]).transpose(0, 3, 1, 2).copy()
            )
            error = self.module(planes, self.config.identities.index(name)).clip(0, 1) - planes
            scores.append(-10 * float(error.square().mean().log10()))
        return float(np.mean(scores)) if scores else float("nan")

    def _aligned(self, row: int) -> np.ndarray:
        """(side, side, 3) float32 in [0, 1]."""
        side, matrix = self.config.side, to_frame(self.faces.landmarks[row], self.config.side)
        face = cv2.warpAffine(
            self.faces.crops[row], matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
        )
        return face.astype(np.float32) / 255

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Rows: face, by EVERYBODY, by four identities; columns: other faces."""
        rng = np.random.default_rng(0)
        _, faces = self._pairs(EVERYBODY, rng)
        rows = [faces, *(self.module(faces, i) for i in range(min(6, len(self.groups))))]
        picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
        return (picture.clip(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def _face_weight(side: int) -> Tensor:
    """(side, side): 1 in the ellipse of the face, 0.2 in the corners."""
    place = (torch.arange(side, dtype=torch.float32)[None] + 0.5) / side - 0.5
    distance = (place.T / 0.52) ** 2 + (place / 0.42) ** 2
    return 0.2 + 0.8 * torch.sigmoid(8 * (1 - distance))


def _groups(faces: Faces, least: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Rows to train on, of EVERYBODY and of each identity of train or test with enough frontal faces; and the
    last eighth of each identity, which is held out. EVERYBODY: the other faces of train."""
    by_name: dict[str, list[int]] = {}
    for i, points in enumerate(faces.landmarks):
        if is_frontal(points) and faces.splits[i] != "val":
            by_name.setdefault(faces.identities[i], []).append(i)
    large = {name: np.array(rows) for name, rows in by_name.items() if len(rows) >= least}
    small = [rows for name, rows in by_name.items() if name not in large]
    rest = [i for rows in small for i in rows if faces.splits[i] == "train"]
    ends = {name: -(-7 * len(rows) // 8) for name, rows in large.items()}
    learned = {EVERYBODY: np.array(rest)} | {name: rows[: ends[name]] for name, rows in large.items()}
    return learned, {name: rows[ends[name] :] for name, rows in large.items()}


def make(
    recipe: SwapRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on the real faces of a face set; see train.run."""
    return run(Faces.read(data), recipe, out, minutes=minutes, resume=resume)


def run(
    faces: Faces, recipe: SwapRecipe, out: Path, *, minutes: float | None = None, resume: bool = False
) -> dict[str, float]:
    """Train on faces in memory and write out/swap.safetensors; the last row of the log."""

    def save(system: SwapTraining, metadata: dict[str, str]) -> dict[str, float]:
        system.measure_codes()
        scores = {"held_out_psnr_db": system.held_out_psnr()}
        save_network(system.module, out / "swap.safetensors", metadata | {"scores": json.dumps(scores)})
        return scores

    return run_recipe(lambda device: build(faces, recipe), recipe, out, save, minutes=minutes, resume=resume)


def build(faces: Faces, recipe: SwapRecipe) -> SwapTraining:
    """The training, with initial weights that depend on the recipe alone."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return SwapTraining(faces, recipe)
