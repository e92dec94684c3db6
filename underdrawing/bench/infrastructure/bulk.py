"""How bulk jobs scale, and whether a killed one loses anything.

    python -m underdrawing.bench.infrastructure.bulk PART

scaling    the same photographs with 1, 2 ... processes. By the clock, and by what depends little on what else
           the machine does: processor time of a photograph, and the share of the time that workers had work
killed     a job of so many photographs, killed with all its processes some times and called again, against
           one that was left alone: the same files, byte for byte?

Photographs are parts of the bundled one. results/bulk.json gets what was measured, beside what is there.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from underdrawing.batch import Job
from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.bulk.run import in_processes
from underdrawing.bulk.settings import BulkSettings
from underdrawing.bulk.units import process_unit

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
    """Work that tells what it took in its process. Picklable."""

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
    """The program on a folder; killed with its workers once it has told of `most` photographs."""
    program = [sys.executable, "-m", "underdrawing.cli", "bulk", "protect", str(source), "-o", str(target)]
    command = [*program, "--seed", _SEED, "--jobs", str(processes), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as running:
        for number, _ in enumerate(running.stdout or (), 1):
            if number == most:
                os.killpg(running.pid, signal.SIGKILL)


def _files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def draw(rows: list[dict[str, Any]]) -> bytes:
    """A PNG of photographs a second over processes, beside the straight line through the first."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.4), layout="constrained")
    processes = [row["processes"] for row in rows]
    line = [rows[0]["per_second"] * number / processes[0] for number in processes]
    bound = [1000 * row["processes"] * row["busy"] / row["processor_ms"] for row in rows]
    axes.plot(processes, bound, "o-", label="by processor time and idle time")
    axes.plot(processes, [row["per_second"] for row in rows], "s-", label="by the clock")
    axes.plot(processes, line, ":", color="gray", label="straight line")
    axes.set(xlabel="processes", ylabel="photographs a second", xticks=processes, ylim=(0, None))
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    return buffer.getvalue()


def main(argv: list[str] | None = None) -> None:
    """Measure one part and merge it into the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=["scaling", "killed"])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--side", type=int, default=256, help="of the photographs, px")
    parser.add_argument("--jobs", type=int, default=2, help="processes, at most")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--plot", type=Path, help="where the plot goes, PNG")
    chosen = parser.parse_args(argv)
    load = os.getloadavg()[0]
    if chosen.part == "scaling":
        rows = [scaling(chosen.photos, chosen.side, number) for number in range(1, chosen.jobs + 1)]
        measured: Any = {"side_px": chosen.side, "rows": efficiency(rows)}
        if chosen.plot is not None:
            chosen.plot.write_bytes(draw(rows))
    else:
        measured = killed(chosen.photos, chosen.side, chosen.jobs, chosen.kills)
    path = chosen.results / "bulk.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    told = conditions(Protocol("bulk")) | {"load_before": round(load, 2)}
    known[chosen.part] = measured | {"conditions": told}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, known)
    sys.stdout.write(json.dumps({chosen.part: known[chosen.part]}) + "\n")


if __name__ == "__main__":
    main()
