"""face-detection: detectors of forged faces under one protocol, on faces that none of them was trained on.

    within      test split of a set of `underdrawing forge`, as it was made: other people than in the training
    post        the same on the paths of the training, after known and after unknown post-processing
    cross       sets and kinds of forgery that no training has: composites by experts, FLUX, StyleGAN3
    answers     what `examine` answers for each kind, if its joint decision is installed
    untouched   false signs on photographs of people
    shortcut    what must change nothing: one path for a forgery and its original, compression swapped
    left-out    a kind of forgery that the training left out          --weights DIR, any folder of trainings
    adapted     DPNet with statistics adapted to received faces
    trained     other networks and recipes, as `within`               --weights DIR

Real and forged faces take the same paths (scale, codec, tone, crop), so that no class has a source, a size,
or a codec of its own. Both classes, and all kinds of forgery, weigh the same in every figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.api.examining import Examiner
from underdrawing.attacks.channel import Channel, Jpeg, Nothing
from underdrawing.attacks.suites import SUITES
from underdrawing.bench.harness.labelled_sets import Found, SetPart, folder_of, installed, measure_parts
from underdrawing.bench.harness.record import Columns, Protocol
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.studies.face_detection import joint, tables
from underdrawing.bench.studies.face_detection.figures import Figures, bounded, measured, merged
from underdrawing.bench.studies.face_detection.samples import (
    Faces,
    View,
    join,
    on_camera,
    on_one_path,
    read_pictures,
    read_set,
    through,
)
from underdrawing.bench.studies.face_detection.subjects import FaceSubject, Scores, adapted, released, trained
from underdrawing.data.face_set import REAL
from underdrawing.judging.face_decision import FaceDecision
from underdrawing.metrics.classification import auc, share


@dataclass(frozen=True)
class FaceProtocol(Protocol):
    """Conditions of this study."""

    side: int = 128
    """Of the inputs, px."""
    post_each: int = 30
    """Faces of each kind after post-processing; real ones as many as all of them."""
    pairs_each: int = 25
    """Forgeries of each kind in the shortcut test, each with its original."""
    codecs: tuple[int, int] = (95, 75)
    """JPEG qualities that the shortcut test swaps between the classes."""


PROTOCOL = FaceProtocol("face-detection")
CROSS = {"ciplab": "ciplab/test", "ecuador": "ecuador/val", "stylegan3": "stylegan3/test"}
"""Folders below --data, with pictures in real/ and fake/; without real ones, those of the set are used."""


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    faces: str = "set"
    """Folder of `underdrawing forge` below --data, or its path."""
    detectors: str = ""
    """Names, separated by commas; empty: all of the zoo."""
    untouched: str = "untouched"
    """Folder of untouched photographs of people below --data, or its path."""
    weights: str = ""
    """Folder with the outputs of trainings at any depth."""


Scored = list[tuple[View, Scores]]


Measure = Callable[[FaceSubject], Found]


@dataclass
class Bench:
    """Faces, views and scores of one run, each made once."""

    run: Run
    settings: Settings
    protocol: FaceProtocol
    _scores: dict[tuple[str, str], Scores] = field(default_factory=dict)

    @cached_property
    def faces(self) -> Faces:
        """The test split."""
        found = read_set(folder_of(self.run, self.settings.faces))
        return found if self.run.photos is None else found.spread(self.run.photos)

    @cached_property
    def within(self) -> View:
        return self._through("within", self.faces, Nothing())

    def _through(self, name: str, faces: Faces, channel: Channel) -> View:
        """Both classes through one channel, cut out as by `examine`."""
        return through(name, faces, self.protocol.side, (channel, channel), self.protocol.seed)

    @cached_property
    def posts(self) -> dict[str, list[View]]:
        """Views after each channel, by suite; "camera": on random paths as in the training."""
        faces = self.faces.spread(self.protocol.post_each)
        return {
            "camera": [on_camera("camera", faces, self.protocol.side, self.protocol.seed)],
            **{
                suite: [self._through(channel.name, faces, channel) for channel in SUITES[f"face-{suite}"]]
                for suite in ("known", "unknown")
            },
        }

    @cached_property
    def cross(self) -> list[View]:
        """Views of the sets of CROSS."""
        views = []
        for name, folder in CROSS.items():
            side = self.faces.crops.shape[1]
            faces = read_pictures(folder_of(self.run, folder), name, side, self.run.photos)
            if faces.fake.all():
                faces = join(self.faces.take(self.faces.of(REAL)), faces)
            views.append(on_camera(name, faces, self.protocol.side, self.protocol.seed))
        return views

    @cached_property
    def pairs(self) -> Faces:
        """Forgeries with their originals, which are repeated for each."""
        faces = self.faces
        forged = [places[faces.originals[places] >= 0] for places in map(faces.of, faces.forged_kinds)]
        each = self.protocol.pairs_each
        chosen = np.concatenate(
            [p[np.linspace(0, len(p) - 1, min(each, len(p))).round().astype(int)] for p in forged]
        )
        pairs = faces.take(np.concatenate([faces.originals[chosen], chosen]))
        pairs.originals[len(chosen) :] = np.arange(len(chosen))
        return pairs

    @cached_property
    def shortcuts(self) -> dict[str, View]:
        """Views that are compared with one another."""
        side, seed, pairs = self.protocol.side, self.protocol.seed, self.pairs
        high, low = (Jpeg(quality) for quality in self.protocol.codecs)
        return {
            "own-paths": on_camera("own-paths", pairs, side, seed),
            "one-path": on_one_path("one-path", pairs, side, seed),
            "fakes-low": through("fakes-low", pairs, side, (high, low), seed),
            "fakes-high": through("fakes-high", pairs, side, (low, high), seed),
        }

    def score(self, subject: FaceSubject, view: View) -> Scores:
        """Of one detector; made once."""
        key = subject.name, view.name
        if key not in self._scores:
            self._scores[key] = subject.score(view)
        return self._scores[key]


def run(run: Run, protocol: FaceProtocol = PROTOCOL) -> None:
    """Measure what is not measured yet, part by part. OutputError where no part of this name exists."""
    bench = Bench(run, run.read_settings(Settings), protocol)
    detectors = bench.settings.detectors
    names = detectors.split(",") if detectors else installed("detector")
    parts = (
        SetPart(f"{part}-{subject.stored}", subject.stored, subject.versions, partial(measure, subject))
        for subject, part, measure in _parts(bench, names)
    )
    measure_parts(run, STUDY.store(run.results), protocol, parts)


def _parts(bench: Bench, names: list[str]) -> Iterator[tuple[FaceSubject, str, Measure]]:
    own: dict[str, Callable[[Bench, FaceSubject], Any]] = {
        "within": _within, "post": _post, "cross": _cross, "shortcut": _shortcut,
    }  # fmt: skip
    subjects: list[FaceSubject] = []
    for name in names:
        subjects.append(released(bench.run, name))
        for part, measure in own.items():
            yield subjects[-1], part, partial(measure, bench)
    if "dpnet-fgl" in names:
        weights = zoo.card("dpnet-fgl").own_weights[0].path
        yield adapted(weights), "adapted", partial(_adapted, bench)
    decision = None if bench.settings.detectors else Examiner.of_zoo().decision
    if decision is not None:
        subject = joint.joint(decision, subjects, bench.score)
        for part in ("within", "post", "cross"):
            yield subject, part, partial(own[part], bench)
        yield subject, "answers", partial(_answers, bench, decision)
        yield subject, "untouched", partial(_untouched, bench)
    if bench.settings.weights:
        for subject in trained(Path(bench.settings.weights), names):
            part, measure = ("left-out", _left_out) if subject.without else ("trained", _within)
            yield subject, part, partial(measure, bench)


def _found(figures: Figures, scored: Scored) -> Found:
    """The result with a column for each face of each view: probability, distance, whether it is forged."""
    names = [f"{view.name}/{name}" for view, _ in scored for name in view.faces.names]
    rows = (
        np.concatenate([scores.prob for _, scores in scored]),
        np.concatenate([scores.distance for _, scores in scored]),
        np.concatenate([view.faces.fake for view, _ in scored]),
    )
    data_hash = "+".join(sorted({view.faces.digest for view, _ in scored}))
    return Found(figures, len(names), data_hash, Columns(names, ["prob", "distance", "fake"], np.stack(rows)))


def _within(bench: Bench, subject: FaceSubject) -> Found:
    view = bench.within
    scores = bench.score(subject, view)
    figures = measured(f"{subject.name}/within/all", view.faces, scores, subject)
    for kind in view.faces.forged_kinds:
        places = view.faces.of(REAL, kind)
        part = Scores(scores.prob[places], scores.distance[places])
        figures |= measured(f"{subject.name}/within/{kind}", view.faces.take(places), part, subject)
    return _found(figures, [(view, scores)])


def _post(bench: Bench, subject: FaceSubject) -> Found:
    figures: Figures = {}
    every = []
    for suite, views in bench.posts.items():
        scored = [(view, bench.score(subject, view)) for view in views]
        for view, scores in scored:
            figures |= measured(f"{subject.name}/post/{view.name}", view.faces, scores, subject)
        if len(views) > 1:
            figures |= measured(f"{subject.name}/post/{suite}", *merged(scored), subject)
        every += scored
    return _found(figures, every)


def _cross(bench: Bench, subject: FaceSubject) -> Found:
    scored = [(view, bench.score(subject, view)) for view in bench.cross]
    figures: Figures = {}
    for view, scores in scored:
        figures |= measured(f"{subject.name}/cross/{view.name}", view.faces, scores, subject)
    return _found(figures, scored)


def _adapted(bench: Bench, subject: FaceSubject) -> Found:
    """As `cross` and `within`, with statistics adapted to faces of each view, without their labels."""
    scored = [(view, subject.score(view)) for view in (bench.within, *bench.cross)]
    figures: Figures = {}
    for view, scores in scored:
        figures |= measured(f"{subject.name}/adapted/{view.name}", view.faces, scores, subject)
    return _found(figures, scored)


def _shortcut(bench: Bench, subject: FaceSubject) -> Found:
    """AUC of each view, and differences of those that a fair detector scores alike."""
    faces, views = bench.pairs, bench.shortcuts
    scored = {name: bench.score(subject, view) for name, view in views.items()}
    place = f"{subject.name}/shortcut"
    figures = {f"{place}/{name}/auc": bounded(auc, found.prob, faces) for name, found in scored.items()}
    for name, first, second in (
        ("paths", "own-paths", "one-path"),
        ("codecs", "fakes-low", "fakes-high"),
    ):
        both = np.stack([scored[first].prob, scored[second].prob])
        figures[f"{place}/{name}/difference"] = bounded(_difference, both, faces)
    half = len(faces.names) // 2
    right = scored["one-path"].prob[half:] > scored["one-path"].prob[:half]
    figures[f"{place}/pairs/right"] = bounded(share, right, faces.take(np.arange(half, 2 * half)))
    return _found(figures, [(view, scored[name]) for name, view in views.items()])


def _difference(both: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """AUC of the first scores minus that of the second."""
    return auc(both[0], fake, weights) - auc(both[1], fake, weights)


def _answers(bench: Bench, decision: FaceDecision, subject: FaceSubject) -> Found:
    scored = [(view, bench.score(subject, view)) for view in (bench.within, *bench.cross)]
    figures: Figures = {}
    for view, scores in scored:
        figures |= joint.answers(decision, view, scores)
    return _found(figures, scored)


def _untouched(bench: Bench, subject: FaceSubject) -> Found:
    return Found(*joint.untouched(folder_of(bench.run, bench.settings.untouched), bench.run.photos))


def _left_out(bench: Bench, subject: FaceSubject) -> Found:
    """Real faces against each kind that the training left out."""
    figures: Figures = {}
    scored = []
    for kind in subject.without:
        view = bench.within.take(f"within-{kind}", bench.faces.of(REAL, kind))
        scores = bench.score(subject, view)
        place = f"{subject.system}/left-out/{kind}"
        figures |= measured(place, view.faces, scores, subject)
        scored.append((view, scores))
    return _found(figures, scored)


STUDY = Study(
    "face-detection",
    "detectors of forged faces: within kinds, left-out kinds, post-processing, other sets, shortcuts",
    run,
    tables.TABLES,
    Settings,
)
