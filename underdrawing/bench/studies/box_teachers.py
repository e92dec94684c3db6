"""box-teachers: masks that the teachers of BoxPromptIML make from boxes, against the true ones.

    set        test split of a set of `underdrawing manipulate`, by kind; its boxes
    public     public sets of manipulated pictures; boxes as data.annotation draws them around the masks

Metrics of a row: iou of the mask and the manipulated pixels, without those of neither class; seconds of CPU
time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.bench.harness.labelled_sets import folder_of
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.harness.run import Row, Run, Study, summarize
from underdrawing.data.annotation import boxes
from underdrawing.data.localization_sets import read_public
from underdrawing.data.manipulated_set import IGNORED, ManipulatedSet
from underdrawing.metrics.masks import count_mask
from underdrawing.systems.box_prompt_iml.promptable import FOLDER
from underdrawing.systems.box_prompt_iml.teachers import TEACHERS, Teacher, teacher_mask

PROTOCOL = Protocol("box-teachers", sizes=(0,))
TITLES = {
    "casia1": "CASIA v1", "casia2": "CASIA v2", "coverage": "COVERAGE", "comofod": "CoMoFoD",
    "columbia": "Columbia", "imd2020": "IMD2020",
}  # fmt: skip
"""Public sets, and their names in the table."""


@dataclass(frozen=True)
class Settings:
    """Options of the study."""

    set: str = "manipulated"
    """Folder of `underdrawing manipulate` below --data, or its path."""
    public: str = "iml"
    """Folder of public sets below --data, or its path."""


@dataclass(frozen=True)
class Boxed:
    """A manipulated picture with its boxes."""

    place: str
    """Of its row: the set, and the kind of manipulation."""
    image: np.ndarray
    labels: np.ndarray
    """(H, W) uint8 label map."""
    boxes: Sequence[Sequence[int]]


def run(run: Run) -> None:
    """Measure the teachers on each set; the promptable one where its files lie in the folder of the set."""
    settings = run.read_settings(Settings)
    parts: dict[str, Callable[[], tuple[Path, list[Boxed]]]] = {
        "set": lambda: _of_set(folder_of(run, settings.set), run.photos),
        **{name: lambda name=name: _of_public(folder_of(run, settings.public), name, run.photos)  # type: ignore[misc]
           for name in TITLES},
    }  # fmt: skip
    for name, pictures in parts.items():
        run.write_once(
            STUDY, PROTOCOL, ("box-prompt-iml", name), lambda pictures=pictures: _facts(*pictures())
        )


def _of_set(folder: Path, limit: int | None) -> tuple[Path, list[Boxed]]:
    pictures = ManipulatedSet.read(folder, "test")
    places = [place for kind in pictures.kinds for place in pictures.indices(kind)[:limit]]
    return folder, [
        Boxed(f"set/{entry.kind}", pictures.pictures[place], pictures.masks[place], entry.boxes)
        for place in places
        for entry in (pictures.entries[place],)
    ]


def _of_public(folder: Path, name: str, limit: int | None) -> tuple[Path, list[Boxed]]:
    found = [picture for picture in read_public(folder, name) if not picture.authentic][:limit]
    rng = np.random.default_rng(PROTOCOL.seed)
    return folder, [Boxed(name, each.image, each.labels, boxes(each.labels, rng)) for each in found]


def _facts(folder: Path, pictures: list[Boxed]) -> dict[str, Any]:
    """What is stored of one part."""
    installed = (folder / FOLDER).is_dir()
    teachers = {name: make(folder) for name, make in TEACHERS.items() if name != "promptable" or installed}
    rows = [
        row
        for name, teacher in teachers.items()
        for picture in pictures
        for row in measured(name, teacher, picture)
    ]
    digest = sha256()
    for picture in pictures:
        digest.update(picture.image.tobytes() + picture.labels.tobytes())
    return {"photos": len(pictures), "data_hash": digest.hexdigest()[:16], "figures": summarize(rows)}


def measured(name: str, teacher: Teacher, picture: Boxed) -> Iterable[Row]:
    """Rows of one teacher on one picture."""
    start = time.process_time()
    mask = teacher_mask(teacher, picture.image, picture.boxes)
    seconds = time.process_time() - start
    known = picture.labels != IGNORED
    iou = count_mask(mask[known], picture.labels[known] == 1).iou
    yield f"{picture.place}/{name}", {"iou": iou, "seconds": seconds}


def table(store: Store) -> Sequence[Block] | None:
    """A row for each kind and set, a column for each teacher: mean IoU; and the time of each teacher."""
    places = sorted({key.rsplit("/", 2)[0] for key in store.figures}, key=lambda p: ("/" not in p, p))
    names = [name for name in TEACHERS if any(f"/{name}/" in key for key in store.figures)]
    if not places:
        return None
    rows = [_row(store, place, names) for place in places]
    rows.append(["CPU time of a picture, ms", "", *(_milliseconds(store, name) for name in names)])
    table = Table(("mean IoU with the true mask", "pictures", *names), rows)
    return [table, _conditions(store), store.stale_note()]


def _conditions(store: Store) -> Table:
    rows = [
        [name, part["conditions"]["commit"], part["conditions"]["date"], part["data_hash"]]
        for name, part in store.parts.items()
    ]
    return Table(("part", "commit", "date", "data"), rows)


def _row(store: Store, place: str, names: list[str]) -> list[Cell | str]:
    figures = {name: f"{place}/{name}/iou" for name in names}
    cells = [
        Cell(f"{store.figures[key]['mean']:.3f}", store.stale([key])) if key in store.figures else Cell("-")
        for key in figures.values()
    ]
    count = max(int(store.figures[key]["n"]) for key in figures.values() if key in store.figures)
    return [TITLES.get(place, place.replace("set/", "")), str(count), *cells]


def _milliseconds(store: Store, name: str) -> Cell:
    keys = [key for key in store.figures if key.endswith(f"/{name}/seconds")]
    found = [store.figures[key] for key in keys]
    mean = np.average([figure["mean"] for figure in found], weights=[figure["n"] for figure in found])
    return Cell(f"{1e3 * mean:.0f}" if mean > 5e-4 else "< 1", store.stale(keys))


STUDY = Study(
    "box-teachers", "masks from boxes: IoU with the true masks", run, {"box-teachers": table}, Settings
)
