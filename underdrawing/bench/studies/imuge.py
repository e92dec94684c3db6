"""imuge-table1 and imuge-table3: the tables of the Imuge paper.

The first is for Imuge and for the main job at the same container PSNR, the second for six trainings of Imuge.

    container      what protecting costs, and what is flagged where nothing was altered
    table1         the paper's twelve channels after an edit
    table2         edits of several sizes, no channel
    speed          protect and verify of one photograph
    table3         JPEG 70 after an edit, for each row of the paper's ablation

Each is a part of its own for each system: results/imuge-table1/PART-SYSTEM.json, results/imuge-table3/...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from underdrawing.attacks.channel import Nothing
from underdrawing.attacks.suites import SUITES
from underdrawing.attacks.tamper import FILLS, blob
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.protocol import IMUGE_ABLATION, IMUGE_TABLES, Protocol
from underdrawing.bench.harness.run import RunOptions, measure_parts, merge, select_parts
from underdrawing.bench.harness.stats import Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import quick_rows
from underdrawing.bench.studies.photo_core import Job, Part, strength_for
from underdrawing.metrics.quality import psnr_db, ssim

AREAS = ((0.10, 0.06), (0.25, 0.06), (0.16, 0.16), (0.30, 0.16))
"""Rows of table 2: part of the frame that is altered, and part that its largest area covers. The paper's
third row has a largest area (16 %) larger than all together (10 %); here it is a single area of 16 %."""
ABLATION_CHANNELS = ("jpeg70",)
_SAMPLE = 12  # photographs that the strength of the main job is found on


def run_imuge_tables(
    subjects: Sequence[Subject],
    data: Path,
    results: Path,
    *,
    photos: int | None = None,
    only: Sequence[str] | None = None,
    options: RunOptions | None = None,
) -> dict:
    """Measure all subjects and write results/imuge-table1.json; the merged table is returned.

    The first subject is measured as it is; the others at the strength that brings them nearest to the mean
    container PSNR of the first. photos, only and errors: as in run_bench.
    """
    protocol, sets = IMUGE_TABLES, PhotoSets(data, photos)
    sample = _spread(sets, protocol)
    target_db = float(np.mean([psnr_db(image, subjects[0].protect(image)) for image in sample]))
    for subject in subjects:
        strength = 1.0 if subject is subjects[0] else strength_for(subject, sample, target_db)
        parts = select_parts(_parts(subject.name, strength), only)
        measure_parts(parts, subject, sets, protocol, results, options or RunOptions())
    return merge(results, protocol.name)


def run_imuge_ablation(
    subjects: Sequence[Subject],
    data: Path,
    results: Path,
    *,
    photos: int | None = None,
    only: Sequence[str] | None = None,
    options: RunOptions | None = None,
) -> dict:
    """Measure a subject for each row of table 3 and write results/imuge-table3.json.

    photos, only and errors: as in run_bench.
    """
    protocol, sets = IMUGE_ABLATION, PhotoSets(data, photos)
    parts = {s.name: Part(f"table3-{s.name}", partial(_jobs, strength=1.0), _table3) for s in subjects}
    chosen = select_parts(parts, only)
    for subject in subjects:
        if parts[subject.name] in chosen:
            measure_parts([parts[subject.name]], subject, sets, protocol, results, options or RunOptions())
    return merge(results, protocol.name)


def _spread(sets: PhotoSets, protocol: Protocol) -> list[np.ndarray]:
    photos = [photo for name in protocol.quality_sets for photo in sets.photos(name)]
    every = max(1, len(photos) // _SAMPLE)
    return [photo.square(protocol.sizes[0])[0] for photo in photos[::every][:_SAMPLE]]


def _parts(system: str, strength: float) -> dict[str, Part]:
    measured: dict[str, Callable[[Subject, Protocol, Job], list[Row]]] = {
        "container": _container,
        "table1": _table1,
        "table2": _table2,
    }
    jobs = partial(_jobs, strength=strength)
    parts = {name: Part(f"{name}-{system}", jobs, measure) for name, measure in measured.items()}
    return parts | {"speed": Part(f"speed-{system}", lambda *given: jobs(*given)[:1], _speed)}


def _jobs(sets: PhotoSets, protocol: Protocol, subject: Subject, strength: float) -> list[Job]:
    photos = [photo for name in protocol.quality_sets for photo in sets.photos(name)]
    library, side = sets.outline_library, protocol.sizes[0]
    return [
        Job(photo, side, index, photos[(index + 7) % len(photos)], library, strength)
        for index, photo in enumerate(photos)
    ]


def _speed(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    return quick_rows(subject, job.photo, job.size)


def _container(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, _ = job.photo.square(job.size)
    protected = subject.protect(image, job.strength)
    seeds, place = (protocol.seed, job.size, job.index), f"authentic/{subject.name}"
    rows = measures.authentic_rows(subject, protected, SUITES[protocol.suite], seeds, place)
    return [(f"container/{subject.name}", measures.container_values(image, protected)), *rows]


def _table1(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, outlines = job.photo.square(job.size)
    protected = subject.protect(image, job.strength)
    edits = measures.Edits(job.donor_u8, outlines, job.library, protocol.edit_area)
    seeds, place = (protocol.seed, job.size, job.index), f"table1/{subject.name}"
    channels = SUITES[protocol.suite]
    return measures.edited_rows(subject, image, protected, edits, channels, seeds, place)


def _table3(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, outlines = job.photo.square(job.size)
    protected = subject.protect(image)
    edits = measures.Edits(job.donor_u8, outlines, job.library, protocol.edit_area)
    seeds, place = (protocol.seed, job.size, job.index), f"table3/{subject.name}"
    values = {"psnr_db": psnr_db(image, protected), "ssim": ssim(image, protected)}
    channels = measures.channels_of(protocol.suite, ABLATION_CHANNELS)
    rows = measures.edited_rows(subject, image, protected, edits, channels, seeds, place)
    return [(f"container/{subject.name}", values), *rows]


def _table2(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, _ = job.photo.square(job.size)
    protected, rows = subject.protect(image, job.strength), []
    for turn, (total, largest) in enumerate(AREAS):
        edits = SeveralAreas(job.donor_u8, total, largest)
        seeds = (protocol.seed, job.size, job.index, turn)
        place = f"table2/{subject.name}/{round(100 * total)}-{round(100 * largest)}"
        rows += measures.edited_rows(subject, image, protected, edits, (Nothing(),), seeds, place)
    return rows


class SeveralAreas:
    """Edits of `total` part of the frame in areas of at most `largest` each."""

    def __init__(self, donor_u8: np.ndarray, total: float, largest: float) -> None:
        self.donor_u8, self.total, self.largest = donor_u8, total, largest

    def __call__(self, turn: int, image_u8: np.ndarray, rng: np.random.Generator) -> tuple:
        """The edited picture and its mask (H, W) bool."""
        mask = self.mask(*image_u8.shape[:2], rng)
        return FILLS[turn % len(FILLS)](image_u8, mask, self.donor_u8, rng), mask

    def mask(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """(height, width) bool: one area of the largest size, then others, apart from it where there is
        room."""
        mask = _area(height, width, rng, self.largest)
        for _ in range(60):
            rest = min(self.total - mask.mean(), self.largest)
            if rest < 0.01:
                break
            other = _area(height, width, rng, rest)
            if not (other & mask).any():
                mask |= other
        return mask


def _area(height: int, width: int, rng: np.random.Generator, part: float) -> np.ndarray:
    return blob(height, width, rng, (0.9 * part, 1.1 * part))
