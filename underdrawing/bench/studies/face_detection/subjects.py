"""Detectors under test: the released ones as they run for users, and networks of weight files in PyTorch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from underdrawing import zoo
from underdrawing.bench.harness.record import versions_of
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies.face_detection.samples import View
from underdrawing.core.errors import WeightsError
from underdrawing.judging.face_scorer import PREFIX, resample
from underdrawing.metrics.calibration import Platt, read_calibration
from underdrawing.nets.loading import load_network
from underdrawing.nets.weights import read_metadata, read_tensors
from underdrawing.systems.dpnet_fgl.adaptation import adapt

_BATCH = 64
NETWORKS = {
    "amtennet": "underdrawing.systems.amtennet.network:AMTENnet",
    "gocnet": "underdrawing.systems.gocnet.network:GocNet",
    "grnet": "underdrawing.systems.grnet.network:GRNet",
    "dpnet-fgl": "underdrawing.systems.dpnet_fgl.network:DPNet",
    "meso4": "underdrawing.nets.meso4:Meso4",
}
"""Networks that a weight file may hold; each module has a Config."""
UNGUIDED = "dpnet"
"""Name of DPNet where it was trained without FGL."""


class Scores(NamedTuple):
    """Of N faces."""

    prob: np.ndarray
    """(N,) float64 calibrated probability that the face is forged."""
    distance: np.ndarray
    """(N,) float64 to the faces of the training; above 1 is outside."""


@dataclass(frozen=True)
class FaceSubject:
    """One detector."""

    name: str
    """In results and tables."""
    system: str
    """Of the zoo; "" where there is none."""
    score: Callable[[View], Scores]
    platt: Platt | None
    """None: unknown, and nothing is reported before calibration."""
    versions: Mapping[str, str]
    without: tuple[str, ...] = ()
    """Kinds of forgeries that the training left out."""

    @property
    def stored(self) -> str:
        """Name without folders, under which results are stored."""
        return self.name.replace("/", "-")

    def raw_prob(self, prob: np.ndarray) -> np.ndarray | None:
        """Probabilities before calibration: the sigmoid of the network's logit."""
        if self.platt is None:
            return None
        p = np.clip(prob, 1e-12, 1 - 1e-12)
        logit = (np.log(p / (1 - p)) - self.platt.offset) / self.platt.scale
        return Platt(1.0, 0.0).prob(logit)


def released(run: Run, name: str) -> FaceSubject:
    """A detector of the zoo with its released weights, on the path of `examine`."""
    subject = run.load(name)

    def score(view: View) -> Scores:
        found = [subject.model.evidence(face) for face in view.inputs]
        return Scores(*(np.array([getattr(e, field) for e in found]) for field in ("fake_prob", "distance")))

    return FaceSubject(name, name, score, _platt_of(name), subject.versions)


def _platt_of(name: str) -> Platt | None:
    weights = zoo.card(name).own_weights if name in zoo.names("detector") else ()
    return _platt(weights[0].path) if weights else None


def _platt(path: Path) -> Platt | None:
    try:
        return read_calibration(read_tensors(path))[0]
    except KeyError:
        return None


def from_file(path: Path, name: str) -> FaceSubject:
    """A network of a weight file that `underdrawing train` wrote. WeightsError where none fits."""
    system, network = _load(path)
    versions, score = versions_of(system, other_weights=True), _scored(network, path)
    label = UNGUIDED if _recipe(path).get("guidance", {}) is None else system
    if getattr(network.config, "one_trunk", False):
        label = f"front-end-{network.config.front_end}"
    return FaceSubject(name, label, score, _platt(path), versions, _without(path))


def adapted(path: Path, received: int = 64) -> FaceSubject:
    """A DPNet with statistics adapted to some of the received faces, drawn at random."""
    name, network = _load(path)

    def score(view: View) -> Scores:
        order = np.random.default_rng(1).permutation(len(view.inputs))[:received]
        faces = _inputs([view.inputs[place] for place in order], network.config.side)
        return _scored(adapt(network, faces), path)(view)

    return FaceSubject(name, name, score, _platt(path), versions_of(name))


def _inputs(faces: Any, side: int) -> torch.Tensor:
    resampled = np.stack([resample(face, side) for face in faces])
    return torch.from_numpy(resampled).permute(0, 3, 1, 2).float()


def _scored(network: Any, path: Path) -> Callable[[View], Scores]:
    """Scores by a network with the calibration of a weight file."""
    platt, known = read_calibration(read_tensors(path))
    side = network.config.side

    def score(view: View) -> Scores:
        logits, embeddings = [], []
        for start in range(0, len(view.inputs), _BATCH):
            with torch.inference_mode():
                outputs = network(_inputs(view.inputs[start : start + _BATCH], side))
            logits.append(outputs.logit.double().numpy())
            embeddings.append(outputs.embedding.numpy())
        return Scores(platt.prob(np.concatenate(logits)), known.distance(np.concatenate(embeddings)))

    return score


def _load(path: Path) -> tuple[str, Any]:
    """Name and network; the one that the file is named after is tried first."""
    for name in sorted(NETWORKS, key=lambda name: name != path.stem.replace("_", "-")):
        module, _, network = NETWORKS[name].partition(":")
        loaded = import_module(module)
        try:
            return name, load_network(path, loaded.Config, getattr(loaded, network), PREFIX)
        except WeightsError:
            continue
    raise WeightsError(f"{path}: holds none of the networks {', '.join(NETWORKS)}")


def _recipe(path: Path) -> dict[str, Any]:
    return json.loads(read_metadata(path).get("recipe", "{}"))


def _without(path: Path) -> tuple[str, ...]:
    return tuple(_recipe(path).get("without", ()))


def trained(folder: Path, released_names: list[str]) -> list[FaceSubject]:
    """Every weight file below a folder but copies of the released ones.

    One whose training left kinds out is named SYSTEM/without-KIND, another as its folder.
    """
    shas = {weight.sha256 for name in released_names for weight in _weights(name)}
    found = []
    for path in sorted(folder.rglob("*.safetensors")):
        if hashlib.sha256(path.read_bytes()).hexdigest() in shas:
            continue
        without = _without(path)
        subject = from_file(path, path.parent.name)
        if without:
            subject = replace(subject, name=f"{subject.system}/without-{'-'.join(without)}")
        found.append(subject)
    return found


def _weights(name: str) -> tuple[zoo.Weight, ...]:
    return zoo.card(name).own_weights if name in zoo.names("detector") else ()
