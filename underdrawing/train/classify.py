"""Training of detectors of forged faces, shared by all of them: batches, loss, statistics, calibration.

    FaceSet + Camera -> pairs of a forged and a real face -> network -> losses      the loop: train.loop
    maps of the network -> 1x1 convolution -> changed positions, against the mask   deep supervision
    val split -> logits, embeddings -> Platt scaling, distance to known faces    stored with the weights

Few faces can be made in hours on a CPU, and a mask has more bits than a label: networks that give maps, by
names that start with MAPS, learn where a face was changed as well. The convolutions for it are not released.
The two of a pair show the same person, taken by the same path: what else tells pictures apart cancels in the
difference of their logits.

A weight file holds the parameters under "network.", and the tensors of metrics.calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.attacks.face_forgery.camera import Camera
from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import REAL, FaceSet
from underdrawing.metrics.calibration import Outside, Platt, fit_outside, fit_platt
from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.nets.loading import save_network
from underdrawing.train.run import SEED, Recipe, run_recipe
from underdrawing.train.statistics import recompute_statistics

PREFIX = "network."
"""Of the names of the parameters in a weight file."""
MAPS = "maps."
"""Of the names of FaceOutputs.parts (B, C, h, w) that are supervised by the mask."""
_STATISTICS = 40  # batches for the statistics of embeddings, at least
_VIEWS = 3  # paths of each held-out face, on average


@dataclass(frozen=True)
class ClassifyRecipe(Recipe):
    """Settings of the training of a detector."""

    batch: int = 32
    """Faces a step: half of them real."""
    side: int = 128
    """Of the input, px."""
    camera: Camera = field(default_factory=Camera)
    """Path of both classes from the crop to the input."""
    dense: float = 1.0
    """Weight of the loss of the masks; 0: the label alone, as the papers have it."""
    ranking: float = 1.0
    """Weight of ln(1 + exp(z of the real face - z of the forged one)) of the pairs of a batch; 0: none."""
    paired: float = 0.9
    """Share of forged faces whose real counterpart takes the same path in the same batch."""
    squares: float = 0.5
    """Share of samples that are squares of photographs in place of faces, where the set has them."""
    without: tuple[str, ...] = ()
    """Kinds of forgeries that are left out, of training and of calibration."""


Losses = Callable[[FaceOutputs, Tensor, Tensor, np.random.Generator], dict[str, Tensor]]
"""(outputs, labels (B,) float32 with 1 for forged, kinds (B,) int64 with 0 for real, rng) -> named losses."""


@dataclass(frozen=True)
class FaceBatch:
    """Inputs of a step."""

    faces: Tensor
    """(B, 3, side, side) float32, RGB in 0..255."""
    labels: Tensor
    """(B,) float32: 1 for a forged face."""
    kinds: Tensor
    """(B,) int64: 0 for a real face, else 1 + position in FaceSet.kinds."""
    masks: Tensor
    """(B, 1, side / 4, side / 4) float32 in [0, 1]: changed pixels."""


class FaceBatches:
    """Random batches of a face set: as many real as forged faces, every kind as often as the others."""

    def __init__(self, faces: FaceSet, recipe: ClassifyRecipe):
        self.faces, self.recipe, self.kinds = faces, recipe, faces.kinds
        self._originals, squares = faces.originals(), faces.squares()
        self._pools = [
            {kind: places[squares[places] == square] for kind in (REAL, *self.kinds)
             for places in (faces.indices(kind),)}
            for square in (False, True)
        ]  # fmt: skip
        if not self.kinds or not len(self._pools[0][REAL]):
            raise UsageError("a detector is trained on real and on forged faces; one of the two is missing")

    def draw(self, rng: np.random.Generator, forgeries: np.ndarray | None = None) -> FaceBatch:
        """A batch; every second face is forged. forgeries: their places in `kinds`; None: uniform."""
        if forgeries is None:
            forgeries = rng.integers(len(self.kinds), size=self.recipe.batch // 2)
        pictures, masks, kinds = [], [], []
        side, camera = self.recipe.side, self.recipe.camera
        for kind in forgeries:
            pool = self._pool(self.kinds[kind], rng)
            forged = int(rng.choice(pool[self.kinds[kind]]))
            real, view = int(self._originals[forged]), camera.draw(rng)
            if real >= 0 and rng.random() < self.recipe.paired:
                views = view, view
            else:
                real, views = int(rng.choice(pool[REAL])), (view, camera.draw(rng))
            for place, one in zip((forged, real), views, strict=True):
                pictures.append(one.picture(self.faces.pictures[place], side))
                sides = len(self.faces.pictures[place]), side
                masks.append(one.mask(self.faces.masks[place], sides, side // 4))
            kinds += [kind + 1, 0]
        return _batch(np.stack(pictures), np.stack(masks), np.array(kinds))

    def _pool(self, kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Faces, or squares, as often as the recipe has it; always those of which there are forgeries."""
        faces, squares = self._pools
        if not len(squares[kind]) or not len(squares[REAL]):
            return faces
        return squares if not len(faces[kind]) or rng.random() < self.recipe.squares else faces


def _batch(pictures: np.ndarray, masks: np.ndarray, kinds: np.ndarray) -> FaceBatch:
    faces = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    labels = torch.from_numpy(kinds).long()
    changed = torch.from_numpy(masks).float()[:, None] / 255
    return FaceBatch(
        faces.contiguous(memory_format=torch.channels_last), (labels > 0).float(), labels, changed
    )


