"""imuge: the tables of the Imuge paper, for Imuge and for the main system at the same container PSNR.

Ying et al., "From Image to Imuge: Immunized Image Generation", ACM MM 2021, tables 1 to 3.

    container      what protecting costs, and what is flagged where nothing was altered
    table1         the paper's twelve channels after an edit
    table2         edits of several sizes, no channel
    speed          protect and verify of one photograph
    table3         JPEG 70 after an edit, for each training of the paper's ablation; needs --weights
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from underdrawing.attacks.channel import Nothing
from underdrawing.attacks.suites import SUITES, by_name
from underdrawing.attacks.tamper import FILLS, blob
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table, join
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import quick_rows
from underdrawing.metrics.quality import psnr_db, ssim

PROTOCOL = Protocol(
    "imuge", sizes=(256,), suite="imuge", quality_sets=("kodak24", "clic2025_val", "coco_val")
)
AREAS = ((0.10, 0.06), (0.25, 0.06), (0.16, 0.16), (0.30, 0.16))
"""Rows of table 2: altered share of the frame, and share of its largest area. The paper's third row has a
largest area (16 %) larger than all together (10 %); here it is a single area of 16 %."""
ABLATION_CHANNELS = ("jpeg70",)
SAMPLE = 12
"""Photographs that the strength of the main system is fitted on."""
CHANNELS = (
    "jpeg90", "jpeg70", "jpeg50", "scale1.5", "scale0.7", "scale0.5", "crop90%", "crop70%", "crop50%",
    "blur1", "noise5", "none",
)  # fmt: skip
"""In the order of the paper's table 1."""

TABLE1 = {
    "bce": (0.022, 0.096, 0.106, 0.148, 0.074, 0.121, 0.027, 0.082, 0.155, 0.052, 0.103, 0.015),
    "lpsnr_db": (26.11, 23.85, 18.71, 23.87, 25.10, 24.52, 26.85, 24.73, 24.10, 19.93, 27.06, 27.11),
    "psnr_db": (29.33, 27.43, 25.98, 25.23, 26.61, 25.78, 28.66, 25.94, 24.55, 27.35, 28.52, 29.60),
    "ssim": (0.862, 0.854, 0.803, 0.838, 0.870, 0.829, 0.863, 0.821, 0.797, 0.817, 0.842, 0.865),
}
TABLE2 = {
    "10-6": (0.008, 28.93, 29.26, 0.875),
    "25-6": (0.007, 25.32, 24.83, 0.848),
    "16-16": (0.021, 27.25, 26.94, 0.863),
    "30-16": (0.057, 16.92, 26.32, 0.810),
}
TABLE3 = {
    "ablation-none": ("no verifying network, no critics, no TD, PR, LFS", 13.16),
    "ablation-verifier": ("no critics, no TD, PR, LFS", 20.99),
    "ablation-critics": ("no TD, PR, LFS", 23.30),
    "ablation-decoupling": ("no PR, LFS", 25.19),
    "ablation-progressive": ("no LFS", 27.03),
    "ablation-full": ("all", 27.43),
}
"""By the recipe that trains a row: what it lacks, and the paper's L-PSNR after JPEG 70.

TD: task decoupling; PR: progressive recovery; LFS: local feature sharing."""
CONTAINER = {"psnr_db": 34.60, "ssim": 0.973}
"""Of three pictures, the only published values (figure 6)."""

