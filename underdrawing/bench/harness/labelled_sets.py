"""Studies of sets of labelled pictures: their folders, and parts with one subject each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underdrawing import zoo
from underdrawing.bench.harness.record import Columns, Protocol, Store, conditions, part_of
from underdrawing.bench.harness.run import Run
from underdrawing.core.errors import OutputError, PictureError, UsageError


@dataclass(frozen=True)
class Found:
    """Result of a part."""

    figures: dict[str, Any]
    count: int
    """Pictures."""
    data_hash: str
    columns: Columns | None = None
    """Scores by picture."""


@dataclass(frozen=True)
class SetPart:
    """One part of a study."""

    name: str
    system: str
    """Under which the result is stored."""
    versions: Mapping[str, str]
    measure: Callable[[], Found]


def folder_of(run: Run, name: str) -> Path:
    """A folder by its path, or by its name below --data. PictureError where there is none."""
    if run.data is None:
        raise UsageError("this study needs --data DIR, a folder with the sets of pictures")
    below = [] if Path(name).is_absolute() else sorted(run.data.rglob(name))
    places = [Path(name), run.data / name, *below]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise PictureError(f"{run.data}: no folder {name} below it; --only leaves out parts")
    return found


def installed(kind: str) -> list[str]:
    """Systems of a kind with released weights."""
    return [name for name in zoo.names(kind) if zoo.card(name).own_weights]


def measure_parts(run: Run, store: Store, protocol: Protocol, parts: Iterable[SetPart]) -> None:
    """Measure what is not measured yet, part by part. OutputError where no part has a selected name."""
    every = list(parts)
    chosen = [part for part in every if run.selects(part.name)]
    if not chosen:
        names = ", ".join(part.name for part in every) or "none, as no weights are released"
        raise OutputError(f"no part is called {', '.join(run.only)}; there are: {names}")
    for done, part in enumerate(chosen):
        run.progress(part.name, done, len(chosen))
        if run.again or part.name not in store.parts:
            start, at = time.process_time(), conditions(protocol)
            found = part.measure()
            facts = {"photos": found.count, "data_hash": found.data_hash, "figures": found.figures}
            seconds = round(time.process_time() - start, 1)
            summary = part_of(protocol, at, part.versions, seconds=seconds, **facts)
            store.write(part.system, part.name, summary, found.columns)
