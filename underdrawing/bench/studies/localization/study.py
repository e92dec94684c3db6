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

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.attacks.manipulation import PLATFORMS
from underdrawing.bench.harness.record import Columns, Protocol, conditions, part_of
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.studies.localization import ablations, samples, subjects, tables
from underdrawing.bench.studies.localization.figures import Figures, mean_of, of_manipulated, of_pictures
from underdrawing.bench.studies.localization.samples import View
from underdrawing.bench.studies.localization.subjects import MapSubject
from underdrawing.bench.studies.localization.weak_labels import measured_labels
from underdrawing.core.errors import OutputError, PictureError, UsageError
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
"""Public sets whose other parts the papers train on; none of ours does."""
OUT_OF_DOMAIN = ("imd2020", "comofod", "psbattles", "inpaint_anything")


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


@dataclass(frozen=True)
class Found:
    """Result of a part."""

    figures: Figures
    scored: list[tuple[View, MapScores]]


Measure = Callable[[MapSubject], Found]


@dataclass
class Bench:
    """Pictures of one run."""

    run: Run
    settings: Settings
    protocol: LocalizationProtocol
    _public: dict[str, View] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        """A folder below --data. PictureError where there is none."""
        if self.run.data is None:
            raise UsageError("this study needs --data DIR, a folder with the sets of pictures")
        below = [] if Path(name).is_absolute() else sorted(self.run.data.rglob(name))
        places = [Path(name), self.run.data / name, *below]
        found = next((place for place in places if place.is_dir()), None)
        if found is None:
            raise PictureError(f"{self.run.data}: no folder {name} below it; --only leaves out parts")
        return found

    @cached_property
    def synthetic(self) -> View:
        """The test split on its paths."""
        view = samples.of_set(self.folder(self.settings.set), self.run.photos)
        return samples.on_chains(view, self.protocol.seed)

    def public(self, name: str) -> View:
        """A public set."""
        if name not in self._public:
            folder = self.folder(self.settings.public)
            self._public[name] = samples.of_public(folder, name, self.run.photos)
        return self._public[name]


def run(run: Run, protocol: LocalizationProtocol = PROTOCOL) -> None:
    """Measure what is not measured yet, part by part. OutputError where no part of this name exists."""
    bench = Bench(run, run.read_settings(Settings), protocol)
    store, known, chosen = STUDY.store(run.results), [], []
    for name, subject, measure in _parts(bench):
        known.append(name)
        if run.selects(name):
            chosen.append((name, subject, measure))
    if not chosen:
        raise OutputError(f"no part is called {', '.join(run.only)}; there are: {', '.join(known)}")
    for done, (name, subject, measure) in enumerate(chosen):
        run.progress(name, done, len(chosen))
        if run.again or name not in store.parts:
            store.write(subject.name, name, *_part(protocol, subject, measure))


def _parts(bench: Bench) -> Iterator[tuple[str, MapSubject, Measure]]:
    """Name, localizer and measurement of every part."""
    wanted = bench.settings.localizers
    found = subjects.released(bench.run, wanted.split(",") if wanted else _installed())
    found += [] if wanted else subjects.released_plain()
    every: dict[str, Callable[[Bench, MapSubject], Found]] = {
        "synthetic": _synthetic, "public": _public, "platforms": _platforms, "untouched": _untouched,
    }  # fmt: skip
    for subject in found:
        for part, measure in every.items():
            yield f"{part}-{subject.name}", subject, partial(measure, bench)
    if bench.settings.weights:
        for subject in subjects.trained(Path(bench.settings.weights)):
            for part in ("synthetic", "public"):
                yield f"{part}-{subject.name}", subject, partial(every[part], bench)
    yield "labels", subjects.NONE, partial(_labels, bench)


def _installed() -> list[str]:
    """Localizers with released weights."""
    return [name for name in zoo.names("localizer") if zoo.card(name).own_weights]


def _part(
    protocol: LocalizationProtocol, subject: MapSubject, measure: Measure
) -> tuple[dict[str, Any], Columns | None]:
    """The summary of one part, and its scores by picture."""
    start, at = time.process_time(), conditions(protocol)
    found = measure(subject)
    seconds = round(time.process_time() - start, 1)
    names = [f"{view.name}/{sample.name}" for view, _ in found.scored for sample in view.samples]
    data_hash = "+".join(view.digest for view, _ in found.scored)
    facts = {"photos": len(names), "data_hash": data_hash, "figures": found.figures}
    columns = None
    if found.scored:
        joined = [np.concatenate(values) for values in zip(*(s for _, s in found.scored), strict=True)]
        columns = Columns(names, list(MapScores._fields), np.stack(joined))
    return part_of(protocol, at, subject.versions, seconds=seconds, **facts), columns


def _synthetic(bench: Bench, subject: MapSubject) -> Found:
    view = bench.synthetic
    scores = subject.score(view)
    place = f"{subject.name}/synthetic"
    figures = of_manipulated(f"{place}/all", view, scores) | of_pictures(f"{place}/all", view, scores)
    for kind in view.kinds:
        places = [at for at, sample in enumerate(view.samples) if sample.kind == kind]
        part = MapScores(*(values[places] for values in scores))
        figures |= of_manipulated(f"{place}/{kind}", view.at(places, kind), part)
    return Found(figures, [(view, scores)])


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
    return Found(figures, scored)


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
    return Found(figures, scored)


def _untouched(bench: Bench, subject: MapSubject) -> Found:
    view = samples.of_folder(bench.folder(bench.settings.untouched), bench.run.photos)
    scores = subject.score(view)
    return Found(of_pictures(f"{subject.name}/untouched", view, scores), [(view, scores)])


def _labels(bench: Bench, subject: MapSubject) -> Found:
    read = ManipulatedSet.read(bench.folder(bench.settings.set), "test")
    return Found(measured_labels(read), [])


STUDY = Study(
    "localization",
    "localizers of manipulated pixels: synthetic and public sets, platforms, authentic photographs",
    run,
    {**tables.TABLES, **ablations.TABLES},
    settings=Settings,
)
