"""carriers: capacity, PSNR, and correct bits as sent and after JPEG of every carrier that loads here.

A random message of all |m| bits in each photograph, read back as hard bits. A carrier whose package or
weights are missing is not measured.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from underdrawing import zoo
from underdrawing.attacks.channel import Channel, Jpeg, Nothing
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, versions_of
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.core.errors import CapacityError
from underdrawing.metrics.quality import psnr_db

CHANNELS: tuple[Channel, ...] = (Nothing(), Jpeg(90), Jpeg(70))
PROTOCOL = Protocol("carriers", sizes=(512,), quality_sets=("kodak24",))


def run(run: Run) -> None:
    """Measure every carrier that loads; a part for each."""
    loaded, _ = zoo.available("carrier")
    subjects = [
        Subject(name.replace(":", "-"), carrier, None, versions=versions_of(name))
        for name, carrier in loaded.items()
    ]
    cases = measures.cases_of(PROTOCOL.quality_sets, PROTOCOL.sizes[0])
    parts = [(subject, Part(subject.name, cases, measure_photo)) for subject in subjects]
    run_parts(replace(run, photos=run.photos or 24), STUDY.store(run.results), PROTOCOL, parts)


def measure_photo(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One carrier on one photograph; only whether it has room where it has none."""
    image, _ = case.photo.square(case.size)
    rng = np.random.default_rng([protocol.seed, case.index])
    name, carrier = subject.name, subject.model
    count = carrier.capacity_bits(image)
    bits = rng.integers(0, 2, count, dtype=np.uint8)
    try:
        protected = carrier.embed(image, bits).apply(image)
    except CapacityError:
        return [(name, {"has_room": False})]
    container = {"has_room": True, "bits": float(count), "psnr_db": psnr_db(image, protected)}
    rows: list[Row] = [(name, container)]
    for channel in CHANNELS:
        right = carrier.read(channel(protected, rng), count).bits == bits
        values = {"bit_accuracy": float(right.mean()), "whole_message": bool(right.all())}
        rows.append((f"{name}/{channel.name}", values))
    return rows


STUDY = Study("carriers", "capacity, PSNR and correct bits after JPEG of every carrier", run)
