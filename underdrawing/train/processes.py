"""Samples of a training made by a few processes, each with a part of the jobs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any


def run_jobs(work: Callable[[list], Any], jobs: list, workers: int = 2) -> None:
    """Call `work` with a part of the jobs in each of a few processes. RuntimeError where one fails."""
    context = multiprocessing.get_context("fork")  # photographs are shared, not copied
    runners = [context.Process(target=work, args=(jobs[w::workers],)) for w in range(workers)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    if any(runner.exitcode for runner in runners):
        raise RuntimeError("a process that makes training samples failed")
