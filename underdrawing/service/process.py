"""The main loop of a worker process: prepare once, then answer tasks from a pipe until it closes.

Every error becomes a TaskResult, except those that end the process; the pool notices these.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from underdrawing.core.errors import UnderdrawingError, is_out_of_memory
from underdrawing.service.settings import Settings

Task = dict[str, Any]
Prepare = Callable[[], Callable[[Task], Any]]
"""Returns the function that does one task. Both must be picklable."""


class TaskResult(NamedTuple):
    """What a process sends back."""

    kind: str
    """done; the name of a class of core.errors; memory, time, crash; or fault, an error in our code."""
    content: Any
    """Of done: the value that the task returned. Otherwise the message."""


def prepare(settings: Settings) -> Callable[[Task], Any]:
    """`tasks.prepare`, imported in the worker process only: the server process itself decodes no picture."""
    from underdrawing.service import tasks

    return tasks.prepare(settings)


def run_process(pipe: Connection, prepare: Prepare, memory_mb: int) -> None:
    """Answer tasks until the pipe closes. memory_mb: limit of the address space, MiB; 0 for none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches every process; the server stops its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["OMP_NUM_THREADS"] = "1"  # several thread pools would compete for the cores
    _limit_memory(memory_mb)
    result, run_task = _attempt(prepare)
    if run_task is None:
        pipe.send(result)
        return
    pipe.send(TaskResult("done", None))
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        result, content = _attempt(partial(run_task, task))
        pipe.send(result._replace(content=content) if result.kind == "done" else result)


def _attempt(function: Callable[[], Any]) -> tuple[TaskResult, Any]:
    try:
        return TaskResult("done", None), function()
    except UnderdrawingError as error:
        return TaskResult(type(error).__name__, str(error)), None
    except Exception as error:  # an error in our code must not stop the worker for other pictures
        if is_out_of_memory(error):
            return TaskResult("memory", "not enough memory for this picture"), None
        return TaskResult("fault", traceback.format_exc()), None


def _limit_memory(memory_mb: int) -> None:
    if not memory_mb:
        return
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = memory_mb << 20
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
