"""What commands print: results on stdout, errors and progress on stderr."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result, Work

DONE, ALTERED, NOT_FOUND, FAILED, UNVOUCHED = 0, 1, 2, 3, 4
_SEVERITY = (DONE, UNVOUCHED, ALTERED, NOT_FOUND, FAILED)
EXIT_CODES = {
    "protected": DONE, "intact": DONE, "found": DONE, "attacked": DONE, "altered": ALTERED,
    "unvouched": UNVOUCHED,
    "unprotected": NOT_FOUND, "not found": NOT_FOUND, "unknown": FAILED, "error": FAILED,
}  # fmt: skip
"""Exit code of a command by the status of a file; over several files the most severe one counts."""


def print_result(arguments: argparse.Namespace, result: dict[str, Any], text: str) -> None:
    """Print a result on stdout: as one line of JSON with --json, else as text."""
    print(json.dumps(result, allow_nan=False) if arguments.json else text, flush=True)


def print_error(message: str) -> None:
    """Print a line on stderr."""
    print(message, file=sys.stderr, flush=True)


def run_batch(
    arguments: argparse.Namespace,
    jobs: Sequence[Job],
    work: Work,
    sentence: Callable[[Result], str],
    warning: Callable[[Result], str | None] = lambda result: None,
) -> int:
    """Do the jobs in `arguments.jobs` processes and print each result in order; the exit code.

    sentence: text of a result without error. warning: line for stderr about it, if any.
    """
    from underdrawing import batch

    if not jobs:
        raise UsageError("no picture was found")
    return print_batch(arguments, batch.run(jobs, work, arguments.jobs), len(jobs), sentence, warning)


def print_batch(
    arguments: argparse.Namespace,
    results: Iterator[Result],
    total: int,
    sentence: Callable[[Result], str],
    warning: Callable[[Result], str | None] = lambda result: None,
) -> int:
    """Print each of `total` results as it comes, with a progress bar on a terminal; the exit code."""
    terminal, code = sys.stderr.isatty(), DONE
    for number, result in enumerate(results, 1):
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        failed = result["status"] == "error"
        if failed:
            print_error(f"underdrawing {arguments.command}: {result['message']}")
        elif warned := warning(result):
            print_error(f"underdrawing {arguments.command}: {warned}")
        if arguments.json or not failed:
            print_result(arguments, result, result["message"] if failed else sentence(result))
        if terminal and number < total:
            filled = 30 * number // total
            bar = "#" * filled + "." * (30 - filled)
            print(f"[{bar}] {number}/{total}", end="", file=sys.stderr, flush=True)
        statuses = [result["status"]] if "counts" not in result else result["counts"]
        code = max(code, *(EXIT_CODES[status] for status in statuses), key=_SEVERITY.index)
    return code
