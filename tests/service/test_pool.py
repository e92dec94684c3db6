"""Worker processes: what is refused, what a crash costs, and what is replaced."""

import asyncio
import os
import threading
import time
from functools import partial
from multiprocessing import active_children
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from conftest import wait_for
from stand_in_tasks import order, prepare, prepare_badly

from underdrawing.service.pool import BusyError, Limits, Pool, TaskError

LIMITS = {"workers": 1, "queue": 1, "task_seconds": 30.0, "tasks_per_worker": 0, "worker_mb": 0}


@pytest.fixture
def attempt(tmp_path):
    """Run a coroutine function of a started pool and of a function that makes tasks; its result."""

    def run(scenario, prepare=prepare, **limits):
        counted = []

        def task(words: str) -> dict:
            path = tmp_path / f"{time.monotonic_ns()}.png"
            path.write_bytes(order(words))
            return {"picture": str(path), "name": None}

        async def go():
            pool = Pool(prepare, Limits(**LIMITS | limits), counted.append)
            pool.start()
            try:
                return await asyncio.wait_for(scenario(pool, task), 100)
            finally:
                await pool.close()

        return asyncio.run(go()), counted

    return run


def pid(done: dict) -> int:
    return done["report"]["details"]["pid"]


def test_more_than_the_queue_holds_is_refused_at_once(attempt):
    async def scenario(pool, task):
        taken = [asyncio.ensure_future(pool.run(task("sleep 1"))) for _ in range(2)]
        await asyncio.sleep(0)
        assert pool.admitted == 2
        start = time.monotonic()
        with pytest.raises(BusyError) as refusal:
            await pool.run(task("answer"))
        assert time.monotonic() - start < 0.5 and refusal.value.seconds > 0
        await asyncio.gather(*taken)
        assert pool.admitted == 0
        return await pool.run(task("answer"))

    done, _ = attempt(scenario)
    assert done["report"]["status"] == "intact"


def test_a_crash_costs_its_own_job_only(attempt):
    async def scenario(pool, task):
        before = pid(await pool.run(task("answer")))
        dying = asyncio.ensure_future(pool.run(task("die")))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(pool.run(task("answer")))
        with pytest.raises(TaskError) as failure:
            await dying
        return before, failure.value.kind, pid(await waiting)

    (before, kind, after), counted = attempt(scenario)
    assert kind == "crash" and counted == ["crash"] and after != before


def test_a_job_that_takes_too_long_is_ended(attempt):
    async def scenario(pool, task):
        before = pid(await pool.run(task("answer")))
        start = time.monotonic()
        with pytest.raises(TaskError) as failure:
            await pool.run(task("sleep 60"))
        assert time.monotonic() - start < 20
        after = pid(await pool.run(task("answer")))
        return before, failure.value, after

    (before, failure, after), _ = attempt(scenario, task_seconds=1.0)
    assert failure.kind == "time" and "1 s" in str(failure) and after != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_a_process_does_so_many_jobs(attempt):
    async def scenario(pool, task):
        return [pid(await pool.run(task("answer"))) for _ in range(4)]

    pids, _ = attempt(scenario, tasks_per_worker=2)
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_pool_that_closes_while_a_process_starts_leaves_none(attempt, monkeypatch):
    start, entered = SpawnProcess.start, threading.Event()

    def slowly(process):
        entered.set()
        time.sleep(0.5)
        start(process)

    async def scenario(pool, task):
        assert await asyncio.to_thread(entered.wait, 30)

    before = set(active_children())
    monkeypatch.setattr(SpawnProcess, "start", slowly)
    attempt(scenario)
    assert not set(active_children()) - before


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("refuse", "PictureError", "not to my taste"),
        ("break", "fault", "secret-detail"),
        ("eat 8000000000", "memory", "memory"),
    ],
)
def test_errors_come_back_and_the_process_stays(attempt, words, kind, text):
    async def scenario(pool, task):
        before = pid(await pool.run(task("answer")))
        with pytest.raises(TaskError, match=text) as failure:
            await pool.run(task(words))
        assert pid(await pool.run(task("answer"))) == before
        return failure.value.kind

    assert attempt(scenario, worker_mb=2048)[0] == kind


def test_a_worker_that_cannot_start_is_tried_again(attempt, tmp_path, monkeypatch):
    monkeypatch.setattr("underdrawing.service.pool._PAUSE_SECONDS", 0.1)

    async def scenario(pool, task):
        assert pool.ready == 0
        await pool.run(task("answer"))
        return pool.ready

    ready, counted = attempt(scenario, partial(prepare_badly, str(tmp_path / "tried")))
    assert ready == 1 and counted == ["start"]


def test_a_caller_that_leaves_does_not_take_the_worker(attempt):
    async def scenario(pool, task):
        await pool.run(task("answer"))
        leaving = asyncio.ensure_future(pool.run(task("sleep 1")))
        await asyncio.sleep(0.2)
        leaving.cancel()
        assert pool.admitted == 1
        return await pool.run(task("answer"))

    assert attempt(scenario)[0]["report"]["present"]


def test_closing_ends_processes_at_work(tmp_path):
    log = tmp_path / "processes"
    picture = tmp_path / "x.png"
    picture.write_bytes(order("sleep 60"))

    async def go():
        pool = Pool(partial(prepare, str(log)), Limits(**LIMITS), lambda _: None)
        pool.start()
        work = asyncio.ensure_future(pool.run({"picture": str(picture), "name": None}))
        while not pool.ready:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        await pool.close()
        with pytest.raises((TaskError, asyncio.CancelledError)):
            await work

    start = time.monotonic()
    asyncio.run(go())
    assert time.monotonic() - start < 40
    (made,) = log.read_text().split()
    wait_for(lambda: not Path(f"/proc/{made}").exists(), 10)
