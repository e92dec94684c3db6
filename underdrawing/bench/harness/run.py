"""One run of a study: photographs through a system, part by part; a part that is measured is not repeated."""

from __future__ import annotations

import math
import multiprocessing
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch

from underdrawing.bench.harness.photographs import Outlines, Photo, PhotoSets, hash_photos
from underdrawing.bench.harness.record import Columns, Protocol, Store, conditions, part_of, versions_of
from underdrawing.bench.harness.render import Block
from underdrawing.bench.harness.subjects import Subject, load_subject
from underdrawing.core.errors import OutputError, UsageError
from underdrawing.metrics.classification import wilson

Row = tuple[str, Mapping[str, float | bool | None]]
"""A place ("edited/512/jpeg70") and the values by metric; None and NaN are left out. A bool gives a rate."""

LOWER_IS_BETTER = frozenset(
    ("smooth_rms", "stlpips", "bce", "ber", "flagged", "flagged_signed", "seconds", "peak_mib",
     "inside_stlpips", "outside_stlpips")
)  # fmt: skip
"""Metrics whose worst decile is the greatest tenth, and whose best one is the least."""


def summarize(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Figures by "PLACE/METRIC"; see `figure` and `rate`."""
    values: dict[str, list[float | bool]] = defaultdict(list)
    for place, measured in rows:
        for metric, value in measured.items():
            if value is not None and not math.isnan(value):
                values[f"{place}/{metric}"].append(value)
    return {
        key: rate(found) if isinstance(found[0], bool | np.bool_) else figure(key.rpartition("/")[2], found)
        for key, found in sorted(values.items())
    }


def figure(metric: str, values: list[float]) -> dict[str, float]:
    """Mean, median, worst and best decile: means of a tenth of the photographs, of one at least."""
    ordered = sorted(map(float, values), reverse=metric in LOWER_IS_BETTER)
    tenth = math.ceil(len(values) / 10)
    found = {"mean": values, "worst_decile": ordered[:tenth], "best_decile": ordered[-tenth:]}
    means = {name: _round(float(np.mean(of))) for name, of in found.items()}
    return means | {"median": _round(float(np.median(values))), "n": len(values)}


def rate(values: list[bool]) -> dict[str, float]:
    """Share of True with Wilson's 95 % interval."""
    low, high = wilson(sum(values), len(values))
    mean = sum(values) / len(values)
    return {"mean": _round(mean), "low95": _round(low), "high95": _round(high), "n": len(values)}


def _round(value: float) -> float:
    return float(f"{value:.6g}")


Progress = Callable[[str, int, int], None]
"""Called with a part's name, photographs done and photographs in all."""
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Run:
    """What a study is given."""

    results: Path
    data: Path | None = None
    """Folder with the sets of photographs at any depth."""
    photos: int | None = None
    """At most so many of each set."""
    only: Sequence[str] = ()
    """Names of parts, or their beginnings; empty: all."""
    again: bool = False
    """Repeat parts that are measured."""
    workers: int = 1
    progress: Progress = lambda part, done, total: None
    settings: Mapping[str, str] = field(default_factory=dict)
    load: Callable[..., Subject] = load_subject

    @property
    def sets(self) -> PhotoSets:
        """The photographs. UsageError without `data`."""
        if self.data is None:
            raise UsageError("this study needs --data DIR, a folder with sets of photographs")
        return PhotoSets(self.data, self.photos)

    def read_settings(self, kind: type[Settings]) -> Settings:
        """The settings as a dataclass whose defaults give the types. UsageError for others."""
        defaults = {entry.name: entry.default for entry in fields(kind)}  # type: ignore[arg-type]
        unknown = sorted(set(self.settings) - set(defaults))
        if unknown:
            raise UsageError(f"no setting {', '.join(unknown)}; there are: {', '.join(defaults) or 'none'}")
        try:
            return kind(**{name: type(defaults[name])(text) for name, text in self.settings.items()})
        except ValueError as error:
            raise UsageError(f"a setting cannot be read: {error}") from error

    def write_once(
        self, study: Study, protocol: Protocol, key: tuple[str, str], measure: Callable[[], dict], **at: Any
    ) -> None:
        """Measure and store a part, key = (system, part), if it is selected and not in the store yet.

        measure: gives its facts; at: further conditions.
        """
        store, (system, part) = study.store(self.results), key
        if self.selects(part) and (self.again or part not in store.parts):
            conditions_before = conditions(protocol) | at
            facts = measure()
            store.write(system, part, part_of(protocol, conditions_before, versions_of(system), **facts))

    def selects(self, name: str) -> bool:
        """Whether a part of this name is to be measured."""
        return not self.only or any(name.startswith(start) for start in self.only)


@dataclass(frozen=True)
class Case:
    """One photograph at one size."""

    photo: Photo
    size: int
    """Side of the square in pixels; 0: the photograph as it is."""
    index: int
    """Place in its set: seeds and edits follow it."""
    donor: Photo | None = None
    library: Outlines = field(default=(), repr=False)
    strength: float = 1.0

    @property
    def donor_u8(self) -> np.ndarray:
        """The photograph at the same size that edits take content from."""
        return self.donor.square(self.size)[0]

    @property
    def label(self) -> str:
        """The size as places name it."""
        return str(self.size) if self.size else "full"


@dataclass(frozen=True)
class Part:
    """One separately run and stored piece of a study."""

    name: str
    cases: Callable[[PhotoSets, Protocol, Subject], list[Case]]
    measure: Callable[[Subject, Protocol, Case], list[Row]]


def run_parts(run: Run, store: Store, protocol: Protocol, parts: Sequence[tuple[Subject, Part]]) -> None:
    """Measure the selected parts that are not in the store yet.

    PictureError where a set of photographs is missing; OutputError where the run selects no part.
    """
    chosen = [(subject, part) for subject, part in parts if run.selects(part.name)]
    if not chosen:
        names = ", ".join(part.name for _, part in parts)
        raise OutputError(f"no part is called {', '.join(run.only)}; there are: {names}")
    for subject, part in chosen:
        if run.again or part.name not in store.parts:
            store.write(subject.name, part.name, *run_part(run, part, subject, protocol))


def run_part(run: Run, part: Part, subject: Subject, protocol: Protocol) -> tuple[dict[str, Any], Columns]:
    """The summary of one part, and its values by photograph."""
    start, at = time.time(), conditions(protocol)  # before the run: the code may be worked on meanwhile
    cases = part.cases(run.sets, protocol, subject)
    by_case = []
    for case, rows in _measured(part, subject, protocol, cases, run.workers):
        by_case.append((case.photo.name, rows))
        run.progress(part.name, len(by_case), len(cases))
    summary = part_of(
        protocol,
        at | {"workers": run.workers},
        subject.versions,
        seconds=round(time.time() - start, 1),
        photos=len(cases),
        strength=cases[0].strength if cases else None,
        data_hash=hash_photos(case.photo for case in cases),
        figures=summarize(row for _, rows in by_case for row in rows),
    )
    return summary, columns_of(by_case)


def columns_of(by_case: Sequence[tuple[str, list[Row]]]) -> Columns:
    """Rows of photographs as columns."""
    flat = [
        {f"{place}/{metric}": value for place, values in rows for metric, value in values.items()}
        for _, rows in by_case
    ]
    keys = sorted({key for values in flat for key in values})
    table = [[np.nan if values.get(key) is None else values[key] for values in flat] for key in keys]
    return Columns([name for name, _ in by_case], keys, np.array(table, np.float32))


_TASK: tuple = ()


def _measured(
    part: Part, subject: Subject, protocol: Protocol, cases: list[Case], workers: int
) -> Iterator[tuple[Case, list[Row]]]:
    if workers <= 1 or len(cases) < 2:
        for case in cases:
            yield case, part.measure(subject, protocol, case)
        return
    global _TASK  # handed to the forked workers by memory: a system need not be picklable
    _TASK = (part, subject, protocol, cases)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # before the fork: OpenCV cannot end its threads in a child
    try:
        with multiprocessing.get_context("fork").Pool(workers, _begin_worker) as pool:
            for index, rows in enumerate(pool.imap(_measure_one, range(len(cases)))):
                yield cases[index], rows
    finally:
        cv2.setNumThreads(threads)


def _begin_worker() -> None:
    # without this, closing the pool would run the parent's handler of SIGTERM in every worker
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # threads of the parent do not exist in a fork: waiting for them would never end
    torch.set_num_threads(1)


def _measure_one(index: int) -> list[Row]:
    part, subject, protocol, cases = _TASK
    return part.measure(subject, protocol, cases[index])


@dataclass(frozen=True)
class Study:
    """One benchmark. A file NAME.py, or a folder NAME with study.py, holds it as STUDY."""

    name: str
    """As in `underdrawing bench NAME` and results/NAME/."""
    summary: str
    """What is measured, in one line."""
    run: Callable[[Run], None]
    """Measures what is not measured yet, and writes it."""
    tables: Mapping[str, Callable[[Store], Sequence[Block] | None]] = field(default_factory=dict)
    """Name of a table in documents -> its content; None where nothing was measured."""
    settings: type | None = None
    """Frozen dataclass of the study's own options, all with defaults; see `Run.read_settings`."""
    revision: int = 1
    """Raised when a change of protocol, of measuring, or of measured code without a card changes figures."""

    def store(self, results: Path) -> Store:
        """The results of this study below a folder of results."""
        return Store(results, self.name, self.revision)
