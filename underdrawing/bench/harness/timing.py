"""Medians of seconds and the peak of memory, in this process, on the threads that it was given."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from underdrawing.bench.harness.photographs import Photo
from underdrawing.bench.harness.run import Row
from underdrawing.bench.harness.subjects import Subject

LARGE = (4000, 3000)
"""(width, height) of the 12 megapixel picture."""


def speed_rows(subject: Subject, photo: Photo) -> list[Row]:
    """Protect, identify and verify at 512x512 (9 turns) and 12 MP (3), after one not counted."""
    small, _ = photo.square(512)
    large = np.asarray(Image.fromarray(photo.load()).resize(LARGE, Image.Resampling.LANCZOS))
    rows: list[Row] = []
    for label, image, turns in (("512", small, 9), ("12mp", large, 3)):
        protected = subject.protect(image)
        steps: dict[str, Callable[[], object]] = {
            "protect": lambda image=image: subject.protect(image),
            "identify": lambda protected=protected: subject.identify(protected),
            "verify": lambda protected=protected: subject.verify(protected),
        }
        for name, step in steps.items():
            seconds, peak = timed(step, turns)
            values = {"seconds": seconds} | ({} if peak is None else {"peak_mib": peak})
            rows.append((f"speed/{label}/{name}", values))
    return rows


def quick_rows(subject: Subject, photo: Photo, side: int, turns: int = 15) -> list[Row]:
    """Protect and verify at one size, after one turn that is not counted."""
    image, _ = photo.square(side)
    protected = subject.protect(image)
    steps = {"protect": lambda: subject.protect(image), "verify": lambda: subject.verify(protected)}
    return [
        (f"speed/{subject.name}/{name}", {"seconds": timed(step, turns)[0]}) for name, step in steps.items()
    ]


@dataclass
class Stopwatch:
    """Seconds of a `with` block."""

    clock: float = 0.0
    processor: float = 0.0
    """Of this process."""

    def __enter__(self) -> Stopwatch:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *raised: object) -> None:
        self.clock = time.perf_counter() - self._start[0]
        self.processor = time.process_time() - self._start[1]


def timed(step: Callable[[], object], turns: int) -> tuple[float, float | None]:
    """Median seconds of `turns` calls after one to warm up, and the peak resident MiB (Linux only)."""
    _reset_peak()
    step()
    seconds = []
    for _ in range(turns):
        with Stopwatch() as spent:
            step()
        seconds.append(spent.clock)
    return statistics.median(seconds), _peak_mib()


def observed(step: Callable[[], Any]) -> tuple[Any, Stopwatch, float | None]:
    """Result of one call, its seconds, and the peak resident MiB (Linux only)."""
    _reset_peak()
    with Stopwatch() as spent:
        result = step()
    return result, spent, _peak_mib()


def _reset_peak() -> None:
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")  # resets VmHWM


def _peak_mib() -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
