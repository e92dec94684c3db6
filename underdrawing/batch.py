"""Many files, one after the other or in several processes: one bad file never stops the rest.

Work is a function of one Job that returns the JSON object to print. Whatever goes wrong with one file comes
back as {"file": ..., "status": "error", "message": ...}, and the batch goes on.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from underdrawing.core.errors import OutputError, PictureError, UnderdrawingError
from underdrawing.data.files import PICTURE_SUFFIXES, find_pictures


@dataclass(frozen=True)
class Job:
    """One file to work on."""

    path: Path
    target: Path | None = None
    """Where its result goes: a file for protect, folder and stem for verify; None writes nothing."""
    problem: str | None = None
    """Why there is nothing to do: the message to report for it."""


_AHEAD = 16  # jobs a process that are handed out: nobody waits, and what is not begun is not in memory
Result = dict[str, Any]
Work = Callable[[Job], Result]


def collect(paths: Sequence[str]) -> list[tuple[Path, Path]]:
    """All pictures below `paths`, each once, as (path, place relative to the argument it came from).

    An argument that names nothing is kept, as it is, so that reading it gives its error in its turn.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            for entry in find_pictures([path]):
                found.setdefault(entry.path, entry.relative)
        except PictureError:
            found.setdefault(Path(path), Path(Path(path).name))
    return list(found.items())


def output_jobs(paths: Sequence[str], output: Path, *, overwrite: bool) -> list[Job]:
    """Jobs that write one picture each: `output` is a file for one input file, a folder otherwise."""
    found = collect(paths)
    one_file = len(found) == 1 and len(paths) == 1 and not Path(paths[0]).is_dir()
    if one_file and output.suffix.lower() in PICTURE_SUFFIXES and not output.is_dir():
        targets = [output]
    else:
        targets = [output / relative for _, relative in found]
    seen = Counter(targets)
    jobs = []
    for (path, _), target in zip(found, targets, strict=True):
        problem = None
        if seen[target] > 1:
            problem = f"{target}: several inputs would be written there; protect their folders one by one"
        elif target.exists() and path.exists() and target.samefile(path) and not overwrite:
            problem = f"{target}: is the input itself; choose another output, or ask for it with --force"
        jobs.append(Job(path, target, problem))
    return jobs


def finding_jobs(paths: Sequence[str], output: Path | None) -> list[Job]:
    """Jobs that lay down findings: targets are folder / stem, with the suffix kept where stems collide."""
    found = collect(paths)
    if output is None:
        return [Job(path) for path, _ in found]
    seen = Counter(relative.with_suffix("") for _, relative in found)
    jobs = []
    for path, relative in found:
        stem = relative.with_suffix("")
        jobs.append(Job(path, output / (stem if seen[stem] == 1 else relative)))
    return jobs


def run(jobs: Sequence[Job], work: Work, processes: int = 1) -> Iterator[Result]:
    """The results in the jobs' order. More than one process needs a `work` that can be pickled."""
    if processes <= 1 or len(jobs) <= 1:
        yield from map(partial(attempt, work), jobs)
        return
    early: dict[int, Result] = {}
    place = 0
    for number, result in pooled(jobs, work, min(processes, len(jobs))):
        early[number] = result
        while place in early:
            yield early.pop(place)
            place += 1


def pooled(jobs: Iterable[Job], work: Work, processes: int) -> Iterator[tuple[int, Result]]:
    """Results as they come, each with its job's place, of `processes` processes besides this one.

    Jobs are taken as they are needed, so there may be millions. UnderdrawingError where a process is killed.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # Threads of torch and OpenCV do not survive a fork, and several pools of threads fight for the cores.
    inherited = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _prepare_process)
    begun: dict[Future[Result], int] = {}
    numbered = enumerate(jobs)
    try:
        while True:
            for number, job in islice(numbered, _AHEAD * processes - len(begun)):
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
        if inherited is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = inherited


def attempt(work: Work, job: Job) -> Result:
    """Work on one file; an error becomes its result."""
    try:
        if job.problem is not None:
            raise OutputError(job.problem)
        return work(job)
    except UnderdrawingError as error:
        message = str(error)
    except MemoryError:
        message = "not enough memory for this picture"
    except OSError as error:
        message = _reason(error)
    except Exception as error:  # a fault of ours in one file must not cost the others theirs
        message = f"internal error, please report it: {type(error).__name__}: {error}"
    name = str(job.path)
    mentioned = name in message or (job.target is not None and str(job.target) in message)
    return {"file": name, "status": "error", "message": message if mentioned else f"{name}: {message}"}


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"{error.filename or 'the output folder'}: the disk is full"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _prepare_process() -> None:
    import signal

    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches all; whoever works finishes its file

    cv2.setNumThreads(1)
