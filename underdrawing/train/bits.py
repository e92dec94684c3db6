"""Training of networks that embed bits in faces, shared by all of them.

    faces, bits -> encode -> marked -> channels (real, on 8 bits) -> heads -> logits
                             |          worst of k for each face     |
                             picture terms                           bit terms

A network (`BitsNetwork`) works on (B, 3, side, side) float32 RGB in 0..255 and on bits (B, L) in {-1, +1}.
The gradient passes a channel as if it added a constant:

    received = marked + stopgrad(channel(marked) - marked)

The run starts with the bits, then the weight of the picture rises, then the share of the channels (`Ramp`).

A weight file holds the parameters under "network.", and for each head the factor "calibration.HEAD.scale"
by which its logits become log-likelihood ratios ln p(bit 1) / p(bit 0), fitted on the val split over all
channels that the head is trained to survive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.attacks.face_channels import BENIGN, DEEPFAKES, NOTHING, FaceChannel
from underdrawing.core.errors import UsageError
from underdrawing.losses.features import feature_distance, load_features
from underdrawing.metrics.calibration import fit_platt
from underdrawing.nets.loading import save_network
from underdrawing.train.marked_faces import BitsBatch, MarkedFaces, to_tensor
from underdrawing.train.real_faces import Faces
from underdrawing.train.run import SEED, Recipe, run_recipe
from underdrawing.train.statistics import recompute_statistics

PREFIX = "network."
"""Of the names of the parameters in a weight file."""
HELD_OUT = 64
"""Faces of the val split for calibration and scores."""


class BitsNetwork(Protocol):
    """An nn.Module that embeds and reads bits."""

    heads: Mapping[str, Callable[[Tensor], Tensor]]
    """By name (tracer, detector, decoder): received (B, 3, side, side) -> logits (B, L), positive: bit 1. A
    ModuleDict does."""

    def encode(self, images: Tensor, bits: Tensor) -> Tensor:
        """Marked faces (B, 3, side, side), neither clipped nor rounded."""


@dataclass(frozen=True)
class Ramp:
    """A value that rises or falls linearly during the run."""

    first: float
    last: float
    start: float = 0.0
    """Share of the run up to which it is `first`."""
    end: float = 0.0
    """Share of the run from which it is `last`."""

    def at(self, progress: float) -> float:
        """The value at progress in [0, 1]."""
        done = 1.0 if progress >= self.end else max(0.0, (progress - self.start) / (self.end - self.start))
        return self.first + done * (self.last - self.first)


@dataclass(frozen=True)
class Head:
    """What one head is trained for."""

    name: str = "decoder"
    weight: float = 1.0
    """Of its bit term."""
    deepfakes: bool = True
    """Whether it reads bits after deepfakes too."""
    fragility: float = 0.0
    """Weight of the mean square of its logits after deepfakes: 0 makes it neither robust nor fragile."""


@dataclass(frozen=True)
class BitsRecipe(Recipe):
    """Settings of a training of bits."""

    batch: int = 16
    side: int = 128
    """Of the faces, px."""
    bits: int = 30
    """L."""
    heads: tuple[Head, ...] = (Head(),)
    """Every head of the network."""
    worst_of: int = 2
    """k: benign channels drawn for each face, of which the one with the largest bit term is trained on."""
    channels: Ramp = Ramp(0.0, 1.0, 0.2, 0.5)
    """Share of draws that are a channel; the others are 8-bit rounding alone."""
    deepfakes: Ramp = Ramp(0.0, 0.5, 0.2, 0.5)
    """Share of the faces that a deepfake is drawn for too."""
    misplaced: float = 0.0
    """Standard deviation of the place of the received square, px, and of its size, per cent, for half of the
    faces: a face in a received picture is found up to 2 px and 3 % off (see carriers.face_bits)."""
    picture: Ramp = Ramp(0.1, 1.0, 0.1, 0.3)
    """Weight of the picture term: mean square error over that of `target_psnr_db`."""
    target_psnr_db: float = 38.0
    """RGB PSNR at which the picture term equals its weight."""
    features: float = 0.0
    """Weight of the distance of classifier features (losses.features); sides are then multiples of 32."""


Extra = Callable[["BitsTraining", BitsBatch, Tensor, np.random.Generator], dict[str, Tensor]]
"""(training, batch, marked, rng) -> further named terms, such as one of a system's own."""


