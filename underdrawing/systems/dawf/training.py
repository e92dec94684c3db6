"""Training of DAWF on pictures of several faces that are made of the real crops of a set.

    underdrawing train dawf --data SET -o runs/dawf [--recipe NAME] [--resume]

SET is a folder of `underdrawing forge`. OUT gets dawf.safetensors, checkpoint.pt and log.jsonl.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from underdrawing.attacks.face_channels import BENIGN
from underdrawing.losses.localization import regional_loss
from underdrawing.metrics.calibration import fit_platt
from underdrawing.nets.loading import save_network
from underdrawing.systems.dawf.network import MAP_SIDE, Config, Dawf
from underdrawing.train import face_groups
from underdrawing.train.bits import PREFIX, Ramp, bit_loss, through
from underdrawing.train.marked_faces import to_tensor, to_u8
from underdrawing.train.real_faces import Faces
from underdrawing.train.run import SEED, Recipe, run_recipe

_JITTER = (0.0006, 0.0006, 0.0015)
"""Standard deviations of the square's place, in sides, and of its size in the reader after synchronization,
whose last steps are 1/512 of the side and .5 % of the size."""
_HELD_OUT = 24  # pictures for calibration and scores
_TRIED = np.arange(-4.0, 4.01, 0.125)  # log odds of the map


@dataclass(frozen=True)
class DawfRecipe(Recipe):
    """Settings of a training; `batch` counts pictures."""

    network: Config = field(default_factory=Config)
    batch: int = 2
    side: int = 320
    """Of the pictures, px."""
    cells: int = 2
    """Faces along a side of a full picture."""
    passes: int = 2
    """Of the embedder, as in the use of the weights."""
    kinds: tuple[str, ...] = ("swap", "reenact", "blend", "parts", "autoencoder", "resynthesis")
    """Of forgeries."""
    forged: float = 0.4
    """Share of forged faces."""
    channels: Ramp = field(default_factory=lambda: Ramp(0.3, 0.8, 0.1, 0.4))
    """Share of pictures that pass a channel after the forgeries."""
    picture: Ramp = field(default_factory=lambda: Ramp(0.3, 1.0, 0.1, 0.5))
    """Weight of the picture term: mean square of the residuals over that of `target_psnr_db`."""
    target_psnr_db: float = 37.0
    """RGB PSNR inside of the squares at which the picture term equals its weight."""
    map_weight: float = 1.0
    """Of the term of the map; the payload term has 1."""


@dataclass(frozen=True, eq=False)
class GroupBatch:
    """Pictures of a step; faces of all of them in one row."""

    groups: tuple[face_groups.Group, ...]
    bits: Tensor
    """(N, L) float32 in {-1, 1}."""
    strengths: Tensor
    """(N,) float32."""
    picture_of: np.ndarray
    """(N,) position of each face's picture."""


