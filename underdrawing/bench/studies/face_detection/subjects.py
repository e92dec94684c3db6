"""Detectors under test: the released ones as they run for users, and networks of weight files in PyTorch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

_BATCH = 64
NETWORKS = {
    "amtennet": "underdrawing.systems.amtennet.network:AMTENnet",
    "gocnet": "underdrawing.systems.gocnet.network:GocNet",
    "grnet": "underdrawing.systems.grnet.network:GRNet",
    "dpnet-fgl": "underdrawing.systems.dpnet_fgl.network:DPNet",
    "meso4": "underdrawing.nets.meso4:Meso4",
}
"""Networks that a weight file may hold; each module has a Config."""


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
    platt, known = read_calibration(read_tensors(path))
    side = network.config.side

    def score(view: View) -> Scores:
        logits, embeddings = [], []
        for start in range(0, len(view.inputs), _BATCH):
            faces = np.stack([resample(face, side) for face in view.inputs[start : start + _BATCH]])
            with torch.inference_mode():
                outputs = network(torch.from_numpy(faces).permute(0, 3, 1, 2).float())
            logits.append(outputs.logit.double().numpy())
            embeddings.append(outputs.embedding.numpy())
        return Scores(platt.prob(np.concatenate(logits)), known.distance(np.concatenate(embeddings)))

    versions = versions_of(system, other_weights=True)
    return FaceSubject(name, system, score, platt, versions, _without(path))


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


def _without(path: Path) -> tuple[str, ...]:
    return tuple(json.loads(read_metadata(path).get("recipe", "{}")).get("without", ()))


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
        name = f"{path.stem}/without-{'-'.join(without)}" if without else path.parent.name
        found.append(from_file(path, name))
    return found


def _weights(name: str) -> tuple[zoo.Weight, ...]:
    return zoo.card(name).own_weights if name in zoo.names("detector") else ()
