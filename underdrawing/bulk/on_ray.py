"""The engine on Ray Data: units are rows of a dataset, processed by the machines of a cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from underdrawing.batch import Job, Result, Work, attempt
from underdrawing.core.errors import MissingExtraError, UnderdrawingError

_MAX_BLOCKS = 10_000


def on_ray(jobs: Iterable[Job], work: Work, processes: int) -> Iterator[Result]:
    """Results of jobs in any order; see run.Engine.

    Joins the cluster at RAY_ADDRESS; without one, starts a cluster of `processes` on this machine.
    MissingExtraError without the extra "ray"; UnderdrawingError where the cluster fails.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError(f'the engine needs Ray ({error}): pip install "underdrawing[ray]"') from error
    rows = [{"name": job.path.as_posix()} for job in jobs]
    if not rows:
        return
    local = "RAY_ADDRESS" not in os.environ
    started = not ray.is_initialized()
    if started:
        options: dict[str, Any] = {"num_cpus": processes, "include_dashboard": False} if local else {}
        ray.init(log_to_driver=False, configure_logging=False, **options)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        data = ray.data.from_items(rows, override_num_blocks=min(len(rows), _MAX_BLOCKS))
        for row in data.map(lambda row: _row(work, row), num_cpus=1).iter_rows():
            yield json.loads(row["result"])
    except ray.exceptions.RayError as error:
        reason = str(error).splitlines()[0]
        raise UnderdrawingError(f"Ray stopped the run ({reason}); the rest is not done") from error
    finally:
        if started:
            ray.shutdown()


def _row(work: Work, row: dict[str, Any]) -> dict[str, str]:
    return {"result": json.dumps(attempt(work, Job(Path(row["name"]))))}
