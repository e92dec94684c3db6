"""Batches of files, in one process or several: an error in one file becomes its result, and the rest go on.

The work of a batch is a function of one Job that returns the JSON object to print. Its errors come back as
{"file": ..., "status": "error", "message": ...}.
"""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from underdrawing.core.errors import (
    MissingExtraError,
    OutputError,
    PictureError,
    UnderdrawingError,
    is_out_of_memory,
)
from underdrawing.data.pictures import MAX_FILE_BYTES

_USER = re.compile(r"^([^/]*://)[^/@]*@")
"""User name and password in a URL."""


@dataclass(frozen=True)
class Job:
    """One file to work on."""

    path: Path
    target: Path | None = None
    """Where results are written: a file, or a folder with the stem of file names; None: nowhere."""
    problem: str | None = None
    """Error message of a job that cannot be done."""
    url: str | None = None
    """Where the picture is read from, if not from `path`."""
    data: bytes | None = None
    """The picture's file itself, if it came from stdin."""

    @property
    def name(self) -> str:
        """What results and messages call the picture; of a URL without user name and password."""
        return str(self.path) if self.url is None else _USER.sub(r"\1", self.url)

    def source(self) -> Path | BinaryIO:
        """The picture for a Session. PictureError, MissingExtraError where its URL cannot be read."""
        if self.data is not None:
            return _NamedBytes(self.data, self.name)
        return self.path if self.url is None else _NamedBytes(_download(self.url, self.name), self.name)


class _NamedBytes(io.BytesIO):
    def __init__(self, data: bytes, name: str):
        super().__init__(data)
        self.name = name


def _download(url: str, name: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(url, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (ImportError, ValueError) as error:  # an unknown protocol, or its package is missing
        reason = str(error).replace(url, name)
        raise MissingExtraError(f"{name}: fsspec cannot open it ({reason})") from error
    except Exception as error:  # every file system of fsspec has its own errors
        reason = str(error).replace(url, name) or type(error).__name__
        raise PictureError(f"{name}: cannot be read ({reason})") from error
    if len(data) > MAX_FILE_BYTES:
        raise PictureError(f"{name}: larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


_QUEUED_PER_PROCESS = 16  # enough that no process waits; jobs beyond these are not in memory
Result = dict[str, Any]
Work = Callable[[Job], Result]


def run(jobs: Sequence[Job], work: Work, processes: int = 1) -> Iterator[Result]:
    """Results in the order of the jobs. With more than one process, `work` has to be picklable."""
    if processes <= 1 or len(jobs) <= 1:
        yield from map(partial(attempt, work), jobs)
        return
    waiting: dict[int, Result] = {}
    following = 0
    for number, result in pooled(jobs, work, min(processes, len(jobs))):
        waiting[number] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def pooled(jobs: Iterable[Job], work: Work, processes: int) -> Iterator[tuple[int, Result]]:
    """Results of `processes` child processes as they come, each with the number of its job.

    Jobs are drawn from the iterable when a process can take them, so their number is not limited.
    UnderdrawingError where a process is killed.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    begun: dict[Future[Result], int] = {}
    numbered = enumerate(jobs)
    with _one_thread_per_process():
        # Spawned, since the threads of torch and OpenCV do not survive a fork.
        pool = ProcessPoolExecutor(processes, get_context("spawn"), _prepare_process)
        try:
            while True:
                for number, job in islice(numbered, _QUEUED_PER_PROCESS * processes - len(begun)):
                    begun[pool.submit(attempt, work, job)] = number
                if not begun:
                    return
                for future in wait(begun, return_when=FIRST_COMPLETED).done:
                    yield begun.pop(future), future.result()
        except BrokenProcessPool as error:
            raise UnderdrawingError(
                "a process was killed, perhaps for want of memory; the rest is not done"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_per_process() -> Iterator[None]:
    """Limit OpenMP in child processes that start meanwhile: several thread pools compete for the cores."""
    inherited = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if inherited is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = inherited


def attempt(work: Work, job: Job) -> Result:
    """The result of one job; an exception is converted to an error result."""
    try:
        if job.problem is not None:
            raise OutputError(job.problem)
        return work(job)
    except UnderdrawingError as error:
        message = str(error)
    except OSError as error:
        message = _reason(error)
    except Exception as error:  # a bug that one file triggers must not stop the others
        fault = f"internal error, please report it: {type(error).__name__}: {error}"
        message = "not enough memory for this picture" if is_out_of_memory(error) else fault
    name = job.name
    named = name in message or (job.target is not None and str(job.target) in message)
    return {"file": name, "status": "error", "message": message if named else f"{name}: {message}"}


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"{error.filename or 'the output folder'}: the disk is full"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _prepare_process() -> None:
    import signal

    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches every process; each finishes its file
    cv2.setNumThreads(1)
