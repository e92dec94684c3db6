"""localization: localizers of manipulations under one protocol, on one trunk, with equal trainings.

    synthetic   test split of a set of `underdrawing manipulate`, on random paths as in trainings, by kind
    public      sets that no training has, files as they are; both classes of a set after one JPEG
    platforms   one public set after upload to social platforms
    untouched   falsely flagged area of photographs
    labels      boxes and scribbles of the set against its masks

Pixel F1 and IoU are at .5, AUC is over pixels: each by picture, then the mean over pictures. Authentic
pictures are no part of it; they have the falsely flagged area and the AUC of pictures.
--set weights=DIR adds other trainings, as the plain head with masks (ceiling) or labels of pictures (floor).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from underdrawing.attacks.manipulation import PLATFORMS
from underdrawing.bench.harness.labelled_sets import Found, SetPart, folder_of, installed, measure_parts
from underdrawing.bench.harness.record import Columns, Protocol
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.studies.localization import ablations, samples, subjects, tables
from underdrawing.bench.studies.localization.figures import Figures, mean_of, of_manipulated, of_pictures
from underdrawing.bench.studies.localization.samples import View
from underdrawing.bench.studies.localization.subjects import MapSubject
from underdrawing.bench.studies.localization.weak_labels import measured_labels
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.metrics.localization import MapScores


@dataclass(frozen=True)
class LocalizationProtocol(Protocol):
    """Conditions of this study."""

    quality: int = 90
    """JPEG quality of both classes of a public set, before pictures are compared with each other."""
    platform_set: str = "casia1"
    """Public set that is uploaded to the platforms, as in the table of BoxPromptIML."""


PROTOCOL = LocalizationProtocol("localization")
IN_DOMAIN = ("casia1", "columbia", "coverage")
"""Public sets whose other parts the papers train on; ours train on CASIA v2, and on CoMoFoD."""
OUT_OF_DOMAIN = ("imd2020", "psbattles", "inpaint_anything")


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    set: str = "manipulated"
    """Folder of `underdrawing manipulate` below --data, or its path."""
    public: str = "iml"
    """Folder of the public sets below --data, or its path."""
    localizers: str = ""
    """Names, separated by commas; empty: all of the zoo."""
    untouched: str = "untouched"
    """Folder of untouched photographs below --data, or its path."""
    weights: str = ""
    """Folder with the outputs of trainings at any depth."""


Measure = Callable[[MapSubject], Found]


@dataclass
class Bench:
    """Pictures of one run."""

    run: Run
    settings: Settings
    protocol: LocalizationProtocol
    _public: dict[str, View] = field(default_factory=dict)

    @cached_property
    def synthetic(self) -> View:
        """The test split on its paths."""
        view = samples.of_set(folder_of(self.run, self.settings.set), self.run.photos)
        return samples.on_chains(view, self.protocol.seed)

    def public(self, name: str) -> View:
        """A public set."""
        if name not in self._public:
            folder = folder_of(self.run, self.settings.public)
            self._public[name] = samples.of_public(folder, name, self.run.photos)
        return self._public[name]


def run(run: Run, protocol: LocalizationProtocol = PROTOCOL) -> None:
    """Measure what is not measured yet, part by part. OutputError where no part of this name exists."""
    bench = Bench(run, run.read_settings(Settings), protocol)
    measure_parts(run, STUDY.store(run.results), protocol, _parts(bench))


def _parts(bench: Bench) -> Iterator[SetPart]:
    """Every part of every localizer."""
    wanted = bench.settings.localizers
    found = subjects.released(bench.run, wanted.split(",") if wanted else installed("localizer"))
    found += [] if wanted else subjects.released_plain()
    every: dict[str, Callable[[Bench, MapSubject], Found]] = {
        "synthetic": _synthetic, "public": _public, "platforms": _platforms, "untouched": _untouched,
    }  # fmt: skip
    for subject in found:
        for part, measure in every.items():
            yield _part(part, subject, partial(measure, bench))
    if bench.settings.weights:
        for subject in subjects.trained(Path(bench.settings.weights)):
            for part in ("synthetic", "public"):
                yield _part(part, subject, partial(every[part], bench))
    yield SetPart("labels", "labels", {}, partial(_labels, bench))


def _part(name: str, subject: MapSubject, measure: Measure) -> SetPart:
    return SetPart(f"{name}-{subject.name}", subject.name, subject.versions, partial(measure, subject))


def _found(figures: Figures, scored: list[tuple[View, MapScores]]) -> Found:
    """The result with a column for each picture of each view."""
    names = [f"{view.name}/{sample.name}" for view, _ in scored for sample in view.samples]
    joined = [np.concatenate(values) for values in zip(*(scores for _, scores in scored), strict=True)]
    columns = Columns(names, list(MapScores._fields), np.stack(joined))
    return Found(figures, len(names), "+".join(view.digest for view, _ in scored), columns)


def _synthetic(bench: Bench, subject: MapSubject) -> Found:
    view = bench.synthetic
    scores = subject.score(view)
    place = f"{subject.name}/synthetic"
    figures = of_manipulated(f"{place}/all", view, scores) | of_pictures(f"{place}/all", view, scores)
    for kind in view.kinds:
        places = [at for at, sample in enumerate(view.samples) if sample.kind == kind]
        part = MapScores(*(values[places] for values in scores))
        figures |= of_manipulated(f"{place}/{kind}", view.at(places, kind), part)
    return _found(figures, [(view, scores)])


def _public(bench: Bench, subject: MapSubject) -> Found:
    """Each set by its files, and its classes compared after one JPEG; then means over sets."""
    figures: Figures = {}
    scored = []
    for name in (*IN_DOMAIN, *OUT_OF_DOMAIN):
        view, place = bench.public(name), f"{subject.name}/public/{name}"
        scored.append((view, subject.score(view)))
        figures |= of_manipulated(place, *scored[-1])
        if view.authentic.any():
            again = samples.recoded(view, bench.protocol.quality)
            scored.append((again, subject.score(again)))
            figures |= of_pictures(place, *scored[-1])
    for title, names in (("in-domain", IN_DOMAIN), ("out-of-domain", OUT_OF_DOMAIN)):
        for metric in ("f1", "iou", "auc"):
            keys = [f"{subject.name}/public/{name}/{metric}" for name in names]
            figures[f"{subject.name}/public/{title}/{metric}"] = mean_of(figures, keys)
    return _found(figures, scored)


def _platforms(bench: Bench, subject: MapSubject) -> Found:
    view, seed = bench.public(bench.protocol.platform_set), bench.protocol.seed
    views = {"none": view} | {name: samples.on_platform(view, name, seed) for name in PLATFORMS}
    figures: Figures = {}
    scored = []
    for name, received in views.items():
        scored.append((received, subject.score(received)))
        place = f"{subject.name}/platforms/{name}"
        figures |= of_manipulated(place, *scored[-1])
        if received is not view:  # files of the set differ in format between the classes
            figures |= of_pictures(place, *scored[-1])
    return _found(figures, scored)


def _untouched(bench: Bench, subject: MapSubject) -> Found:
    view = samples.of_folder(folder_of(bench.run, bench.settings.untouched), bench.run.photos)
    scores = subject.score(view)
    return _found(of_pictures(f"{subject.name}/untouched", view, scores), [(view, scores)])


def _labels(bench: Bench) -> Found:
    read = ManipulatedSet.read(folder_of(bench.run, bench.settings.set), "test")
    return Found(measured_labels(read), 0, "")


STUDY = Study(
    "localization",
    "localizers of manipulated pixels: synthetic and public sets, platforms, authentic photographs",
    run,
    {**tables.TABLES, **ablations.TABLES},
    settings=Settings,
)
