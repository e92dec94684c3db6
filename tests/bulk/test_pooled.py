"""The pool of processes: jobs are taken as they are needed, and a process that dies is reported."""

import itertools
import os
import signal
import time
from pathlib import Path

import pytest

from underdrawing.batch import Job, pooled, run
from underdrawing.core.errors import PictureError, UnderdrawingError


def name_of(job: Job) -> dict:
    if job.path.name == "bad":
        raise PictureError("no picture")
    if job.path.name == "slow":
        while not job.path.with_name("go").exists():
            time.sleep(0.05)
    if job.path.name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"file": str(job.path), "status": "done", "threads": os.environ["OMP_NUM_THREADS"]}


def test_endless_jobs_are_taken_as_needed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    taken = []

    def jobs():
        for number in itertools.count():
            taken.append(number)
            yield Job(Path("bad" if number == 2 else str(number)))

    results = pooled(jobs(), name_of, 2)
    first = list(itertools.islice(results, 5))
    results.close()
    assert {result["file"] for _, result in first} <= set(map(str, range(60))) | {"bad"}
    for number, result in first:
        assert result["file"] == ("bad" if number == 2 else str(number))
        assert result["status"] == ("error" if number == 2 else "done")
        assert number == 2 or result["threads"] == "1"
    assert len(taken) < 60
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_slow_job_holds_up_nobody_and_a_batch_keeps_its_order(tmp_path):
    jobs = [Job(tmp_path / name) for name in ("slow", "bad", "1", "2")]
    order = []
    for number, _ in pooled(jobs, name_of, 2):
        order.append(number)
        if len(order) == 3:
            (tmp_path / "go").touch()
    assert order[3] == 0 and set(order) == {0, 1, 2, 3}
    assert [Path(result["file"]).name for result in run(jobs, name_of, 2)] == ["slow", "bad", "1", "2"]


def test_killed_process_ends_the_batch_in_words():
    with pytest.raises(UnderdrawingError, match="a process was killed"):
        list(pooled([Job(Path("a")), Job(Path("deadly")), Job(Path("b"))], name_of, 1))
