"""content-bits: bits of content that are read after each codec, in whole photographs without an edit.

bits-SIZE   coco_val squares, protected at default strength: container, and after each codec the bits read
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdrawing.attacks.channel import Avif, Channel, Jpeg, Nothing, Webp
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PROTOCOL = Protocol("content-bits", sizes=(256, 512))
CHANNELS: tuple[Channel, ...] = (
    Nothing(),
    *(Jpeg(quality) for quality in (95, 90, 85, 80, 75, 70, 60, 50)),
    Webp(80),
    Avif(60),
)


def run(run: Run, protocol: Protocol = PROTOCOL) -> None:
    """Measure the photo system."""
    subject = run.load("photo")
    parts = [
        Part(f"bits-{size}", measures.cases_of((protocol.object_set,), size), _bits)
        for size in protocol.sizes
    ]
    run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts])


def _bits(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    image, _ = case.photo.square(case.size)
    protected = subject.protect(image, case.strength)
    container = {"psnr_db": psnr_db(image, protected), "ssim": ssim(image, protected)}
    container |= {"ssimulacra2": ssimulacra2(image, protected)}
    rows: list[Row] = [(f"container/{case.label}", container)]
    for channel in CHANNELS:
        rng = np.random.default_rng([protocol.seed, case.size, case.index])
        received, _ = channel.attack(protected, rng)
        verdict = subject.read_back(received)
        bits = verdict.details.get("bits", {})
        values = {"content": bits.get("content", 0), "signed": verdict.signature.state == "valid"}
        rows.append((f"read/{case.label}/{channel.name}", values))
    return rows


def curve_table(store: Store) -> Sequence[Block] | None:
    """Content bits and signatures after each codec, by size."""
    if not store.parts:
        return None
    sizes = [str(size) for size in PROTOCOL.sizes if f"bits-{size}" in store.parts]
    measures_of = (("psnr_db", 2), ("ssim", 4), ("ssimulacra2", 1))
    rows = [[name, *(store.cell(f"container/{size}/{name}", n) for size in sizes)] for name, n in measures_of]
    containers = Table(("container", *sizes), rows)
    head = ["codec"]
    for size in sizes:
        head += [f"content bits, {size}", f"signed %, {size}"]
    read = []
    for channel in CHANNELS:
        cells = [channel.name]
        for size in sizes:
            key = f"read/{size}/{channel.name}"
            cells += [store.cell(f"{key}/content", 0), store.cell(f"{key}/signed", 0, scale=100)]
        read.append(cells)
    return [Table(head, read), containers, store.conditions_table(), store.stale_note()]


STUDY = Study(
    "content-bits",
    "bits of content that are read after each codec",
    run,
    {"content-bits": curve_table},
)