METRICS = {"bce": ("BCE", 3), "lpsnr_db": ("L-PSNR, dB", 2), "psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 3)}
SYSTEMS = ("imuge", "photo")
"""The paper's own, then the main system at the strength nearest to the mean container PSNR of the first."""


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    weights: str = ""
    """Folder with the output of each training of the ablation, DIR/RECIPE/imuge.safetensors."""


def run(run: Run, protocol: Protocol = PROTOCOL) -> None:
    """Measure both systems, and the ablation where its weights are given."""
    weights = run.read_settings(Settings).weights
    parts = _comparison(run, protocol)
    for recipe in TABLE3 if weights else ():
        loaded = run.load("imuge", Path(weights) / recipe / "imuge.safetensors")
        parts.append((replace(loaded, name=recipe), Part(f"table3-{recipe}", _cases, _table3)))
    run_parts(run, STUDY.store(run.results), protocol, parts)


def _comparison(run: Run, protocol: Protocol) -> list[tuple[Subject, Part]]:
    first, second = (run.load(name) for name in SYSTEMS)

    @cache
    def strength() -> float:
        photos = run.sets.photos(*protocol.quality_sets)
        every = max(1, len(photos) // SAMPLE)
        sample = [photo.square(protocol.sizes[0])[0] for photo in photos[::every][:SAMPLE]]
        target_db = float(np.mean([psnr_db(image, first.protect(image)) for image in sample]))
        return measures.strength_for(second, sample, target_db)

    measured = {"container": _container, "table1": _table1, "table2": _table2, "speed": _speed}
    fitted = partial(_fitted_cases, strength=strength)
    return [
        (subject, Part(f"{name}-{subject.name}", partial(cases, first=name == "speed"), measure))
        for subject, cases in ((first, _cases), (second, fitted))
        for name, measure in measured.items()
    ]


def _cases(
    sets: PhotoSets, protocol: Protocol, subject: Subject, strength: float = 1.0, first: bool = False
) -> list[Case]:
    cases = measures.plan(sets, protocol.quality_sets, protocol.sizes[0], strength)
    return cases[:1] if first else cases


def _fitted_cases(sets: PhotoSets, protocol: Protocol, subject: Subject, strength, first: bool) -> list[Case]:
    return _cases(sets, protocol, subject, strength(), first)


def _speed(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    return quick_rows(subject, case.photo, case.size)


def _container(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    trial = measures.try_photo(subject, protocol, case)
    values = measures.container_values(trial.image_u8, trial.protected_u8)
    rows = trial.authentic_rows(SUITES[protocol.suite], f"authentic/{subject.name}")
    return [(f"container/{subject.name}", values), *rows]


def _table1(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    trial = measures.try_photo(subject, protocol, case)
    return trial.edited_rows(SUITES[protocol.suite], f"table1/{subject.name}")


def _table2(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    trial, rows = measures.try_photo(subject, protocol, case), []
    for turn, (total, largest) in enumerate(AREAS):
        edits = SeveralAreas(case.donor_u8, total, largest)
        place = f"table2/{subject.name}/{round(100 * total)}-{round(100 * largest)}"
        rows += replace(trial, edits=edits, seeds=(*trial.seeds, turn)).edited_rows((Nothing(),), place)
    return rows


def _table3(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    trial = measures.try_photo(subject, protocol, case)
    pair = trial.image_u8, trial.protected_u8
    rows = trial.edited_rows(by_name(protocol.suite, *ABLATION_CHANNELS), f"table3/{subject.name}")
    return [(f"container/{subject.name}", {"psnr_db": psnr_db(*pair), "ssim": ssim(*pair)}), *rows]


class SeveralAreas:
    """Edits of `total` part of the frame in areas of at most `largest` each."""

    def __init__(self, donor_u8: np.ndarray, total: float, largest: float) -> None:
        self.donor_u8, self.total, self.largest = donor_u8, total, largest

    def __call__(self, turn: int, image_u8: np.ndarray, rng: np.random.Generator) -> tuple:
        """The edited picture and its mask (H, W) bool."""
        mask = self.mask(*image_u8.shape[:2], rng)
        return FILLS[turn % len(FILLS)](image_u8, mask, self.donor_u8, rng), mask

    def mask(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """(height, width) bool: one area of the largest size, then separate others where they fit."""
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


def table1(store: Store) -> Sequence[Block] | None:
    """Twelve channels: paper / Imuge / main system for each figure; F1 and flagged area without the paper."""
    parts = _comparison_parts(store)
    if not parts:
        return None
    rows = []
    for index, channel in enumerate(CHANNELS):
        cells = [
            _cell(store, f"table1/{{}}/{channel}/{metric}", paper[index], METRICS[metric][1])
            for metric, paper in TABLE1.items()
        ]
        cells.append(_cell(store, f"table1/{{}}/{channel}/f1", None, 3))
        cells.append(_cell(store, f"authentic/{{}}/{channel}/flagged", None, 2, 100))
        rows.append([channel, *cells])
    head = ("channel", *(name for name, _ in METRICS.values()), "F1", "flagged, %")
    return [
        Table(head, rows),
        _container_text(store),
        _speed_text(store),
        store.conditions_table(parts),
        store.stale_note(parts),
    ]


def table2(store: Store) -> Sequence[Block] | None:
    """Four sizes of edits: paper / Imuge / main system for each figure."""
    if not _comparison_parts(store):
        return None
    rows = []
    for row, paper in TABLE2.items():
        total, largest = row.split("-")
        cells = [
            _cell(store, f"table2/{{}}/{row}/none/{metric}", value, METRICS[metric][1])
            for metric, value in zip(METRICS, paper, strict=True)
        ]
        rows.append([f"{total} %, {largest} %", *cells])
    return [Table(("altered in all, largest area", *(name for name, _ in METRICS.values())), rows)]


def table3(store: Store) -> Sequence[Block] | None:
    """The ablation: what each training reaches at one small budget."""
    parts = [name for name in store.parts if name.startswith("table3-")]
    if not parts:
        return None
    rows = []
    for recipe, (lacks, paper) in TABLE3.items():
        place, own = f"table3/{recipe}/jpeg70", f"container/{recipe}"
        recovered = [store.cell(f"{place}/lpsnr_db", 2, field) for field in ("mean", "worst_decile")]
        located = "-" if "no verifying" in lacks else store.cell(f"{place}/f1", 3)
        container = store.cell(f"{own}/psnr_db"), store.cell(f"{own}/ssim", 3)
        rows.append([lacks, f"{paper:.2f}", *recovered, located, *container])
    head = ("row", "paper L-PSNR, dB", "L-PSNR, dB", "worst decile", "F1", "container, dB", "its SSIM")
    return [Table(head, rows), store.conditions_table(parts), store.stale_note(parts)]


def _comparison_parts(store: Store) -> list[str]:
    return [name for name in store.parts if not name.startswith("table3-")]


def _cell(store: Store, key: str, paper: float | None, digits: int, scale: float = 1) -> Cell:
    cells = [store.cell(key.format(system), digits, scale=scale) for system in SYSTEMS]
    return join(cells if paper is None else [f"{paper:.{digits}f}", *cells])


def _container_text(store: Store) -> str:
    psnr = _cell(store, "container/{}/psnr_db", CONTAINER["psnr_db"], 2)
    similarity = _cell(store, "container/{}/ssim", CONTAINER["ssim"], 3)
    text = f"Container: {psnr.text} dB, SSIM {similarity.text}."
    return f"{text} Paper (of three pictures) / Imuge here / main job."


def _speed_text(store: Store) -> str:
    steps = ("protect", "verify")
    cells = {step: _cell(store, f"speed/{{}}/{step}/seconds", None, 0, 1000) for step in steps}
    if any("-" in cell.text for cell in cells.values()):
        return ""
    texts = [f"{step} {cell.text} ms at 256x256" for step, cell in cells.items()]
    return f"Speed: {', '.join(texts)}; Imuge here / main job, at their default strength."


STUDY = Study(
    "imuge",
    "tables 1 to 3 of the Imuge paper, beside the main system at equal container PSNR",
    run,
    {"imuge-table1": table1, "imuge-table2": table2, "imuge-table3": table3},
    Settings,
)
