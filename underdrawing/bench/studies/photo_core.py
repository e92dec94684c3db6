"""The parts of photo-core: which photographs each measures on, and what on each.

A part is a list of jobs and a function from one job to rows; run.py does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from underdrawing.attacks.suites import SUITES
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.avif import avif_at
from underdrawing.bench.harness.photographs import Outlines, Photo, PhotoSets
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.stats import Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import speed_rows
from underdrawing.metrics.quality import masked_psnr_db, psnr_db


@dataclass(frozen=True)
class Job:
    """One photograph at one size."""

    photo: Photo
    size: int
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
    """One separately run and stored piece of a benchmark."""

    name: str
    jobs: Callable[[PhotoSets, Protocol, Subject], list[Job]]
    measure: Callable[[Subject, Protocol, Job], list[Row]]


def _jobs(sets: PhotoSets, names: tuple[str, ...], size: int, strength: float, edits: bool) -> list[Job]:
    photos = [photo for name in names for photo in sets.photos(name)]
    library = sets.outline_library if edits else ()
    return [
        Job(photo, size, index, photos[(index + 7) % len(photos)] if edits else None, library, strength)
        for index, photo in enumerate(photos)
    ]


def _sets(protocol: Protocol, size: int) -> tuple[str, ...]:
    return protocol.quality_sets if size else (protocol.full_set,)


def _container(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, _ = job.photo.square(job.size)
    protected = subject.protect(image, job.strength)
    return [(f"container/{job.label}", measures.container_values(image, protected))]


def _attacked(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, outlines = job.photo.square(job.size)
    protected = subject.protect(image, job.strength)
    channels = (
        SUITES[protocol.suite] if job.size else measures.channels_of(protocol.suite, protocol.full_channels)
    )
    seeds = (protocol.seed, job.size, job.index)
    edits = measures.Edits(job.donor_u8, outlines, job.library, protocol.edit_area)
    rows = measures.authentic_rows(subject, protected, channels, seeds, f"authentic/{job.label}")
    place = f"edited/{job.label}"
    return rows + measures.edited_rows(subject, image, protected, edits, channels, seeds, place)


def _recovery(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    return _recover(subject, protocol, job, protocol.recovery_channels, f"recovery/{job.label}")


def _recovery_strong(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    return _recover(subject, protocol, job, protocol.strong_channels, f"recovery-strong/{job.label}")


def _recover(subject: Subject, protocol: Protocol, job: Job, names: tuple[str, ...], place: str) -> list[Row]:
    image, outlines = job.photo.square(job.size)
    protected = subject.protect(image, job.strength)
    channels = measures.channels_of(protocol.suite, names)
    edits = measures.ObjectEdits(job.donor_u8, outlines, job.library, protocol.edit_area)
    seeds = (protocol.seed, job.size, job.index)
    rows = measures.edited_rows(subject, image, protected, edits, channels, seeds, place)
    return [*rows, (place, {"psnr_db": psnr_db(image, protected)})]


def strength_for(subject: Subject, images: list[np.ndarray], target_db: float) -> float:
    """The strength at which the mean container PSNR of these pictures comes nearest to `target_db`.

    By bisection, then the nearer of the last two bounds: a system may know only some strengths.
    """

    def mean_db(strength: float) -> float:
        return float(np.mean([psnr_db(image, subject.protect(image, strength)) for image in images]))

    low, high = 0.5, 3.0
    for _ in range(7):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if mean_db(middle) > target_db else (low, middle)
    return min((low, high), key=lambda strength: abs(mean_db(strength) - target_db))


def _strong_jobs(sets: PhotoSets, protocol: Protocol, subject: Subject, size: int) -> list[Job]:
    photos = sets.photos(protocol.object_set)
    sample = photos[:: max(1, len(photos) // 6)][:6]
    strength = strength_for(subject, [photo.square(size)[0] for photo in sample], protocol.strong_psnr_db)
    return _jobs(sets, (protocol.object_set,), size, strength, edits=True)


def _code(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    image, _ = job.photo.square(job.size)
    rng = np.random.default_rng([protocol.seed, job.size, job.index])
    mask = measures.free_form(*image.shape[:2], rng, protocol.edit_area)
    rows: list[Row] = []
    for bits in protocol.code_bits:
        told = subject.describe(image, bits)
        if told is None:
            return []
        ours, theirs = (masked_psnr_db(image, x, mask) for x in (told, avif_at(image, bits)))
        values = {"code_db": ours, "avif_db": theirs, "gain_db": ours - theirs}
        rows.append((f"code/{job.label}/{bits}", values))
    return rows


def _stranger(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    verdict = subject.verify(job.photo.load())
    accepted = verdict.present or verdict.identity is not None or verdict.signature.state == "valid"
    return [("strangers", {"accepted": accepted, "signed": verdict.signature.state == "valid"})]


def _speed(subject: Subject, protocol: Protocol, job: Job) -> list[Row]:
    return speed_rows(subject, job.photo)


def photo_core(protocol: Protocol) -> dict[str, Part]:
    """All parts by name, the quick ones first."""
    parts = [Part("speed", lambda sets, p, s: _jobs(sets, (p.full_set,), 0, p.strength, False)[:1], _speed)]
    for size in protocol.sizes:
        label = str(size) if size else "full"
        parts += [_sized(f"container-{label}", size, _container, edits=False)]
        parts += [_sized(f"attacks-{label}", size, _attacked, edits=True)]
    for size in filter(None, protocol.sizes):
        parts += [
            Part(f"recovery-{size}", _object_jobs(size), _recovery),
            Part(f"recovery-strong-{size}", _strongly(size), _recovery_strong),
            Part(f"code-{size}", _object_jobs(size), _code),
        ]
    strangers = Part(
        "strangers", lambda sets, p, s: _jobs(sets, (p.stranger_set,), 0, p.strength, False), _stranger
    )
    return {part.name: part for part in [*parts, strangers]}


def _sized(name: str, size: int, measure: Any, edits: bool) -> Part:
    return Part(name, lambda sets, p, s: _jobs(sets, _sets(p, size), size, p.strength, edits), measure)


def _object_jobs(size: int) -> Callable[[PhotoSets, Protocol, Subject], list[Job]]:
    return lambda sets, p, s: _jobs(sets, (p.object_set,), size, p.strength, edits=True)


def _strongly(size: int) -> Callable[[PhotoSets, Protocol, Subject], list[Job]]:
    return lambda sets, p, s: _strong_jobs(sets, p, s, size)
