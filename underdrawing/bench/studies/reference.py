"""reference: the registered original as a witness, without any evidence of the mark.

edits-512     an edit of .5 to 25 % of the frame, the picture's own public mark written over it, JPEG 70
similar-512   pictures of nearly the same scene under the mark of the original
benign-512    untouched protected photographs through the whole benign suite

Each received picture is aligned with the rendition of its original, compared and recovered, as in verify.
"""

from __future__ import annotations

import numpy as np

from underdrawing.attacks.adversary.edits import AREAS, EDITS, draw_edit
from underdrawing.attacks.adversary.forgeries import NEIGHBOURS
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.suites import SUITES
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table, judged
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.judging.reference import compare, recover
from underdrawing.judging.reference_alignment import align
from underdrawing.metrics.masks import count_mask
from underdrawing.metrics.quality import masked_psnr_db
from underdrawing.registry.rendition import render

PROTOCOL = Protocol("reference", sizes=(512,))
CHANNEL = Jpeg(70)
_FOUND = 0.1  # of an edit that is flagged, from which it is found
_TARGETS = {0.25: 100.0, 0.06: 100.0, 0.02: 99.0, 0.005: 95.0}


def run(run: Run) -> None:
    """Measure all parts with the main system."""
    subject = run.load("photo")
    cases = measures.cases_of(PROTOCOL.quality_sets, PROTOCOL.sizes[0])
    kinds = {"edits": measure_edits, "similar": measure_similar, "benign": measure_benign}
    parts = [(subject, Part(f"{name}-{PROTOCOL.sizes[0]}", cases, kind)) for name, kind in kinds.items()]
    run_parts(run, STUDY.store(run.results), PROTOCOL, parts)


def measure_edits(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """Every edit at every area: found, F1 of the mask, dB inside the edit against the original."""
    original, rendition, size_kb = _registered(case)
    protected = subject.protect(original, case.strength)
    rng = np.random.default_rng([protocol.seed, case.index])
    rows: list[Row] = [("rendition", {"kilobytes": size_kb})]
    for area in AREAS:
        for name in EDITS:
            edited, mask = draw_edit(name, area, protected, case.donor_u8, rng)
            received = CHANNEL(subject.protect(edited, case.strength), rng)
            values = _compared(received, rendition)
            altered, recovered = values.pop("altered"), values.pop("recovered")
            counts = count_mask(altered.astype(np.float32), mask)
            values |= {
                "found": bool(altered[mask].mean() > _FOUND),
                "f1": counts.f1,
                "inside_db": masked_psnr_db(original, recovered, mask),
            }
            rows.append((f"{area:g}/{name}", values))
            rows.append((f"{area:g}/all", values))
    return rows


def measure_similar(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """Pictures of nearly the same scene: whether they agree with the registered original."""
    original, rendition, _ = _registered(case)
    rng = np.random.default_rng([protocol.seed, case.index, 1])
    rows: list[Row] = []
    for name, neighbour in NEIGHBOURS.items():
        similar = neighbour(original, case.donor_u8, rng)
        received = CHANNEL(subject.protect(similar, case.strength), rng)
        rows.append((name, {"agrees": not _compared(received, rendition)["altered"].any()}))
    return rows


def measure_benign(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """Untouched photographs: whether they are aligned, and whether any pixel is called altered."""
    original, rendition, _ = _registered(case)
    protected = subject.protect(original, case.strength)
    rng = np.random.default_rng([protocol.seed, case.index, 2])
    rows: list[Row] = []
    for channel in SUITES[protocol.suite]:
        values = _compared(channel(protected, rng), rendition)
        values = {"aligned": values["aligned"], "altered": bool(values["altered"].any())}
        rows += [(f"benign/{channel.name}", values), ("benign/all", values)]
    return rows


def _registered(case: Case) -> tuple[np.ndarray, np.ndarray, float]:
    """The photograph, its rendition as it is read back, and the size of its file in kilobytes."""
    original, _ = case.photo.square(case.size)
    kept = render(original)
    assert kept.file is not None
    return original, kept.image(kept.file), len(kept.file) / 1000


def _compared(received: np.ndarray, rendition: np.ndarray) -> dict:
    """aligned; altered, (H, W) bool, everywhere where it is not aligned; recovered, (H, W, 3) uint8."""
    _, alignment = align(received, rendition)
    if alignment is None:
        return {"aligned": False, "altered": np.ones(received.shape[:2], bool), "recovered": received}
    altered = compare(received, rendition, alignment).altered
    recovered, _ = recover(received, rendition, alignment, altered)
    return {"aligned": True, "altered": altered, "recovered": recovered}


def table(store: Store) -> list[Block] | None:
    """Edits by area, then similar scenes and benign channels in a line."""
    if "edits-512" not in store.parts:
        return None
    head = ["share of the frame", "found, %", "F1 of the mask", "by edit", "dB inside (worst tenth)"]
    rows = []
    for area, target in sorted(_TARGETS.items(), reverse=True):
        found, f1, inside = (store.figures[f"{area:g}/all/{name}"] for name in ("found", "f1", "inside_db"))
        by_edit = ", ".join(f"{name} {store.figures[f'{area:g}/{name}/f1']['mean']:.2f}" for name in EDITS)
        share = 100 * found["mean"]
        rows.append([
            f"{100 * area:g} %", judged(Cell(f"{share:.1f} of {found['n']}"), share, target),
            judged(Cell(f"{f1['mean']:.3f}"), f1["mean"], 0.9), by_edit,
            judged(Cell(f"{inside['mean']:.1f} ({inside['worst_decile']:.1f})"), inside["mean"], 32),
        ])  # fmt: skip
    return [Table(head, rows), *_lines(store)]


def _lines(store: Store) -> list[str]:
    lines = []
    if "similar-512" in store.parts:
        agrees = ((name, store.figures[f"{name}/agrees"]) for name in NEIGHBOURS)
        shares = ", ".join(f"{name} {100 * found['mean']:.0f} % of {found['n']}" for name, found in agrees)
        lines.append(f"Similar pictures under the mark of the original that agree with it: {shares}.")
    if "benign-512" in store.parts:
        altered, aligned = (store.figures[f"benign/all/{name}"] for name in ("altered", "aligned"))
        lines.append(
            f"Untouched pictures through {len(SUITES[PROTOCOL.suite])} benign channels: "
            f"{100 * aligned['mean']:.2f} % aligned, {100 * altered['mean']:.2f} % of {altered['n']} called "
            f"altered (95 % bound {100 * altered['high95']:.2f} %)."
        )
    sizes = store.figures["rendition/kilobytes"]
    lines.append(
        f"Size of a rendition: {sizes['mean']:.0f} kB in the mean, {sizes['median']:.0f} in the median."
    )
    return lines


STUDY = Study(
    "reference", "comparison with the registered original: edits, similar pictures, false alarms", run,
    {"reference": table},
)  # fmt: skip
