"""The inside of a worker process: prepare once, then do tasks from a pipe until it closes.

Whatever goes wrong becomes an answer, except what ends the process itself; that is seen by the pool.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from underdrawing.core.errors import UnderdrawingError

Task = dict[str, Any]
Prepare = Callable[[], Callable[[Task], Any]]
"""Loads what the work needs; gives the function of one task. Both have to be picklable."""


class TaskResult(NamedTuple):
    """What comes back from a process."""

    kind: str
    """done; the class of one of core.errors; memory, time, crash; or fault, which is ours."""
    content: Any
    """Of done: what the work returned. Otherwise the message."""


def run_process(pipe: Connection, prepare: Prepare, memory_mb: int) -> None:
    """Answer tasks until the pipe closes. memory_mb: limit of the address space, 0 for none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches all; the server decides who stops when
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["OMP_NUM_THREADS"] = "1"  # several pools of threads would fight for the cores
    _limit_memory(memory_mb)
    answer, work = _attempt(prepare)
    if work is None:
        pipe.send(answer)
        return
    pipe.send(TaskResult("done", None))
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        answer, content = _attempt(partial(work, task))
        pipe.send(answer._replace(content=content) if answer.kind == "done" else answer)


def _attempt(function: Callable[[], Any]) -> tuple[TaskResult, Any]:
    try:
        return TaskResult("done", None), function()
    except UnderdrawingError as error:
        return TaskResult(type(error).__name__, str(error)), None
    except MemoryError:
        return TaskResult("memory", "not enough memory for this picture"), None
    except Exception:  # a fault of ours in one picture must not end the others' worker
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
