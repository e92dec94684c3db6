"""untouched: protected pictures that nobody altered, after what publishing does to files.

photos     photographs through the posted channels, which take turns
large      the quarters of camera files, through the same channels with the sizes of platforms
graphics   drawn screenshots, logos, charts and text pages
cutouts    photographs in a round cut-out: lossy WebP, and flattened on white

Metrics of a row: altered, intact and unvouched (status), mark and content (the witness that contradicts).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from underdrawing.attacks.channel import Channel, Jpeg, Webp
from underdrawing.attacks.suites import SUITES
from underdrawing.bench.harness.measures import plan
from underdrawing.bench.harness.photographs import Photo, PhotoSets
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary.tables import rate_cell
from underdrawing.core.errors import CapacityError
from underdrawing.core.types import Verdict
from underdrawing.data.graphics import KINDS, draw_graphic
from underdrawing.data.picture import Picture

PROTOCOL = Protocol("untouched", sizes=(0,))
PHOTO_SETS, LARGE_SETS = ("kodak24", "clic2025_val", "coco_val"), ("fullsize",)
PARTS = ("photos", "large", "graphics", "cutouts")
_LIMIT = 0.5  # per cent called altered
_LARGE = ("2048px", "1600px")  # channels that leave smaller pictures as they are
_SIZES = ((600, 800), (800, 1280), (1024, 1024), (480, 640), (1080, 1920))
_GRAPHICS = 50
_METRICS = {"mark contradicts": "mark", "signed content contradicts": "content", "intact": "intact"}
_INTERVALS = "In brackets the 95 % interval and the number of trials; of 0, three divided by the number."
_FLATTENED: tuple[Channel, ...] = (Webp(75), Jpeg(90), Jpeg(75))


@dataclass(frozen=True)
class Settings:
    """Options of the study."""

    channels: int = 5
    """Of the suite that each picture goes through, in turn: fewer channels, more pictures."""


@dataclass(frozen=True)
class Drawn(Photo):
    """A drawn picture in the place of a photograph."""

    index: int = 0

    def load(self) -> np.ndarray:
        """(H, W, 3) uint8; kind, size and content follow the index."""
        size = _SIZES[self.index % len(_SIZES)]
        return draw_graphic(KINDS[self.index % len(KINDS)], *size, np.random.default_rng(self.index))

    def read_bytes(self) -> bytes:
        """The pixels, for the hash of the data."""
        return self.load().tobytes()


def run(run: Run) -> None:
    """Measure the main system."""
    subject, count = run.load("photo"), run.read_settings(Settings).channels
    small = tuple(channel for channel in SUITES["posted"] if not channel.name.startswith(_LARGE))
    parts = [
        Part("photos", _photos, partial(untouched, "photos", small, count)),
        Part("large", partial(_photos, names=LARGE_SETS), partial(quarters, SUITES["posted"], count)),
        Part("graphics", partial(_graphics, run), partial(untouched, "graphics", small, count)),
        Part("cutouts", _photos, cutout),
    ]
    run_parts(run, STUDY.store(run.results), PROTOCOL, [(subject, part) for part in parts])


def _photos(
    sets: PhotoSets, protocol: Protocol, subject: Subject, names: tuple[str, ...] = PHOTO_SETS
) -> list[Case]:
    return plan(sets, names, 0, protocol.strength)


def _graphics(run: Run, sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    drawn = [Drawn(f"drawn-{i}", sets.root, index=i) for i in range(min(_GRAPHICS, run.photos or _GRAPHICS))]
    return [Case(photo, 0, photo.index) for photo in drawn]


def untouched(
    name: str, channels: tuple[Channel, ...], count: int, subject: Subject, protocol: Protocol, case: Case
) -> list[Row]:
    """A picture through `count` of the channels; none where it holds no mark."""
    sent = _channels(channels, count, case.index)
    return _sent(name, subject, case.photo.load(), sent, (protocol.seed, case.index))


def quarters(
    channels: tuple[Channel, ...], count: int, subject: Subject, protocol: Protocol, case: Case
) -> list[Row]:
    """The same for the four quarters of a photograph, as pictures of their own."""
    rows: list[Row] = []
    image = case.photo.load()
    height, width = (side // 2 for side in image.shape[:2])
    for part in range(4):
        top, left = height * (part // 2), width * (part % 2)
        quarter = np.ascontiguousarray(image[top : top + height, left : left + width])
        index = 4 * case.index + part
        rows += _sent("large", subject, quarter, _channels(channels, count, index), (protocol.seed, index))
    return rows


def cutout(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """A round cut-out as it is shown, protected, and sent as a page shows it."""
    image = case.photo.load()
    y, x = (np.linspace(-1, 1, side) for side in image.shape[:2])
    alpha = 255 * np.clip(40 * (0.9 - np.hypot(y[:, None], x)), 0, 1)
    shown = Picture(image, alpha.astype(np.uint8), False, "PNG", None, None, None).shown
    return _sent("cutouts", subject, shown, _FLATTENED, (protocol.seed, case.index))


def _channels(channels: tuple[Channel, ...], count: int, index: int) -> tuple[Channel, ...]:
    """`count` of the channels, in turn."""
    return tuple(channels[(index * count + turn) % len(channels)] for turn in range(count))


def _sent(
    part: str, subject: Subject, image: np.ndarray, channels: tuple[Channel, ...], seed: tuple[int, int]
) -> list[Row]:
    try:
        protected = subject.protect(image)
    except CapacityError:
        return []
    rows: list[Row] = []
    for turn, channel in enumerate(channels):
        values = _values(subject.verify(channel(protected, np.random.default_rng([*seed, turn]))))
        rows += [(f"{part}/{channel.name}", values), (f"{part}/all", values)]
    return rows


def _values(verdict: Verdict) -> dict[str, bool]:
    values = {status: verdict.status == status for status in ("altered", "intact", "unvouched")}
    found = () if verdict.assurance is None else verdict.assurance.witnesses
    against = {witness.name for witness in found if witness.state == "contradicts"}
    return values | {"mark": "mark" in against, "content": "signed content" in against}


def table(store: Store) -> list[Block] | None:
    """Called altered by part, and by channel over all parts."""
    measured = [part for part in PARTS if part in store.parts]
    if not measured:
        return None
    names = sorted({key.split("/")[1] for key in store.figures if key.endswith("/altered")} - {"all"})
    rows: list[list[Cell | str]] = [
        ["all", *(rate_cell(store, f"{part}/all/altered", _LIMIT) for part in measured)],
        *(
            [f"all: {metric}", *(rate_cell(store, f"{part}/all/{key}") for part in measured)]
            for metric, key in _METRICS.items()
        ),
        *([name, *(rate_cell(store, f"{part}/{name}/altered") for part in measured)] for name in names),
    ]
    head = ["untouched pictures called altered, %", *measured]
    return [Table(head, rows), _INTERVALS, store.conditions_table(measured), store.stale_note(measured)]


STUDY = Study(
    "untouched", "untouched pictures as they are published: how many are called altered", run,
    {"untouched": table}, Settings,
)  # fmt: skip
