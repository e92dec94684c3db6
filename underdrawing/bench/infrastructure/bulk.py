"""bulk: how bulk runs scale, and whether a killed one loses anything.

    scaling    the same photographs with 1, 2 ... processes. By the clock, and by values that depend little on
               the load of the machine: processor time of a photograph, and the share of time of work
    killed     a run that is killed with all its processes some times and started again, against one that was
               not killed: the same files, byte for byte?

Photographs are parts of the bundled one. tools/plot_bulk.py draws the scaling.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from underdrawing.batch import Job
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bulk.run import in_processes
from underdrawing.bulk.settings import BulkSettings
from underdrawing.bulk.units import process_unit

PROTOCOL, SYSTEM = Protocol("bulk"), "photo"
_SEED = "5eed"
_LEAST_CONTRAST = 30  # standard deviation in levels: small flat parts have no room for an identity
_PHOTO = Path(__file__).parents[2] / "assets" / "astronaut.png"


def photographs(folder: Path, count: int, side: int) -> None:
    """Write so many JPEG files of side x side px, each another part of the bundled photograph, which is made
    smaller for small parts: they would be too flat."""
    folder.mkdir(parents=True)
    with Image.open(_PHOTO) as opened:
        length = min(*opened.size, 5 * side // 2)
        whole = np.asarray(opened.convert("RGB").resize((length, length), Image.Resampling.LANCZOS))
    rng = np.random.default_rng(20261)
    for number in range(count):
        part = np.zeros((side, side, 3), np.uint8)
        while part.std() < _LEAST_CONTRAST:
            top, left = (int(rng.integers(0, length - side)) for length in whole.shape[:2])
            part = np.ascontiguousarray(whole[top : top + side, left : left + side])
        Image.fromarray(part).save(folder / f"{number:05}.jpg", quality=92)


@dataclass(frozen=True)
class Timed:
    """A unit of work with its time by the clock and of the processor. Picklable."""

    settings: BulkSettings

    def __call__(self, job: Job) -> dict[str, Any]:
        """The unit's line with its seconds by the clock and of the processor."""
        clock, processor = time.perf_counter(), time.process_time()
        line = process_unit(self.settings, job)
        took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
        return line | {"took": took, "from": clock, "to": time.perf_counter()}


def scaling(count: int, side: int, processes: int) -> dict[str, Any]:
    """Figures of one run with so many processes, their start and first photograph each left out."""
    with tempfile.TemporaryDirectory() as place:
        photographs(Path(place) / "in", count, side)
        settings = BulkSettings("protect", f"{place}/in", f"{place}/out", seed=_SEED)
        names = sorted((Path(place) / "in").iterdir())
        driver = time.process_time()
        lines = list(in_processes((Job(Path(path.name)) for path in names), Timed(settings), processes))
        driver = time.process_time() - driver
    lines = sorted(lines, key=lambda line: line["to"])[processes:]
    span = lines[-1]["to"] - min(line["from"] for line in lines)
    clock = [line["took"]["clock"] for line in lines]
    return {
        "processes": processes,
        "photographs": len(lines),
        "per_second": round(len(lines) / span, 3),
        "busy": round(sum(clock) / (processes * span), 4),
        "clock_ms": round(1000 * statistics.mean(clock), 1),
        "processor_ms": round(1000 * statistics.mean(line["took"]["processor"] for line in lines), 1),
        "driver_ms": round(1000 * driver / count, 2),
    }


