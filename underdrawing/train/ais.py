"""AIS: training against further embeddings (arXiv 2508.17247), as an extra term of any training of bits.

    X_1 = En(X, w1)                   as the training of bits has it
    X_12 = A_n(... A_1(X_1))          n = 1 .. `most` further embeddings of random bits, 8-bit files between
    L = L_task + weight * sum_i 1 / L * || De_i(X_12) - w1 ||^2      over all heads i, each with beta_i = 1

An attacker A is the network itself, or one of a pool of embedders that are not trained. De_i is the expected
bit, tanh(logit / 2).

Two embeddings by one code meet in the same places: where their bits differ they cancel, and neither is read.
The first can be kept only if the second one leaves it, which its parameters have to learn; a gradient that
stops at the first embedding makes it stronger, and the second too (tests/train/test_ais.py). So the gradient
passes the network's own further embeddings, unless `leaves_marks` is False. The price: the bits of a second
embedding by itself are not read, and an embedder that ignores the first mark overwrites it as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.core.errors import WeightsError
from underdrawing.nets.leaving import Leaving
from underdrawing.nets.weights import UNREADABLE, read_tensors
from underdrawing.train.bits import PREFIX, BitsTraining, Extra, through
from underdrawing.train.marked_faces import BitsBatch, to_tensor, to_u8

Attacker = Callable[[Tensor, np.random.Generator], Tensor]
"""(faces (B, 3, side, side) of whole levels in 0..255, rng) -> the faces marked once more, neither clipped
nor rounded."""


@dataclass(frozen=True)
class Resilience:
    """Settings of the term."""

    weight: float = 0.5
    """lambda. Of a third-party note on the paper, not verified."""
    most: int = 3
    """Further embeddings of a step: 1 to so many, drawn uniformly."""
    leaves_marks: bool = True
    """Whether the network's own further embeddings are trained too; False: the first embedding alone."""
    itself: float = 0.5
    """Share of the embeddings that are the network's own; the others are of the pool, each as often."""
    faces: float = 0.5
    """Share of the batch that the term is computed for."""
    gate_rate: float = 0.03
    """Learning rate of the thresholds of nets.leaving, where the network has some."""
    gates_alone: bool = False
    """Whether only these thresholds are trained: everything else, and all marks in unmarked faces, stay."""


def add_resilience(
    training: BitsTraining, settings: Resilience, pool: Sequence[Attacker] = ()
) -> BitsTraining:
    """The same training with the term beside its own. pool: attackers beside the network itself.

    For trainings whose `losses` has the extra terms: those of BitsTraining itself.
    """
    training.extra = ResilienceTerm(settings, pool, training.extra)
    gates = [part.learn() for part in training.network.modules() if isinstance(part, Leaving)]
    if gates:
        training.players["codec"].append({"params": gates, "lr": settings.gate_rate})
    if settings.gates_alone:
        training.network.requires_grad_(False)
        for gate in gates:
            gate.requires_grad_(True)
        training.players["codec"] = training.players["codec"][-1:]
    return training


class ResilienceTerm:
    """The term of every head, as `BitsTraining` takes an extra one."""

    def __init__(self, settings: Resilience, pool: Sequence[Attacker] = (), extra: Extra | None = None):
        """extra: a further term of the system's own."""
        self.settings, self.pool, self._extra = settings, tuple(pool), extra

    def __call__(
        self, training: BitsTraining, batch: BitsBatch, marked: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """HEAD_again for each head of the recipe, beside the terms of the system's own."""
        terms = {} if self._extra is None else self._extra(training, batch, marked, rng)
        count = max(1, round(self.settings.faces * len(marked)))
        again = as_file(marked[:count])
        for _ in range(int(rng.integers(1, self.settings.most + 1))):
            again = as_file(self._marked_again(training, batch, again, rng))
        for head in training.recipe.heads:
            expected = torch.tanh(training.network.heads[head.name](again) / 2)
            terms[f"{head.name}_again"] = self.settings.weight * F.mse_loss(expected, batch.bits[:count])
        return terms

    def _marked_again(
        self, training: BitsTraining, batch: BitsBatch, faces: Tensor, rng: np.random.Generator
    ) -> Tensor:
        if self.pool and rng.random() >= self.settings.itself:
            return self.pool[rng.integers(len(self.pool))](faces, rng)
        other = replace(batch, images=faces, bits=random_bits(len(faces), training.recipe.bits, rng))
        with nullcontext() if self.settings.leaves_marks else frozen(training.network):
            return training.marked(other)


@dataclass(frozen=True, eq=False)
class PixelAttacker:
    """Any embedder of pictures. The gradient passes it as if it added a constant."""

    embed: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    """(face (side, side, 3) uint8, rng) -> the face marked once more, the same."""

    def __call__(self, faces: Tensor, rng: np.random.Generator) -> Tensor:
        """See Attacker."""
        return through(faces, to_tensor(np.stack([self.embed(face, rng) for face in to_u8(faces)])))


@dataclass(frozen=True)
class PatternAttacker:
    """A spread-spectrum code of patterns drawn anew: stands for systems that are not at hand.

    Pattern pixels are normal, the same in R, G and B, low-pass by averaging over `cell` x `cell` px.
    """

    psnr_db: float = 38.0
    """Of the change, RGB."""
    cells: tuple[int, ...] = (1, 2, 4)
    """Sides of the cells, one drawn for each embedding, px; divisors of the side of the faces."""

    def __call__(self, faces: Tensor, rng: np.random.Generator) -> Tensor:
        """See Attacker."""
        side = faces.shape[-1] // self.cells[rng.integers(len(self.cells))]
        change = rng.standard_normal((len(faces), 1, side, side), np.float32)
        change *= 255 / 10 ** (self.psnr_db / 20) / np.sqrt(np.mean(change**2, (1, 2, 3), keepdims=True))
        return faces + F.interpolate(torch.from_numpy(change), size=faces.shape[-2:], mode="nearest")


def as_file(images: Tensor) -> Tensor:
    """Rounded and clipped to 8 bits, with the gradient of what it was made of."""
    return through(images, to_tensor(to_u8(images)))


def random_bits(count: int, bits: int, rng: np.random.Generator) -> Tensor:
    """(count, bits) float32 in {-1, +1}, equally likely."""
    return torch.from_numpy(rng.integers(0, 2, (count, bits)).astype(np.float32)) * 2 - 1


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside, what the network computes gives its parameters no gradient."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def start_from(network: nn.Module, weights: Path) -> bool:
    """Load the parameters of a trained baseline; False, with the network as it is, where the file is missing.

    WeightsError for a file of another network.
    """
    if not weights.is_file():
        return False
    state = {name: torch.from_numpy(value) for name, value in read_tensors(weights, PREFIX).items()}
    try:
        network.load_state_dict(state)
    except UNREADABLE as error:
        raise WeightsError(f"{weights}: its parameters do not fit this network ({error})") from error
    return True
