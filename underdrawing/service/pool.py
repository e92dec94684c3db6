"""Worker processes behind a short queue: a task runs, waits for a worker, or is refused at once.

    run(task) --> admitted? --> idle worker --> pipe --> process --> TaskResult
                  else Busy       too slow: killed, dead: replaced; only this task fails

By default the queue is shorter than the number of workers: an admitted task waits for one other at most.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from underdrawing.service.process import Prepare, TaskResult, run_process

_LOG = logging.getLogger("underdrawing.service")
_START_SECONDS = 180.0
_PAUSE_SECONDS = 5.0  # between attempts to start a worker
_SPAWN = get_context("spawn")  # threads of torch and OpenCV do not survive a fork


class BusyError(Exception):
    """The queue is full; `seconds` is the estimated time until it is not."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no place in the queue; one may be free in {seconds:.0f} s")
        self.seconds = seconds


class TaskError(Exception):
    """A task that failed. kind: as in TaskResult."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Limits:
    """Sizes and limits of a pool."""

    workers: int
    queue: int
    """Tasks that may wait for a worker."""
    task_seconds: float
    tasks_per_worker: int
    """Tasks after which a process is replaced; 0: never."""
    worker_mb: int
    """Address space of a process in MiB; 0: not limited."""


class Pool:
    """Runs tasks in processes. `prepare` runs once in each; `count` gets the kind of every failure."""

    def __init__(self, prepare: Prepare, limits: Limits, count: Callable[[str], None]) -> None:
        self.limits = limits
        self._count = count
        self._workers = [_Worker(prepare, limits) for _ in range(limits.workers)]
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(limits.workers, "worker")
        self._background: set[asyncio.Task] = set()
        self._usual_seconds = 1.0
        self._closing = False
        self.admitted = 0
        """Tasks that run or wait."""

    @property
    def ready(self) -> int:
        """Number of workers that are up."""
        return sum(worker.ready for worker in self._workers)

    def check_room(self) -> None:
        """BusyError where a task would be refused now."""
        if self.admitted >= self.limits.workers + self.limits.queue:
            raise BusyError(self._usual_seconds * self.admitted / self.limits.workers)

    def start(self) -> None:
        """Start the processes without waiting for them; tasks wait for the first that is ready."""
        for worker in self._workers:
            self._spawn(self._restart(worker))

    async def run(self, task: dict[str, Any], seconds: float | None = None) -> Any:
        """The value that a task returns in a worker. seconds: its time limit, that of all if None. BusyError,
        TaskError."""
        self.check_room()
        self.admitted += 1
        running = self._spawn(self._run(task, seconds or self.limits.task_seconds))
        running.add_done_callback(self._leave)
        return await asyncio.shield(running)  # a cancelled request must not stop the worker

    async def close(self) -> None:
        """Stop all processes; running tasks are lost."""
        self._closing = True
        for task in self._background:
            task.cancel()
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _run(self, task: dict[str, Any], seconds: float) -> Any:
        worker = await self._idle.get()
        start = time.perf_counter()
        try:
            result = await self._in_thread(worker.call, task, seconds)
        finally:
            if worker.ready and not worker.worn:
                self._idle.put_nowait(worker)
            elif not self._closing:
                self._spawn(self._restart(worker))
        self._usual_seconds += 0.2 * (time.perf_counter() - start - self._usual_seconds)
        if result.kind != "done":
            self._count(result.kind)
            raise TaskError(result.kind, result.content)
        return result.content

    async def _restart(self, worker: _Worker) -> None:
        """Start a new process for a worker; try until it comes up."""
        while True:
            problem = await self._in_thread(worker.restart)
            if problem is None:
                break
            self._count("start")
            _LOG.error("worker did not start", extra={"fields": {"reason": problem}})
            await asyncio.sleep(_PAUSE_SECONDS)
        self._idle.put_nowait(worker)

    async def _in_thread(self, function: Callable, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _spawn(self, coroutine: Any) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _leave(self, task: asyncio.Task) -> None:
        self.admitted -= 1
        if not task.cancelled():
            task.exception()  # retrieved here in case the request was cancelled


class _Worker:
    """One process and its pipe. Used by one thread at a time, except for `stop`."""

    def __init__(self, prepare: Prepare, limits: Limits) -> None:
        self._prepare, self._limits = prepare, limits
        self._process: Any = None
        self._pipe: Connection | None = None
        self._done = 0
        self._stopped = False
        self._switching = threading.Lock()  # `stop` must not run while a process starts
        self.ready = False

    @property
    def worn(self) -> bool:
        """Whether the process has done its number of tasks."""
        return 0 < self._limits.tasks_per_worker <= self._done

    def restart(self) -> str | None:
        """Start a new process; None, or the reason why it does not come up."""
        self._kill()
        with self._switching:
            if self._stopped:
                return "the pool is closed"
            self._pipe, theirs = _SPAWN.Pipe()
            self._process = _SPAWN.Process(
                target=run_process, args=(theirs, self._prepare, self._limits.worker_mb), daemon=True
            )
            self._process.start()
        theirs.close()
        self._done = 0
        result = self._wait(_START_SECONDS)
        self.ready = result.kind == "done" and not self._stopped
        return None if self.ready else f"{result.kind}: {result.content}"

    def call(self, task: dict[str, Any], seconds: float) -> TaskResult:
        """Do a task in the process; a process that takes too long or dies is killed."""
        self._done += 1
        try:
            assert self._pipe is not None
            self._pipe.send(task)
        except OSError:
            result = TaskResult("crash", "its worker had died")
        else:
            result = self._wait(seconds)
        if result.kind in ("time", "crash"):
            self._kill()
        return result

    def stop(self) -> None:
        """End the process at once."""
        with self._switching:
            self._stopped = True
            self.ready = False
            if self._process is not None:
                self._process.kill()
                self._process.join()  # else it may outlive the pool for a moment

    def _wait(self, seconds: float) -> TaskResult:
        assert self._pipe is not None
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv()
            return TaskResult("time", f"not done within {seconds:.0f} s")
        except (EOFError, OSError):
            return TaskResult("crash", "the process died")

    def _kill(self) -> None:
        with self._switching:
            self.ready = False
            if self._process is not None:
                self._process.kill()
                self._process.join()
                self._process.close()
                self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