def efficiency(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their share of (processes x the first row's speed): by the clock, and by processor time
    and idle time alone."""
    one = rows[0]
    for row in rows:
        share = row["processes"] / one["processes"]
        row["of_linear_by_clock"] = round(row["per_second"] / one["per_second"] / share, 3)
        row["of_linear_by_processor"] = round(
            one["processor_ms"] / row["processor_ms"] * row["busy"] / one["busy"], 3
        )
    return rows


def killed(count: int, side: int, processes: int, kills: int) -> dict[str, Any]:
    """Whether a job that was killed some times ends as one that was not."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "in"
        photographs(source, count, side)
        whole, broken = Path(place) / "whole", Path(place) / "broken"
        _call(source, whole, processes, None)
        for _ in range(kills):
            _call(source, broken, processes, count // (kills + 1))
        _call(source, broken, processes, None)
        lines = [json.loads(line) for line in Path(f"{broken}.journal").read_text().splitlines()[1:]]
        same = _files(whole) == _files(broken)
        done = [line["file"] for line in lines if line["status"] == "done"]
        once = len(set(done)) == len(done) == len(_files(broken))
        figures = {"photographs": count, "side_px": side, "processes": processes, "kills": kills}
        return figures | {"files": len(_files(broken)), "same_bytes": same, "each_noted_once": once}


def _call(source: Path, target: Path, processes: int, most: int | None) -> None:
    """The program on a folder; killed with its workers after `most` printed photographs."""
    program = [sys.executable, "-m", "underdrawing.cli", "bulk", "protect", str(source), "-o", str(target)]
    command = [*program, "--seed", _SEED, "--jobs", str(processes), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as running:
        for number, _ in enumerate(running.stdout or (), 1):
            if number == most:
                os.killpg(running.pid, signal.SIGKILL)


def _files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    photos: int = 60
    """Photographs of `scaling`."""
    side: int = 128
    """Of the photographs of `scaling`, px."""
    killed_photos: int = 1000
    killed_side: int = 96
    kills: int = 3


def run(run: Run) -> None:
    """Measure both parts, with at most `run.workers` processes, two at least."""
    settings = run.read_settings(Settings)
    processes = max(2, run.workers)

    def scaling_values() -> dict[str, Any]:
        counts = range(1, processes + 1)
        rows = [scaling(settings.photos, settings.side, number) for number in counts]
        return {"side_px": settings.side, "rows": efficiency(rows)}

    def killed_values() -> dict[str, Any]:
        return killed(settings.killed_photos, settings.killed_side, processes, settings.kills)

    run.write_once(STUDY, PROTOCOL, (SYSTEM, "scaling"), scaling_values)
    run.write_once(STUDY, PROTOCOL, (SYSTEM, "killed"), killed_values)


def scaling_table(store: Store) -> Sequence[Block] | None:
    """Figures by number of processes."""
    part = store.parts.get("scaling")
    if part is None:
        return None
    rows = []
    for row in part["rows"]:
        speed = store.marked("scaling", f"{row['per_second']:.2f}")
        linear = f"{row['of_linear_by_clock']:.2f}", f"{row['of_linear_by_processor']:.2f}"
        processor = f"{row['processor_ms']:.0f}"
        rows.append([f"{row['processes']}", speed, processor, f"{100 * row['busy']:.1f}", *linear])
    head = ("processes", "photographs a second, by the clock", "ms of processor a photograph",
            "workers busy, %", "of a straight line, by the clock", "by processor and idle time")  # fmt: skip
    side, first = part["side_px"], part["rows"][0]
    size = f"{first['photographs']} photographs at {side}x{side}"
    driver = f"the driver took {first['driver_ms']:.1f} ms of processor a photograph"
    about = f"{size}; {driver}. {_about(store, 'scaling')}"
    return [Table(head, rows), about, store.stale_note(["scaling"])]


def killed_table(store: Store) -> Sequence[Block] | None:
    """One row: photographs, kills, and whether the files are those of a run that was not killed."""
    part = store.parts.get("killed")
    if part is None:
        return None
    answers = ("yes" if part[key] else "NO ✗" for key in ("same_bytes", "each_noted_once"))
    count = store.marked("killed", str(part["photographs"]))
    row = [count, str(part["kills"]), str(part["files"]), *answers]
    size = f"{part['side_px']}x{part['side_px']}, {part['processes']} processes."
    return [
        Table(("photographs", "kills", "files", "same bytes", "each noted once"), [row]),
        f"{size} {_about(store, 'killed')}",
        store.stale_note(["killed"]),
    ]


def _about(store: Store, name: str) -> str:
    at = store.parts[name]["conditions"]
    load = f", load before {at['load']:.1f}: other work had the machine" if at["load"] >= 1 else ""
    text = f"{store.measured_at(name)}, {at['device']}{load}."
    return text[0].upper() + text[1:]


STUDY = Study(
    "bulk",
    "bulk runs: scaling over processes, and files after kills",
    run,
    {"bulk-scaling": scaling_table, "bulk-killed": killed_table},
    Settings,
)