class BitsTraining:
    """A network and its losses, as train.loop trains them.

    A system with another step overrides `losses`; its parts are public: `marked`, `receive`, `bit_terms`,
    `picture_terms`.
    """

    def __init__(
        self,
        network: nn.Module,
        faces: Faces,
        recipe: BitsRecipe,
        extra: Extra | None = None,
        benign: Sequence[FaceChannel] = BENIGN,
        deepfakes: Sequence[FaceChannel] = DEEPFAKES,
    ):
        """network: a BitsNetwork. UsageError where its heads are not those of the recipe."""
        names = {head.name for head in recipe.heads}
        if names != set(network.heads):
            raise UsageError(
                f"the recipe trains the heads {sorted(names)}, the network has {[*network.heads]}"
            )
        self.network, self.recipe, self.benign, self.deepfakes = network, recipe, benign, deepfakes
        self.module, self.progress, self.extra = network, 0.0, extra
        self.faces = MarkedFaces(faces, "train", recipe.side, recipe.bits)
        self._features = load_features() if recipe.features else None
        parameters = [p for p in network.parameters() if p.requires_grad]
        self.players = {"codec": [{"params": parameters, "lr": recipe.learning_rate}]}

    def begin(self, step: int, progress: float) -> None:
        """Before each step."""
        self.progress = progress

    def batch(self, rng: np.random.Generator) -> BitsBatch:
        """The faces of a step."""
        return self.faces.draw(rng, self.recipe.batch)

    def marked(self, batch: BitsBatch) -> Tensor:
        """The faces with their bits, neither clipped nor rounded."""
        return self.network.encode(batch.images, batch.bits)

    def losses(self, batch: BitsBatch, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The losses of one step."""
        marked = self.marked(batch)
        terms = self.picture_terms(marked, batch) | self.bit_terms(marked, batch, rng)
        if self.extra is not None:
            terms |= self.extra(self, batch, marked, rng)
        yield "codec", terms

    def picture_terms(self, marked: Tensor, batch: BitsBatch) -> dict[str, Tensor]:
        """The terms of the picture, weighted for the present progress."""
        recipe = self.recipe
        allowed = 255.0**2 / 10 ** (recipe.target_psnr_db / 10)
        weight = recipe.picture.at(self.progress)
        terms = {"picture": weight * F.mse_loss(marked, batch.images) / allowed}
        if self._features is not None:
            distance = feature_distance(self._features, marked / 255, batch.images / 255)
            terms["features"] = recipe.features * distance
        return terms

    def bit_terms(self, marked: Tensor, batch: BitsBatch, rng: np.random.Generator) -> dict[str, Tensor]:
        """The terms of every head for marked faces: bits after the worst channel, and fragility."""
        received = self.receive(marked, batch, rng)
        terms = {}
        for head in self.recipe.heads:
            read = self.network.heads[head.name]
            candidates = [*received.benign, *([received.forged] if head.deepfakes else [])]
            chosen = through(marked, self._worst(read, candidates, batch.bits))
            if self.recipe.misplaced:
                chosen = misplaced(chosen, self.recipe.misplaced, rng)
            terms[head.name] = head.weight * bit_loss(read(chosen), batch.bits).mean()
            if head.fragility and received.is_forged.any():
                logits = read(through(marked, received.forged)[received.is_forged])
                terms[f"{head.name}_fragility"] = head.fragility * logits.square().mean()
        return terms

    def receive(self, marked: Tensor, batch: BitsBatch, rng: np.random.Generator) -> Received:
        """Draw channels for each face and send it through them."""
        sent, recipe = batch.sent(marked), self.recipe
        share, forged_share = recipe.channels.at(self.progress), recipe.deepfakes.at(self.progress)

        def one(face, pool):
            return (pool[rng.integers(len(pool))] if rng.random() < share else NOTHING)(face, rng)

        benign = [
            to_tensor(np.stack([one(face, self.benign) for face in sent])) for _ in range(recipe.worst_of)
        ]
        is_forged = np.array([
            bool(self.deepfakes) and rng.random() < forged_share and face.face is not None for face in sent
        ])  # fmt: skip
        forged = benign[0].clone()
        for place in np.flatnonzero(is_forged):
            channel = self.deepfakes[rng.integers(len(self.deepfakes))]
            forged[place] = to_tensor(channel(sent[place], rng)[None])[0]
        return Received(benign, forged, torch.from_numpy(is_forged))

    @torch.no_grad()
    def _worst(self, read: Callable[[Tensor], Tensor], candidates: list[Tensor], bits: Tensor) -> Tensor:
        """For each face the candidate with the largest bit term."""
        if len(candidates) == 1:
            return candidates[0]
        losses = torch.stack([bit_loss(read(one), bits) for one in candidates])
        return torch.stack(candidates)[losses.argmax(0), torch.arange(len(bits))]


@dataclass(frozen=True)
class Received:
    """Marked faces after channels, (B, 3, side, side) float32 of whole levels each, without gradient."""

    benign: list[Tensor]
    """As many as `worst_of`."""
    forged: Tensor
    """After a deepfake where `is_forged`, else as the first of `benign`."""
    is_forged: Tensor
    """(B,) bool."""


def through(marked: Tensor, received: Tensor) -> Tensor:
    """The received faces, with the gradient of the marked ones."""
    return marked + (received - marked).detach()


def misplaced(received: Tensor, deviation: float, rng: np.random.Generator) -> Tensor:
    """Half of the faces (B, 3, side, side) from another square, with gradient.

    deviation: of the shift, px, and of the scale, per cent; both are normally distributed.
    """
    count, side = len(received), received.shape[-1]
    moved = rng.random(count) < 0.5
    scale = 1 + 0.01 * deviation * moved * rng.standard_normal(count)
    shift = 2 / side * deviation * moved * rng.standard_normal((2, count))
    zero = np.zeros(count)
    affine = np.stack([scale, zero, shift[0], zero, scale, shift[1]], 1).reshape(count, 2, 3)
    grid = F.affine_grid(torch.from_numpy(affine).to(received), list(received.shape), align_corners=False)
    return F.grid_sample(received, grid, padding_mode="reflection", align_corners=False)


def bit_loss(logits: Tensor, bits: Tensor) -> Tensor:
    """(B,) mean over the bits of ln(1 + exp(-bit logit)), nats."""
    return F.softplus(-bits * logits).mean(1)


def run(
    build: Callable[[Faces], BitsTraining],
    recipe: BitsRecipe,
    data: Path,
    weights: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on the real faces of the set in `data` and write the calibrated weights; the last row of the log,
    and the scores.

    build: the training; initial parameters are drawn from torch's generator, seeded here. The folder of
    `weights` gets the checkpoint and the log.
    """
    faces = Faces.read(data)

    def make(device: torch.device) -> BitsTraining:
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            return build(faces)

    def save(system: BitsTraining, metadata: dict[str, str]) -> dict[str, float]:
        system.progress = 1.0
        recompute_statistics(system.module, lambda rng: list(system.losses(system.batch(rng), rng)))
        tensors, scores = evaluate(system, MarkedFaces(faces, "val", recipe.side, recipe.bits))
        others = {name: torch.from_numpy(value) for name, value in tensors.items()}
        scored = metadata | {"scores": json.dumps({name: round(value, 5) for name, value in scores.items()})}
        save_network(system.network, weights, scored, prefix=PREFIX, others=others)
        return scores

    photos = sum(split == "train" for split in faces.splits)
    return run_recipe(make, recipe, weights.parent, save, photos=photos, minutes=minutes, resume=resume)


@torch.no_grad()
def evaluate(
    system: BitsTraining, held_out: MarkedFaces, count: int = HELD_OUT
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Calibrations of the heads, and scores, on a split that was not trained on.

    Scores: psnr_db (RGB, 8 bits, mean over the faces), and HEAD/CHANNEL, the bit error rate in [0, 1];
    CHANNEL is also "benign" or "deepfakes", the mean over those.
    """
    heads = system.recipe.heads
    logits: dict[str, dict[str, list[np.ndarray]]] = {head.name: {} for head in heads}
    psnr, bits = [], []
    for first in range(0, min(count, len(held_out.rows)), system.recipe.batch):
        rng = np.random.default_rng((SEED, 5, first))
        batch = held_out.fixed(rng, first, min(system.recipe.batch, count - first))
        sent = batch.sent(system.marked(batch))
        error = [np.mean((one.marked.astype(np.float32) - one.original) ** 2) for one in sent]
        psnr += [10 * np.log10(255**2 / max(value, 1e-4)) for value in error]
        bits.append(batch.bits.numpy() > 0)
        for channel in (*system.benign, *system.deepfakes):
            received = to_tensor(np.stack([channel(face, rng) for face in sent]))
            for head in heads:
                found = system.network.heads[head.name](received).double().numpy()
                logits[head.name].setdefault(channel.name, []).append(found)
    truth = np.concatenate(bits)
    found = {head.name: {n: np.concatenate(v) for n, v in logits[head.name].items()} for head in heads}
    return _calibrations(system, found, truth), {"psnr_db": float(np.mean(psnr))} | _errors(
        system, found, truth
    )


def _calibrations(
    system: BitsTraining, found: Mapping[str, Mapping[str, np.ndarray]], truth: np.ndarray
) -> dict[str, np.ndarray]:
    tensors = {}
    forged = {channel.name for channel in system.deepfakes}
    for head in system.recipe.heads:
        used = [v for n, v in found[head.name].items() if head.deepfakes or n not in forged]
        # a bit and its complement are equally likely: the offset of Platt scaling is 0 by symmetry
        right = np.concatenate([np.where(truth, one, -one).ravel() for one in used])
        scale = fit_platt(np.concatenate([right, -right]), np.arange(2 * len(right)) < len(right)).scale
        tensors[f"calibration.{head.name}.scale"] = np.float32([scale])
    return tensors


def _errors(
    system: BitsTraining, found: Mapping[str, Mapping[str, np.ndarray]], truth: np.ndarray
) -> dict[str, float]:
    forged, scores = [channel.name for channel in system.deepfakes], {}
    for head, by_channel in found.items():
        rates = {name: float(((one > 0) != truth).mean()) for name, one in by_channel.items()}
        scores |= {f"{head}/{name}": rate for name, rate in rates.items()}
        scores[f"{head}/benign"] = float(np.mean([rates[n] for n in rates if n not in forged]))
        if forged:
            scores[f"{head}/deepfakes"] = float(np.mean([rates[name] for name in forged]))
    return scores
