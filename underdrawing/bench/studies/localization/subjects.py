"""Localizers under test: the released ones as they run for users, and those of other weight files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from underdrawing import zoo
from underdrawing.bench.harness.record import versions_of
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies.localization.samples import View
from underdrawing.content.manipulation_trunk.model import localizer as plain_head
from underdrawing.core.interfaces import Localization
from underdrawing.metrics.localization import MapScores, score_map, stacked
from underdrawing.nets.weights import read_metadata

TRUNK = "manipulation-trunk"
PLAIN = "plain"
"""The plain head on the trunk, by the labels of its training: plain-masks, plain-boxes, ..."""
JOINT = "plain-joint"
"""The plain head that the trunk was trained with."""


@dataclass(frozen=True)
class MapSubject:
    """One localizer."""

    name: str
    """In results and tables."""
    examine: Callable[[Any], Localization]
    versions: Mapping[str, str]

    def score(self, view: View) -> MapScores:
        """Scores of all pictures of a view."""
        scores = []
        for number in range(len(view.samples)):
            image, labels = view.read(number)
            found = self.examine(image)
            scores.append(score_map(found.tampered_prob, labels, found.picture_prob))
        return stacked(scores)


def released(run: Run, names: list[str]) -> list[MapSubject]:
    """Localizers with their released weights."""
    subjects = []
    for name in names:
        subject = run.load(name)
        subjects.append(MapSubject(name, subject.model.examine, subject.versions))
    return subjects


def released_plain() -> list[MapSubject]:
    """The plain head that the trunk was trained with, if the trunk is released."""
    weights = zoo.card(TRUNK).own_weights
    return [MapSubject(JOINT, plain_head().examine, versions_of(TRUNK))] if weights else []


def trained(folder: Path) -> list[MapSubject]:
    """A localizer for every weight file below a folder but copies of released ones.

    A plain head is named by the labels of its training, another as its folder.
    """
    released = [weight for name in (*zoo.names("localizer"), TRUNK) for weight in zoo.card(name).own_weights]
    known = {weight.sha256 for weight in released}
    paths = [
        p for p in sorted(folder.rglob("*.safetensors")) if sha256(p.read_bytes()).hexdigest() not in known
    ]
    return [_of_file(path) for path in paths]


def _of_file(path: Path) -> MapSubject:
    system = path.stem.replace("_", "-")
    versions = versions_of(system, other_weights=True)
    if system == TRUNK:
        supervision = json.loads(read_metadata(path)["recipe"])["supervision"]
        return MapSubject(f"{PLAIN}-{supervision}", plain_head(path).examine, versions)
    return MapSubject(path.parent.name, zoo.load(system, path).examine, versions)
