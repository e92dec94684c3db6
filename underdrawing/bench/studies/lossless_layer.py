"""lossless-layer: what the layer of lossless copies costs, finds and recovers, beside the mark alone.

edits-SIZE   coco_val squares: container with and without the layer; a free-form edit and one of an object's
             shape, in a lossless copy, verified with and without the layer; and untouched, and after JPEG 95
speed        processor seconds of the layer alone at 512x512 and 12 MP
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.placement import Placement
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import LARGE, Stopwatch
from underdrawing.core.types import Verdict
from underdrawing.judging.lossless import NAME
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PROTOCOL = Protocol("lossless-layer", sizes=(256, 512))


def run(run: Run, protocol: Protocol = PROTOCOL) -> None:
    """Measure the photo system."""
    subject = run.load("photo")
    parts = [
        Part(f"edits-{size}", measures.cases_of((protocol.object_set,), size), _edits)
        for size in protocol.sizes
    ]
    parts.append(Part("speed", _first_case, _speed))
    run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts])


def _first_case(sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    return measures.plan(sets, (protocol.object_set,), 0, protocol.strength)[:1]


def _layered(subject: Subject, marked: np.ndarray, image: np.ndarray) -> np.ndarray:
    return subject.model.with_lossless_layer(marked, image, subject.identity, owner=subject.owner)


def _edits(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    image, outlines = case.photo.square(case.size)
    marked = subject.protect(image, case.strength)
    layered = _layered(subject, marked, image)
    rows: list[Row] = []
    for name, protected in (("mark", marked), ("layer", layered)):
        rows.append((f"container/{name}/{case.label}", _container(image, protected)))
        edits = measures.Edits(case.donor_u8, outlines, case.library, protocol.edit_area)
        for turn, shape in enumerate(("free-form", "object")):
            rng = np.random.default_rng([protocol.seed, case.size, case.index, turn])
            tampered, mask = edits(case.index + turn, protected, rng)
            verdict = subject.verify(tampered)
            values = measures.mask_values(verdict, mask)
            place = Placement.identity(image)
            values |= measures.recovery_values(image, tampered, verdict, place, mask)
            values |= {"altered": verdict.status == "altered", "area": float(mask.mean())}
            rows.append((f"edited/{name}/{case.label}/{shape}", values))
    return rows + _untouched(subject, layered, case.label)


def _container(image: np.ndarray, protected: np.ndarray) -> dict[str, float]:
    values = {"psnr_db": psnr_db(image, protected), "ssim": ssim(image, protected)}
    return values | {"ssimulacra2": ssimulacra2(image, protected)}


def _untouched(subject: Subject, layered: np.ndarray, label: str) -> list[Row]:
    """What is said of copies of an untouched picture, with and without the layer."""
    copies = {
        "lossless": layered,
        "JPEG 95": Jpeg(95).attack(layered, np.random.default_rng(0))[0],
    }
    found = {name: subject.verify(copy) for name, copy in copies.items()}
    return [
        (f"untouched/{label}/{name}", {"altered": v.status == "altered", "layer": _agrees(v)})
        for name, v in found.items()
    ]


def _agrees(verdict: Verdict) -> bool:
    witness = None if verdict.assurance is None else verdict.assurance.witness(NAME)
    return witness is not None and witness.state == "agrees" and witness.binding


def _speed(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """Processor seconds; the change of the mark is simulated, as it does not matter here."""
    rows: list[Row] = []
    for label, size in (("512", (512, 512)), ("12mp", LARGE)):
        image = cv2.resize(case.photo.load(), size, interpolation=cv2.INTER_AREA)
        noise = np.rint(np.random.default_rng(0).normal(0, 1.9, image.shape[:2])).astype(np.int16)
        marked = np.clip(image.astype(np.int16) + noise[..., None], 0, 255).astype(np.uint8)
        _layered(subject, marked, image)  # derives keys and permutations once
        with Stopwatch() as spent:
            _layered(subject, marked, image)
        rows.append((f"speed/{label}", {"seconds": spent.processor}))
    return rows


def edits_table(store: Store) -> Sequence[Block] | None:
    """Masks and recovery of lossless copies with and without the layer, and the cost of it."""
    if not store.parts:
        return None
    rows = []
    for size in map(str, PROTOCOL.sizes):
        for name, title in (("mark", "mark alone"), ("layer", "with the layer")):
            cells = [size, title]
            cells += [store.cell(f"container/{name}/{size}/psnr_db")]
            cells += [store.cell(f"container/{name}/{size}/ssim", 4)]
            cells += [store.cell(f"container/{name}/{size}/ssimulacra2", 1)]
            for metric, digits in (("f1", 3), ("lpsnr_db", 1)):
                cells += [
                    store.cell(f"edited/{name}/{size}/{s}/{metric}", digits) for s in ("free-form", "object")
                ]
            rows.append(cells)
    head = ("size", "", "container, dB", "SSIM", "SSIMULACRA2", "F1, free-form", "F1, object",
            "L-PSNR, free-form", "L-PSNR, object")  # fmt: skip
    seconds = [store.cell(f"speed/{label}/seconds", 2) for label in ("512", "12mp")]
    return [
        Table(head, rows),
        Table(("processor seconds of the layer", "512x512", "12 MP"), [["protect", *seconds]]),
        store.conditions_table(),
        store.stale_note(),
    ]


STUDY = Study(
    "lossless-layer",
    "the layer of lossless copies: cost, masks and recovery beside the mark alone",
    run,
    {"lossless-layer": edits_table},
)
