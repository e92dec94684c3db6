"""photo-core: everything that is promised of the main system, at three sizes, with its targets.

speed                   seconds and peak memory at 512x512 and 12 MP
container-SIZE          how invisible the mark is
attacks-SIZE            every channel, edited and untouched: what is read, flagged and recovered
recovery[-strong]-SIZE  objects under true outlines, also at the container PSNR of Imuge
code-SIZE               the decoded content alone against AVIF at equal bits
strangers               photographs that were never protected
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from underdrawing.attacks.suites import PHOTO_BENIGN, SUITES, by_name
from underdrawing.attacks.tamper import free_form
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.avif import avif_at
from underdrawing.bench.harness.photographs import PhotoSets
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table, judged
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.harness.timing import speed_rows
from underdrawing.metrics.quality import masked_psnr_db, psnr_db

PROTOCOL = Protocol("photo-core")
SIZES = ("256", "512", "full")
WHOLE = ("none", "jpeg90", "jpeg70", "jpeg50", "scale0.7", "scale1.5")
HARD = ("jpeg30", "webp50", "scale0.5", "noise10", "crop70%", "screenshot")


def run(run: Run, protocol: Protocol = PROTOCOL) -> None:
    """Measure the main system."""
    subject = run.load("photo")
    run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts(protocol)])


def parts(protocol: Protocol) -> list[Part]:
    """All parts, the quick ones first."""
    found = [Part("speed", _first_case, _speed)]
    for size in protocol.sizes:
        label = str(size) if size else "full"
        cases = measures.cases_of(protocol.quality_sets if size else (protocol.full_set,), size)
        found += [Part(f"container-{label}", cases, _container), Part(f"attacks-{label}", cases, _attacked)]
    for size in filter(None, protocol.sizes):
        objects = measures.cases_of((protocol.object_set,), size)
        found.append(Part(f"recovery-{size}", objects, _recovery))
        found.append(Part(f"recovery-strong-{size}", partial(_strong_cases, size=size), _recovery_strong))
        found.append(Part(f"code-{size}", objects, _code))
    return [*found, Part("strangers", measures.cases_of((protocol.stranger_set,), 0), _stranger)]


def _first_case(sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    return measures.plan(sets, (protocol.full_set,), 0, protocol.strength)[:1]


def _strong_cases(sets: PhotoSets, protocol: Protocol, subject: Subject, size: int) -> list[Case]:
    photos = sets.photos(protocol.object_set)
    sample = [photo.square(size)[0] for photo in photos[:: max(1, len(photos) // 6)][:6]]
    strength = measures.strength_for(subject, sample, protocol.strong_psnr_db)
    return measures.plan(sets, (protocol.object_set,), size, strength)


def _speed(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    return speed_rows(subject, case.photo)


def _container(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    image, _ = case.photo.square(case.size)
    protected = subject.protect(image, case.strength)
    return [(f"container/{case.label}", measures.container_values(image, protected))]


def _attacked(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    trial, channels = measures.try_photo(subject, protocol, case), SUITES[protocol.suite]
    if not case.size:
        channels = by_name(protocol.suite, *protocol.full_channels)
    rows = trial.authentic_rows(channels, f"authentic/{case.label}")
    return rows + trial.edited_rows(channels, f"edited/{case.label}")


def _recovery(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    return _recover(subject, protocol, case, protocol.recovery_channels, f"recovery/{case.label}")


def _recovery_strong(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    return _recover(subject, protocol, case, protocol.strong_channels, f"recovery-strong/{case.label}")


def _recover(
    subject: Subject, protocol: Protocol, case: Case, names: tuple[str, ...], place: str
) -> list[Row]:
    trial = measures.try_photo(subject, protocol, case, objects_only=True)
    rows = trial.edited_rows(by_name(protocol.suite, *names), place)
    return [*rows, (place, {"psnr_db": psnr_db(trial.image_u8, trial.protected_u8)})]


def _code(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    image, _ = case.photo.square(case.size)
    rng = np.random.default_rng([protocol.seed, case.size, case.index])
    mask = free_form(*image.shape[:2], rng, protocol.edit_area)
    rows: list[Row] = []
    for bits in protocol.code_bits:
        decoded = subject.describe(image, bits)
        if decoded is None:
            return []
        ours, avif = (masked_psnr_db(image, picture, mask) for picture in (decoded, avif_at(image, bits)))
        values = {"code_db": ours, "avif_db": avif, "gain_db": ours - avif}
        rows.append((f"code/{case.label}/{bits}", values))
    return rows


def _stranger(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    verdict = subject.verify(case.photo.load())
    signed = verdict.signature.state == "valid"
    accepted = verdict.present or verdict.identity is not None or signed
    return [("strangers", {"accepted": accepted, "signed": signed})]


@dataclass(frozen=True)
class Target:
    """One target at one size."""

    row: str
    """Its row in the table."""
    size: str
    keys: tuple[str, ...]
    """Figures that must all reach it; the worst of them is printed."""
    limit: float | None
    """None: reported without a target."""
    at_most: bool = False
    field: str = "mean"
    unit: str = ""
    digits: int = 2
    scale: float = 1.0
    """Printed and compared as value times this (100 for per cent)."""

    def cell(self, store: Store) -> Cell:
        """The worst value of its keys beside the limit, with a cross where it misses; "-" if not measured."""
        keys = [key for key in self.keys if key in store.figures]
        if not keys:
            return Cell("-")
        values = [self.scale * store.figures[key][self.field] for key in keys]
        value = max(values) if self.at_most else min(values)
        cell = Cell(f"{value:.{self.digits}f}{self.unit}", store.stale(keys))
        return judged(cell, value, self.limit, self.at_most)


def per_size(row: str, keys: str | Sequence[str], limits: Sequence, **options: object) -> list[Target]:
    """A target for each of SIZES; keys are patterns with {size}, a limit of None sets no target."""
    patterns = [keys] if isinstance(keys, str) else keys
    return [
        Target(row, size, tuple(pattern.format(size=size) for pattern in patterns), limit, **options)
        for size, limit in zip(SIZES, limits, strict=True)
    ]


def targets() -> list[Target]:
    """Every row of the table in its order."""
    found: list[Target] = []
    found += per_size("container PSNR, dB", "container/{size}/psnr_db", (40.5, 40.5, 42))
    found += per_size("container SSIM", "container/{size}/ssim", (0.985, 0.985, 0.985), digits=4)
    quality = "container/{size}/ssimulacra2"
    found += per_size("SSIMULACRA2, mean", quality, (None, 80, 82), digits=1)
    found += per_size("SSIMULACRA2, worst decile", quality, (None, 73, 75), digits=1, field="worst_decile")
    smooth = "container/{size}/smooth_rms"
    found += per_size("RMS of the change where smooth, levels", smooth, (None, 1.1, 1.0), at_most=True)
    percent = {"scale": 100.0, "unit": " %", "digits": 1}
    signed = [f"edited/{{size}}/{channel}/signed" for channel in WHOLE]
    found += per_size("signed code read whole after an edit, none to JPEG50, scale .7 to 1.5; worst channel",
                      signed, (99, 99.5, 99.5), **percent)  # fmt: skip
    named = [f"edited/{{size}}/{channel}/identity" for channel in HARD]
    found += per_size("identity read after an edit: JPEG30, WebP50, scale .5, noise 10, crop 70 %, "
                      "screenshot; worst channel", named, (97, 99, 99), **percent)  # fmt: skip
    masks = {"none": (0.93, 0.95), "jpeg70": (0.91, 0.93), "jpeg50": (0.89, 0.92), "scale0.7": (0.85, 0.90)}
    for channel, (small, large) in masks.items():
        key = f"edited/{{size}}/{channel}/f1"
        found += per_size(f"mask F1, {channel}", key, (small, large, large), digits=3)
    flagged = [f"authentic/{{size}}/{channel.name}/flagged_signed" for channel in PHOTO_BENIGN]
    found += per_size("area flagged on an untouched protected photo, code readable; worst channel", flagged,
                      (0.5, 0.3, 0.3), at_most=True, **percent | {"digits": 2})  # fmt: skip
    found += _recovery_targets()
    for bits in PROTOCOL.code_bits:
        found += per_size(f"the code alone at {bits:,} bits against AVIF, dB inside the mask",
                          f"code/{{size}}/{bits}/gain_db", (1, 1, None))  # fmt: skip
    found.append(Target("never-protected photos accepted", "256", ("strangers/accepted",), 0, True, digits=4))
    return found + _speed_targets()


def _recovery_targets() -> list[Target]:
    found: list[Target] = []
    default = {"none": (26, 27.5), "jpeg90": (25, 27), "jpeg70": (22.5, 25.5), "jpeg50": (21, 24)}
    for channel, (small, large) in default.items():
        row = f"L-PSNR of objects, {channel}, dB"
        found += per_size(row, f"recovery/{{size}}/{channel}/lpsnr_db", (small, large, None))
        found.append(Target(row, "full", (f"edited/full/{channel}/lpsnr_db",), large))
    strong = {"none": 27.5, "jpeg90": 27, "jpeg70": 25.5, "jpeg50": 24, "scale0.5": 24.6, "blur1": 22}
    found += per_size("container at the strength of the next rows, dB", "recovery-strong/{size}/psnr_db",
                      (None, None, None))  # fmt: skip
    for channel, limit in strong.items():
        row = f"L-PSNR at a container of 34.6 dB, {channel}, dB"
        found += per_size(row, f"recovery-strong/{{size}}/{channel}/lpsnr_db", (limit, None, None))
    return found


def _speed_targets() -> list[Target]:
    ms = {"scale": 1000.0, "unit": " ms", "digits": 0, "at_most": True}
    peaks = tuple(f"speed/12mp/{step}/peak_mib" for step in ("protect", "verify"))
    return [
        Target("protect, 512x512, median", "512", ("speed/512/protect/seconds",), 60, **ms),
        Target("identity, 512x512, median", "512", ("speed/512/identify/seconds",), 100, **ms),
        Target("protect, 12 MP, median", "full", ("speed/12mp/protect/seconds",), 1200, **ms),
        Target("full verify, 12 MP, median", "full", ("speed/12mp/verify/seconds",), 4000, **ms),
        Target("peak memory, 12 MP", "full", peaks, 1536, True, unit=" MiB", digits=0),
    ]


def core_table(store: Store) -> Sequence[Block] | None:
    """Figures with their targets; a cross marks a target that is missed."""
    if not store.parts:
        return None
    cells: dict[str, dict[str, object]] = {}
    for target in targets():
        cells.setdefault(target.row, {})[target.size] = target.cell(store)
    rows = [[row, *(sizes.get(size, "-") for size in SIZES)] for row, sizes in cells.items()]
    rows = [row for row in rows if any(getattr(cell, "text", "-") != "-" for cell in row[1:])]
    at = next(iter(store.parts.values()))["conditions"]
    return [
        Table(("figure", "256x256", "512x512", "full size"), rows),
        "Photos, seconds and commit by part; a cross marks a target that is missed.",
        store.conditions_table(seconds=True),
        f"Seed {at['seed']}, {at['device']}, torch {at['versions']['torch']}.",
        store.stale_note(),
    ]


def attacks_table(store: Store) -> Sequence[Block] | None:
    """Every channel: what is read, located and recovered after an edit, and what is wrongly flagged."""
    if not store.parts:
        return None
    columns = ("identity", "signed", "layer_top", "f1", "f1 worst decile", "lpsnr_db", "flagged %")
    rows = []
    for size in SIZES:
        prefix = f"edited/{size}/"
        for channel in dict.fromkeys(key.split("/")[2] for key in store.figures if key.startswith(prefix)):
            edited = f"{prefix}{channel}"
            read = [store.cell(f"{edited}/{metric}", 1, scale=100) for metric in columns[:3]]
            located = [store.cell(f"{edited}/f1", 3, field) for field in ("mean", "worst_decile")]
            flagged = store.cell(f"authentic/{size}/{channel}/flagged", 2, scale=100)
            rows.append([size, channel, *read, *located, store.cell(f"{edited}/lpsnr_db"), flagged])
    return [Table(("size", "channel", *columns), rows)]


STUDY = Study(
    "photo-core",
    "the main system at three sizes: container, attacks, recovery, code, strangers, speed",
    run,
    {"photo-core": core_table, "photo-attacks": attacks_table},
)