def cross_entropy(
    outputs: FaceOutputs, labels: Tensor, kinds: Tensor, rng: np.random.Generator
) -> dict[str, Tensor]:
    """Binary cross-entropy of the logit."""
    return {"loss": F.binary_cross_entropy_with_logits(outputs.logit, labels)}


class Classification:
    """A network and its losses, as the loop trains them."""

    def __init__(
        self,
        network: nn.Module,
        faces: FaceSet,
        recipe: ClassifyRecipe,
        losses: Losses = cross_entropy,
        groups: list[dict] | None = None,
    ):
        """groups: of the optimizer, where not all parameters have the recipe's rate."""
        self.network, self.recipe, self._losses = (
            network.to(memory_format=torch.channels_last),
            recipe,
            losses,
        )
        self.batches = FaceBatches(faces, recipe)
        rate = {"lr": recipe.learning_rate}
        heads = _dense_heads(network, recipe)
        self.module = nn.ModuleDict({"network": network, "heads": heads})
        self.players = {"detector": [*(groups or [{"params": list(network.parameters()), **rate}])]}
        if len(heads):
            self.players["detector"].append({"params": list(heads.parameters()), **rate})

    def batch(self, rng: np.random.Generator) -> FaceBatch:
        """The faces of a step."""
        return self.batches.draw(rng)

    def losses(self, batch: FaceBatch, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The losses of one step."""
        yield "detector", self.terms(self.network(batch.faces), batch, rng)

    def terms(self, outputs: FaceOutputs, batch: FaceBatch, rng: np.random.Generator) -> dict[str, Tensor]:
        """The losses of outputs: the system's, that of the pairs, and those of the masks."""
        terms = self._losses(outputs, batch.labels, batch.kinds, rng)
        if self.recipe.ranking > 0:
            forged, real = outputs.logit[0::2], outputs.logit[1::2]
            terms["ranking"] = self.recipe.ranking * F.softplus(real - forged).mean()
        heads = self.module["heads"]
        for name in heads:
            maps = outputs.parts[MAPS + name]
            changed = F.interpolate(batch.masks, maps.shape[2:], mode="area")
            loss = F.binary_cross_entropy_with_logits(heads[name](maps), changed)
            terms[name] = self.recipe.dense * loss / len(heads)
        return terms


@torch.no_grad()
def _dense_heads(network: nn.Module, recipe: ClassifyRecipe) -> nn.ModuleDict:
    """A 1x1 convolution for each of the network's maps, by the rest of their names."""
    if recipe.dense == 0:
        return nn.ModuleDict()
    training = network.training
    outputs = network.eval()(torch.zeros(1, 3, recipe.side, recipe.side))
    network.train(training)
    maps = {name.removeprefix(MAPS): part for name, part in outputs.parts.items() if name.startswith(MAPS)}
    return nn.ModuleDict({name: nn.Conv2d(part.shape[1], 1, 1) for name, part in maps.items()})


def run(
    build: Callable[[FaceSet], Classification],
    recipe: ClassifyRecipe,
    data: Path,
    weights: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
) -> dict[str, float]:
    """Train on the set of faces in `data` and write the calibrated weights; the last row of the log.

    build: the system for the train split; initial parameters are drawn from torch's generator, seeded here.
    The folder of `weights` gets the checkpoint and the log.
    """
    faces = FaceSet.read(data, "train", recipe.without)

    def make(device: torch.device) -> Classification:
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            return build(faces)

    def save(system: Classification, metadata: dict[str, str]) -> dict[str, float]:
        recompute_statistics(system.network, lambda rng: system.network(system.batch(rng).faces))
        platt, outside, scores = calibrate(system, FaceSet.read(data, "val", recipe.without))
        stored = platt.tensors() | outside.tensors()
        tensors = {name: torch.from_numpy(value).contiguous() for name, value in stored.items()}
        save_network(system.network, weights, metadata, prefix=PREFIX, others=tensors)
        return scores

    photos = len(faces.entries)
    return run_recipe(make, recipe, weights.parent, save, photos=photos, minutes=minutes, resume=resume)


@torch.no_grad()
def calibrate(system: Classification, held_out: FaceSet) -> tuple[Platt, Outside, dict[str, float]]:
    """Calibration of the logit, distance of embeddings, and balanced accuracy on a split that was not trained
    on. Both classes, and the kinds of forgeries, weigh the same."""
    faces = FaceBatches(system.batches.faces, replace(system.recipe, squares=0.0))
    known = [faces.draw(np.random.default_rng((SEED, 2, number))) for number in range(_STATISTICS)]
    embeddings = np.concatenate([system.network(batch.faces).embedding.numpy() for batch in known])
    groups = np.concatenate([batch.kinds.numpy() for batch in known])
    batches = FaceBatches(held_out, system.recipe)
    count = max(_STATISTICS, _VIEWS * len(held_out.entries) // system.recipe.batch)
    logits, others, labels = [], [], []
    for number in range(count):
        batch = batches.draw(np.random.default_rng((SEED, 3, number)))
        outputs = system.network(batch.faces)
        logits.append(outputs.logit.double().numpy())
        others.append(outputs.embedding.numpy())
        labels.append(batch.labels.numpy() > 0)
    logit, label = np.concatenate(logits), np.concatenate(labels)
    platt = fit_platt(logit, label)
    right = (platt.prob(logit) > 0.5) == label
    return platt, fit_outside(embeddings, groups, np.concatenate(others)), {"accuracy": float(right.mean())}
