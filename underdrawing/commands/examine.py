"""Examine pictures that nobody protected for signs of forgery: their faces, and the whole."""

from __future__ import annotations

import argparse
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from underdrawing.commands import _flags
from underdrawing.commands._output import ALTERED, DONE, FAILED, NOT_FOUND, run_batch

if TYPE_CHECKING:
    from underdrawing.api import Session
    from underdrawing.api.picture_text import TextSource
    from underdrawing.batch import Job, Result

EXAMPLES = (
    "underdrawing examine suspect.jpg",
    "underdrawing examine incoming/ -o examined/",
    "underdrawing examine suspect.jpg --text article.txt",
    "underdrawing examine incoming/ --text captions/ --describe",
    "underdrawing examine - --json < suspect.jpg",
)
EXIT_CODES = {"none": DONE, "planned": DONE, "unknown": NOT_FOUND, "signs": ALTERED, "error": FAILED}
EXIT_HELP = """0 no signs found, which proves nothing; else that of the most severe status, in this order:
  3 error, 1 signs of forgery, 2 cannot tell (also: no face). 64 wrong usage, 130 interrupted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures and output."""
    _flags.add(parser, "paths", "--jobs", "--force", "--dry-run")
    parser.add_argument("-o", "--output", metavar="OUT", help="folder for reports and maps")
    parser.add_argument(
        "--text",
        metavar="PATH",
        help="text about the pictures, UTF-8, for localizers that use one; or a folder with NAME.txt",
    )
    parser.add_argument(
        "--describe",
        action="store_true",
        help="where there is no text, give localizers what was found by classical methods, in words",
    )


def run(arguments: argparse.Namespace) -> int:
    """Examine every picture."""
    from underdrawing.commands import _jobs

    plan = _jobs.stem_plan(arguments.paths, arguments.output)
    work = partial(examine_file, overwrite=arguments.force, texts=_texts(arguments.text, arguments.describe))
    try:
        return run_batch(
            arguments, plan, work, partial(sentence, verbose=arguments.verbose), codes=EXIT_CODES
        )
    finally:
        _session.cache_clear()


def examine_file(job: Job, *, overwrite: bool, texts: TextSource | None = None) -> Result:
    """Examine the job's file; its report goes to the job's target, if any, and replaces an earlier one on the
    same file."""
    from underdrawing.commands import _findings

    source = job.source()
    if job.target is None:
        return _session().examine(source, text=texts).to_json()
    earlier = _findings.earlier(job.target, job.name, source, "examined")
    report = _session().examine(
        source,
        job.target.parent,
        stem=job.target.name,
        overwrite=overwrite or bool(earlier),
        text=texts,
    )
    _findings.remove_stale(earlier, (report.written or {}).values())
    return report.to_json()


def sentence(result: Result, verbose: bool = False) -> str:
    """A result as text. verbose: with every face, what each detector finds in it, and classical evidence."""
    lines = [f"{result['file']}: {result['status'].upper()}: {result['message']}"]
    for number, face in enumerate(result["faces"] if verbose else (), 1):
        left, top, width, height = (round(value) for value in face["box"])
        found = [
            f"{name} {'does not know such faces' if prob is None else f'{100 * prob:.0f} %'}"
            for name, prob in face["fake_prob"].items()
        ]
        lines.append(
            f"  face {number}, {width}x{height} at {left},{top}: {', '.join(found) or 'not examined'}"
        )
    for name, found in (result["evidence"] if verbose else {}).items():
        lines.append(f"  {name}: {found['sentence']}")
    if result["html"]:
        lines.append(f"  {result['html']}")
    return "\n".join(lines)


def _texts(path: str | None, describe: bool) -> TextSource | None:
    """UsageError for a text that cannot be read."""
    from pathlib import Path

    from underdrawing.api import picture_text

    sources: list[TextSource] = []
    if path is not None:
        folder = Path(path).is_dir()
        found = picture_text.Captions(Path(path)) if folder else picture_text.GivenText.read(Path(path))
        sources.append(found)
    if describe:
        sources.append(picture_text.FindingsText())
    return picture_text.FirstText(tuple(sources)) if sources else None


@lru_cache(maxsize=1)
def _session() -> Session:
    """The session of this process."""
    import os

    import cv2

    from underdrawing.api import Session

    cv2.setNumThreads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return Session()