class DawfTraining:
    """Both networks and their losses, as the loop trains them."""

    def __init__(self, network: Dawf, faces: Faces, recipe: DawfRecipe, split: str = "train"):
        self.module, self.recipe, self.progress = network, recipe, 0.0
        self._groups = face_groups.Groups(faces, split, recipe.side, recipe.cells)
        self._path = face_groups.Path(recipe.kinds, recipe.forged, BENIGN)
        self.players = {"codec": [{"params": [*network.parameters()], "lr": recipe.learning_rate}]}

    def begin(self, step: int, progress: float) -> None:
        """Before each step."""
        self.progress = progress

    def batch(self, rng: np.random.Generator) -> GroupBatch:
        """Pictures and bits."""
        drawn = tuple(self._groups.draw(rng) for _ in range(self.recipe.batch))
        picture_of = np.repeat(np.arange(len(drawn)), [len(group.faces) for group in drawn])
        bits = rng.integers(0, 2, (len(picture_of), self.recipe.network.bits)).astype(np.float32) * 2 - 1
        strengths = rng.uniform(0.8, 1.5, len(picture_of)).astype(np.float32)
        return GroupBatch(drawn, torch.from_numpy(bits), torch.from_numpy(strengths), picture_of)

    def losses(self, batch: GroupBatch, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The losses of one step."""
        marked, square_error = self.marked(batch)
        logits, maps, labels = self.received(batch, marked, rng)
        allowed = 255.0**2 / 10 ** (self.recipe.target_psnr_db / 10)
        yield (
            "codec",
            {
                "payload": bit_loss(logits, batch.bits).mean(),
                "map": self.recipe.map_weight * regional_loss(maps[:, 0], labels),
                "picture": self.recipe.picture.at(self.progress) * square_error / allowed,
            },
        )

    def marked(self, batch: GroupBatch) -> tuple[Tensor, Tensor]:
        """Marked pictures (B, 3, S, S), neither clipped nor rounded; mean square of the residuals in the
        squares of the faces."""
        marked = original = to_tensor(np.stack([group.image for group in batch.groups]))
        squares = [face.square for group in batch.groups for face in group.faces]
        for _ in range(self.recipe.passes):
            faces = face_groups.align(marked.clamp(0, 255), batch.picture_of, squares)
            residuals = self.module.embedder(
                faces, batch.bits, batch.strengths, face_groups.same(batch.picture_of)
            )
            marked = marked + face_groups.spread(residuals, batch.picture_of, squares, marked)
        change = face_groups.align(marked - original, batch.picture_of, squares)[:, :3]
        return marked, change.square().mean()

    def received(
        self, batch: GroupBatch, marked: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of payload and map, and the labels (N, 32, 32) of the map, after forgeries and channels."""
        pictures, labels, squares = [], [], []
        share = self.recipe.channels.at(self.progress)
        for picture, group in zip(to_u8(marked), batch.groups, strict=True):
            sent, masks = self._path.send(picture, group, rng, share)
            pictures.append(sent)
            for face, mask in zip(group.faces, masks, strict=True):
                labels.append(face_groups.map_labels(mask, face.square, MAP_SIDE))
                right, down, size = rng.normal(0, _JITTER)
                squares.append(face.square.moved(right, down, float(np.exp(size))))
        received = through(marked, to_tensor(np.stack(pictures)))
        faces = face_groups.align(received, batch.picture_of, squares)
        logits, maps = self.module.reader(faces, face_groups.same(batch.picture_of))
        return logits, maps, torch.from_numpy(np.stack(labels))


RECIPES: dict[str, DawfRecipe] = {
    "lean": DawfRecipe(minutes=45.0, learning_rate=5e-4),
    "plain": DawfRecipe(steps=1, learning_rate=0.0, average=0.0, side=480, channels=Ramp(0.4, 0.4)),
    "paper": DawfRecipe(
        network=Config(width=64, token=256), batch=16, side=640, cells=4, steps=100_000, learning_rate=1e-4
    ),
    "smoke": DawfRecipe(
        network=Config(bits=30, width=8, token=16), batch=1, side=192, kinds=("swap",), steps=20
    ),
}
"""By the name that `--recipe` takes. plain: the start, with its calibration."""
DEFAULT = "lean"


def make(
    recipe: DawfRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train on the real faces of a set, calibrate on its val split and write out/dawf.safetensors."""
    faces = Faces.read(data)

    def build(device: torch.device) -> DawfTraining:
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            return DawfTraining(Dawf(recipe.network), faces, recipe)

    def save(system: DawfTraining, metadata: dict[str, str]) -> dict[str, float]:
        tensors, scores = calibrate(DawfTraining(system.module, faces, recipe, "val"))
        others = {name: torch.from_numpy(value) for name, value in tensors.items()}
        metadata = metadata | {"scores": json.dumps(scores)}
        save_network(system.module, out / "dawf.safetensors", metadata, prefix=PREFIX, others=others)
        return scores

    photos = sum(split == "train" for split in faces.splits)
    return run_recipe(build, recipe, out, save, photos=photos, minutes=minutes, resume=resume)


@torch.no_grad()
def calibrate(held_out: DawfTraining) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Tensors of the calibrations, and scores, on a split that was not trained on.

    Scores: psnr_db in the squares of the faces, wrong bits (rate), region_f1 of the cells in the boxes, all
    pictures together. Of the map, 1/2 stands for the threshold of the best F1.
    """
    held_out.module.eval()
    held_out.begin(0, 1.0)
    right, cells, truth, errors = [], [], [], []
    for number in range(_HELD_OUT):
        rng = np.random.default_rng((SEED, 5, number))
        batch = held_out.batch(rng)
        marked, error = held_out.marked(batch)
        logits, maps, labels = held_out.received(batch, marked, rng)
        right.append((logits * batch.bits).flatten().double().numpy())
        inside = labels >= 0
        cells.append(maps[:, 0][inside].double().numpy())
        truth.append(labels[inside].numpy() > 0)
        errors.append(float(error))
    bits, logit, forged = map(np.concatenate, (right, cells, truth))
    scale = fit_platt(np.concatenate([bits, -bits]), np.arange(2 * len(bits)) < len(bits)).scale
    platt = fit_platt(logit, forged)
    odds = platt.scale * logit + platt.offset
    best = max(_TRIED, key=lambda at: _f1(odds > at, forged))
    platt = platt._replace(offset=platt.offset - best)
    scores = {
        "psnr_db": round(float(10 * np.log10(255**2 / np.mean(errors))), 3),
        "wrong_bits": round(float((bits < 0).mean()), 5),
        "region_f1": round(_f1(odds > best, forged), 4),
    }
    return platt.tensors() | {"calibration.payload.scale": np.float32([scale])}, scores


def _f1(found: np.ndarray, forged: np.ndarray) -> float:
    return float(2 * (found & forged).sum() / max(1, found.sum() + forged.sum()))
