"""What commands print: results on stdout, errors, progress and counts on stderr."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result, Work
    from underdrawing.commands._jobs import Plan

DONE, ALTERED, NOT_FOUND, FAILED, UNVOUCHED = 0, 1, 2, 3, 4
EXIT_CODES = {
    "protected": DONE, "intact": DONE, "found": DONE, "attacked": DONE, "planned": DONE,
"collected": DONE, "no face": DONE, "forged": DONE, "manipulated": DONE, "processed": DONE,
    "packed": DONE, "unpacked": DONE,
    "unvouched": UNVOUCHED, "altered": ALTERED,
    "unprotected": NOT_FOUND, "not found": NOT_FOUND, "unknown": FAILED, "salvaged": FAILED,
    "error": FAILED,
}  # fmt: skip
"""Exit code of a command by the status of a file; over several files that of the last one here counts."""
_BAR = 30
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def print_result(arguments: argparse.Namespace, result: dict[str, Any], text: str) -> None:
    """Print a result on stdout: as one line of JSON with --json, else as text. On stderr where stdout takes
    the picture."""
    stream = sys.stderr if getattr(arguments, "output", None) == "-" else sys.stdout
    print(json.dumps(result, allow_nan=False) if arguments.json else text, file=stream, flush=True)


def print_error(message: str) -> None:
    """Print a line on stderr."""
    print(message, file=sys.stderr, flush=True)


def run_batch(
    arguments: argparse.Namespace,
    plan: Plan,
    work: Work,
    sentence: Callable[[Result], str],
    warning: Callable[[Result], str | None] = lambda result: None,
    codes: Mapping[str, int] = EXIT_CODES,
) -> int:
    """Do the jobs in `arguments.jobs` processes and print each result in order; the exit code.

    sentence: text of a result without error. warning: line for stderr about it, if any. codes: as
    EXIT_CODES. With --dry-run the jobs are printed and not done.
    """
    from underdrawing import batch

    if not arguments.quiet and arguments.verbose:
        for path, reason in plan.skipped.items():
            print_error(f"underdrawing {arguments.command}: {path}: skipped ({reason})")
    if not plan.jobs:
        raise UsageError(f"no picture was found{_skipped(plan)}")
    if arguments.dry_run:
        results, sentence = batch.run(plan.jobs, _planned), _planned_sentence
    else:
        results = batch.run(plan.jobs, work, arguments.jobs)
    counts: Counter[str] = Counter()
    code = print_batch(arguments, _counted(results, counts), len(plan.jobs), sentence, warning, codes)
    if not arguments.quiet and (len(plan.jobs) > 1 or plan.skipped):
        listed = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        pictures = "1 picture" if len(plan.jobs) == 1 else f"{len(plan.jobs)} pictures"
        print_error(f"{pictures}: {listed}{_skipped(plan)}")
    return code


def print_batch(
    arguments: argparse.Namespace,
    results: Iterator[Result],
    total: int,
    sentence: Callable[[Result], str],
    warning: Callable[[Result], str | None] = lambda result: None,
    codes: Mapping[str, int] = EXIT_CODES,
) -> int:
    """Print each of `total` results as it comes, with progress on a terminal; the exit code.

    With --quiet errors alone are printed, and results only as JSON.
    """
    progress, start = sys.stderr.isatty() and not arguments.quiet, time.monotonic()
    severity, worst = list(codes), -1
    for number, result in enumerate(results, 1):
        if progress:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        failed, shown = result["status"] == "error", _on_one_line(result)
        if failed:
            print_error(f"underdrawing {arguments.command}: {shown['message']}")
        elif not arguments.quiet and (warned := warning(shown)):
            print_error(f"underdrawing {arguments.command}: {warned}")
        if arguments.json or (not failed and not arguments.quiet):
            text = "" if failed or arguments.json else sentence(shown)
            notes = (f"  note: {note}" for note in shown.get("notes") or ())
            print_result(arguments, result, "\n".join([text, *notes]))
        if progress and number < total:
            line = progress_line(number, total, time.monotonic() - start)
            print(line, end="", file=sys.stderr, flush=True)
        statuses = [result["status"]] if "counts" not in result else result["counts"]
        worst = max([worst, *(severity.index(status) for status in statuses if _counts(arguments, status))])
    return DONE if worst < 0 else codes[severity[worst]]


def _counts(arguments: argparse.Namespace, status: str) -> bool:
    """Whether the status of a file leads to an exit code; --fail-on may leave it out."""
    wanted = getattr(arguments, "fail_on", None)
    return wanted is None or status in wanted


def progress_line(done: int, total: int, seconds: float) -> str:
    """A bar with the time that is left, where the rest takes as long as what is done."""
    filled = _BAR * done // total
    left = round(seconds / done * (total - done))
    hours, minutes, rest = left // 3600, left // 60 % 60, left % 60
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {done}/{total}, {clock} left"


def _on_one_line(result: Result) -> Result:
    """A result in whose texts control characters are escapes: neither a file's name nor what a note quotes
    of it must look like a verdict."""
    shown = {name: _escaped(value) for name, value in result.items() if isinstance(value, str)}
    return result | shown | {"notes": [_escaped(note) for note in result.get("notes") or ()]}


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _counted(results: Iterator[Result], counts: Counter[str]) -> Iterator[Result]:
    for result in results:
        counts[result["status"]] += 1
        yield result


def _skipped(plan: Plan) -> str:
    return f"; {len(plan.skipped)} skipped (--verbose names them)" if plan.skipped else ""


def _planned(job: Job) -> Result:
    return {"file": job.name, "status": "planned", "output": None if job.target is None else str(job.target)}


def _planned_sentence(result: Result) -> str:
    return f"{result['file']} -> {result['output'] or 'nothing is written'}"
