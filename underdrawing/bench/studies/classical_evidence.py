"""classical-evidence: how often each classical method of `examine` finds something, where there is something
and where there is nothing.

untouched  photographs as they are, and after the paths on which untouched photographs are published
graphics   drawn screenshots, logos, charts and text pages
planted    one manipulation in each photograph, of the sort that a method looks for; saved without loss

Metrics of a row: by method, whether it found something; and seconds of all methods together.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from PIL import Image

from underdrawing.bench.harness.measures import plan
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary.tables import rate_cell
from underdrawing.bench.studies.untouched import Drawn
from underdrawing.data.arrays import picture_from_array
from underdrawing.data.picture import Picture
from underdrawing.data.pictures import load_picture
from underdrawing.judging.classical import METHODS, classical_evidence
from underdrawing.judging.classical.view import View

PROTOCOL = Protocol("classical-evidence", sizes=(0,))
PHOTO_SETS = ("kodak24", "clic2025_val")
FINDERS = tuple(name for name in METHODS if name != "error-level")
"""Methods that can find something."""
_GRAPHICS = 15
_SIDE_PX = 160
"""Of planted parts."""


def _saved(image: np.ndarray, format: str, quality: int) -> Picture:
    """An image as the picture of a file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format, quality=quality)
    return load_picture(buffer.getvalue())


def _scaled(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)


PATHS: dict[str, Callable[[np.ndarray], Picture]] = {
    "as they are": picture_from_array,
    "JPEG 95": lambda image: _saved(image, "JPEG", 95),
    "JPEG 75, then 92": lambda image: _saved(_saved(image, "JPEG", 75).image, "JPEG", 92),
    "scaled to 70 %, JPEG 90": lambda image: _saved(_scaled(image), "JPEG", 90),
    "WebP 80": lambda image: _saved(image, "WEBP", 80),
}
"""How untouched photographs are published."""


def run(run: Run) -> None:
    """Measure all methods."""
    subject = Subject("classical", classical_evidence, None)
    parts = [
        Part("untouched", _photos, untouched),
        Part("graphics", partial(_graphics, run), drawn),
        Part("planted", _photos, planted),
    ]
    run_parts(run, STUDY.store(run.results), PROTOCOL, [(subject, part) for part in parts])


def _photos(sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    return plan(sets, PHOTO_SETS, 0, protocol.strength)


def _graphics(run: Run, sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    count = min(_GRAPHICS, run.photos or _GRAPHICS)
    return [Case(Drawn(f"drawn-{i}", sets.root, index=i), 0, i) for i in range(count)]


def untouched(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One photograph by every path."""
    image, rows = case.photo.load(), []
    for name, path in PATHS.items():
        values = _found(subject, path(image))
        rows += [(f"untouched/{name}", values), ("untouched/all", values)]
    return rows


def drawn(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One drawn picture, without loss and as a JPEG."""
    image = case.photo.load()
    pictures = (picture_from_array(image), _saved(image, "JPEG", 90))
    return [("graphics/all", _found(subject, picture)) for picture in pictures]


def planted(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One photograph with one part that each method looks for."""
    rng = np.random.default_rng([protocol.seed, case.index, 1])
    image, donor = case.photo.load(), case.donor_u8
    top, left = (int(rng.integers(32, side - _SIDE_PX - 32)) for side in image.shape[:2])
    away = (left + image.shape[1] // 2) % (image.shape[1] - _SIDE_PX)
    place = (top, left)
    jpeg = _saved(image, "JPEG", 75).image
    inserted = _with(jpeg, place, donor[51:, 61:])
    copied = _with(image, place, image[top:, away:])
    larger = cv2.resize(donor[:128, :128], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_CUBIC)
    compressed = _saved(donor, "JPEG", 85).image[51:, 61:]
    made = {
        "JPEG part in a JPEG": picture_from_array(_with(jpeg, place, compressed)),
        "lossless part in a JPEG": picture_from_array(inserted),
        "lossless part in a JPEG, JPEG 92": _saved(inserted, "JPEG", 92),
        "part scaled by 1.25": picture_from_array(_with(image, place, larger)),
        "part copied inside": picture_from_array(copied),
        "part copied inside, JPEG 80": _saved(copied, "JPEG", 80),
    }
    return [(f"planted/{name}", _found(subject, picture)) for name, picture in made.items()]


def _with(image: np.ndarray, place: tuple[int, int], part: np.ndarray) -> np.ndarray:
    """The image with the upper left corner of another one at a place."""
    made, (top, left) = image.copy(), place
    made[top : top + _SIDE_PX, left : left + _SIDE_PX] = part[:_SIDE_PX, :_SIDE_PX]
    return made


def _found(subject: Subject, picture: Picture) -> dict[str, float | bool]:
    """By method whether something was found, and the CPU time of all of them."""
    start = time.process_time()
    evidence = subject.model(View.of(picture))
    seconds = time.process_time() - start
    values: dict[str, float | bool] = {name: bool(evidence[name].found) for name in FINDERS}
    return values | {"cpu_s_per_mp": seconds / (picture.pixels[..., 0].size / 1e6)}


def false_alarms(store: Store) -> list[Block] | None:
    """Pictures without manipulation in which a method found something, by path."""
    return _table(store, "per cent of untouched pictures", ("untouched", "graphics"))


def hits(store: Store) -> list[Block] | None:
    """Planted manipulations that each method found."""
    return _table(store, "per cent of photographs with", ("planted",))


def _table(store: Store, head: str, parts: tuple[str, ...]) -> list[Block] | None:
    measured = [part for part in parts if part in store.parts]
    if not measured:
        return None
    end = f"/{FINDERS[0]}"
    places = [
        key.removesuffix(end)
        for part in measured
        for key in store.figures
        if key.startswith(f"{part}/") and key.endswith(end)
    ]
    rows: list[list[Cell | str]] = [
        [_name(place), *(rate_cell(store, f"{place}/{name}") for name in FINDERS)] for place in places
    ]
    return [Table([head, *FINDERS], rows), store.conditions_table(measured), store.stale_note(measured)]


def _name(place: str) -> str:
    part, _, path = place.partition("/")
    return {"untouched/all": "all of them", "graphics/all": "drawn pictures"}.get(place, path or part)


STUDY = Study(
    "classical-evidence", "classical methods of examine: false alarms, and what each finds", run,
    {"classical-false-alarms": false_alarms, "classical-hits": hits},
)  # fmt: skip
