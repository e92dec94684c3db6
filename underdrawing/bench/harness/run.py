"""Run a benchmark part by part, keep each part's result, and merge them into one file.

    run_bench("photo-core", subject, data, results)      results/photo-core.json, results/photo-core/PART.json

A part whose file is there is not run again unless `again` is set, so a stopped run goes on where it was.
"""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import cv2
import torch

from underdrawing.bench.harness.photographs import PhotoSets, hash_photos
from underdrawing.bench.harness.protocol import PHOTO_CORE, Protocol
from underdrawing.bench.harness.stats import Row, summarize
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.photo_core import Job, Part, photo_core
from underdrawing.core.errors import OutputError

Progress = Callable[[str, int, int], None]
"""Called with a part's name, photos done and photos in all."""


def run_bench(
    subject: Subject,
    data: Path,
    results: Path,
    *,
    protocol: Protocol = PHOTO_CORE,
    photos: int | None = None,
    only: Sequence[str] | None = None,
    options: RunOptions | None = None,
) -> dict:
    """Measure `subject` and write results/NAME.json; the merged table is returned.

    photos: at most so many of each set. only: names of parts, or their beginnings.
    PictureError where a set of photographs is missing below `data`; OutputError for an `only` without part.
    """
    parts = select_parts(photo_core(protocol), only)
    measure_parts(parts, subject, PhotoSets(data, photos), protocol, results, options or RunOptions())
    return merge(results, protocol.name)


class RunOptions:
    """How to run: `again` repeats finished parts, `workers` processes, `progress` is told what is done,
    `peers_python` is the Python of the peers' environment, `weights` a folder of trainings to compare."""

    def __init__(
        self,
        again: bool = False,
        workers: int = 1,
        progress: Progress | None = None,
        peers_python: str | None = None,
        weights: str | None = None,
    ) -> None:
        self.again, self.workers, self.peers_python, self.weights = again, workers, peers_python, weights
        self.progress = progress or (lambda part, done, total: None)


def select_parts(parts: dict[str, Part], only: Sequence[str] | None) -> list[Part]:
    """The parts whose names begin with one of `only`; all where it is None."""
    if not only:
        return list(parts.values())
    chosen = [part for name, part in parts.items() if any(name.startswith(start) for start in only)]
    if not chosen:
        raise OutputError(f"no part is called {', '.join(only)}; there are: {', '.join(parts)}")
    return chosen


def measure_parts(
    parts: Sequence[Part],
    subject: Subject,
    sets: PhotoSets,
    protocol: Protocol,
    results: Path,
    options: RunOptions,
) -> None:
    """Write results/PROTOCOL/PART.json for each part whose file is not there, or for all with `again`."""
    folder = results / protocol.name
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        path = folder / f"{part.name}.json"
        if options.again or not path.exists():
            write_table(path, run_part(part, subject, sets, protocol, options))


def run_part(part: Part, subject: Subject, sets: PhotoSets, protocol: Protocol, options: RunOptions) -> dict:
    """One part's result: figures, rows of each photo, and the conditions they hold under."""
    start, at = time.time(), conditions(protocol)  # before the run: the code may be worked on meanwhile
    jobs = part.jobs(sets, protocol, subject)
    rows, by_photo = [], []
    for done, (job, found) in enumerate(_measured(part, subject, protocol, jobs, options.workers), 1):
        rows += found
        by_photo.append({"photo": job.photo.name, "rows": _by_values(found)})
        options.progress(part.name, done, len(jobs))
    return {
        "part": part.name,
        "protocol": asdict(protocol),
        "conditions": at | {"load": os.getloadavg()[0], "workers": options.workers},
        "seconds": round(time.time() - start, 1),
        "photos": len(jobs),
        "strength": jobs[0].strength if jobs else None,
        "data_hash": hash_photos(job.photo for job in jobs),
        "subject": subject.name,
        "figures": summarize(rows),
        "rows": by_photo,
    }


_TASK: tuple = ()


def _measured(
    part: Part, subject: Subject, protocol: Protocol, jobs: list[Job], workers: int
) -> Iterator[tuple[Job, list[Row]]]:
    if workers <= 1 or len(jobs) < 2:
        for job in jobs:
            yield job, part.measure(subject, protocol, job)
        return
    global _TASK  # handed to the forked workers by memory: a system need not be picklable
    _TASK = (part, subject, protocol, jobs)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # before the fork, where there still are threads to be ended
    try:
        with multiprocessing.get_context("fork").Pool(workers, _begin_worker) as pool:
            for index, rows in enumerate(pool.imap(_measure_one, range(len(jobs)))):
                yield jobs[index], rows
    finally:
        cv2.setNumThreads(threads)


def _begin_worker() -> None:
    # a caller's own handler for SIGTERM would speak up in every worker when the pool is closed
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # threads that the parent has started do not live on in a fork: whoever waits for them waits for ever
    torch.set_num_threads(1)


def _measure_one(index: int) -> list[Row]:
    part, subject, protocol, jobs = _TASK
    return part.measure(subject, protocol, jobs[index])


def conditions(protocol: Protocol) -> dict:
    """Commit, date, device, seed and versions."""
    packages = ("underdrawing", "numpy", "torch", "pillow", "opencv-python-headless")
    return {
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": f"CPU, {os.cpu_count()} cores, {platform.machine()}",
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "python": platform.python_version(),
        "seed": protocol.seed,
        "versions": {name: version(name) for name in packages},
    }


def _commit() -> str:
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
        state = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", "."],
            cwd=here, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if state.strip() else "")


def merge(results: Path, name: str) -> dict:
    """Put the fragments of results/NAME together in results/NAME.json, conditions by part."""
    figures: dict[str, dict] = {}
    parts: dict[str, dict] = {}
    for path in sorted((results / name).glob("*.json")):
        fragment = json.loads(path.read_text(encoding="utf-8"))
        figures |= fragment["figures"]
        parts[fragment["part"]] = {
            key: fragment[key]
            for key in ("conditions", "seconds", "photos", "strength", "data_hash", "subject")
        }
        protocol = fragment["protocol"]
    merged = {"name": name, "protocol": protocol, "parts": parts, "figures": figures}
    write_table(results / f"{name}.json", merged)
    return merged


def write_table(path: Path, table: dict) -> None:
    """Write a result so that no half file stays."""
    fresh = path.with_suffix(".part")
    head = {name: value for name, value in table.items() if name != "rows" or not value}
    text = json.dumps(head, indent=1, sort_keys=True, default=float)
    if table.get("rows"):  # one a line: a photo's are most of a file
        lines = ",\n".join(json.dumps(row, sort_keys=True, default=float) for row in table["rows"])
        text = f'{text[:-2]},\n "rows": [\n{lines}\n ]\n}}'
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)


def _by_values(rows: Sequence[Row]) -> list[list]:
    """Places and their values to six digits: [place, ..., values] where several places share them."""
    found: list[list] = []
    last: object = None
    for place, values in rows:
        if values is last:
            found[-1].insert(-1, place)
        else:
            found.append([place, {name: _digits(value) for name, value in values.items()}])
        last = values
    return found


def _digits(value: object) -> object:
    return float(f"{value:.6g}") if isinstance(value, float) else value
