"""The pool of processes: jobs are taken as they are needed, and a process that dies is told."""

import itertools
import os
import signal
from pathlib import Path

import pytest

from underdrawing.batch import Job, pooled
from underdrawing.core.errors import PictureError, UnderdrawingError


def name_of(job: Job) -> dict:
    if job.path.name == "bad":
        raise PictureError("no picture")
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
    assert [result["file"] for result in first] == ["0", "1", "bad", "3", "4"]
    assert first[2]["status"] == "error" and first[0]["threads"] == "1"
    assert len(taken) < 60
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_killed_process_ends_the_batch_in_words():
    with pytest.raises(UnderdrawingError, match="a process was killed"):
        list(pooled([Job(Path("a")), Job(Path("deadly")), Job(Path("b"))], name_of, 1))
