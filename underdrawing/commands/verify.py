"""Say of each picture who protected it, whether and where it was altered, and what was there."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.commands._session import SessionFlags, checked_session, open_session
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output, and where keys, facts and credentials are looked up."""
    _flags.add(parser, "paths", "--jobs", "--force", "--system", "--secret", "--trust", "--thorough")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="folder for masks, recovered pictures and reports"
    )
    parser.add_argument(
        "--registry", metavar="DB", help="gives owners' keys, facts, and Content Credentials that were lost"
    )
    _flags.add(parser, "--manifests")
    parser.add_argument("--pdf", action="store_true", help="write NAME.report.pdf too, beside the HTML")


def run(arguments: argparse.Namespace) -> int:
    """Verify every picture."""
    from underdrawing import batch

    output = Path(arguments.output) if arguments.output else None
    if arguments.pdf and output is None:
        raise UsageError("--pdf writes a file; say with -o where")
    with checked_session(arguments, "verify") as flags:
        work = partial(verify_file, flags=flags, overwrite=arguments.force, pdf=arguments.pdf)
        return run_batch(arguments, batch.stem_jobs(arguments.paths, output), work, sentence)


def verify_file(job: Job, *, flags: SessionFlags, **options: Any) -> Result:
    """Verify the job's file; the files of its report go to the job's target, if any. options: of
    Session.verify."""
    if job.target is not None:
        options |= {"output": job.target.parent, "stem": job.target.name}
    return open_session(flags).verify(job.path, **options).to_json()


def sentence(result: Result) -> str:
    """A verdict as text: what the picture holds, who vouches for it, its Content Credentials, the report."""
    from underdrawing.report import witnesses

    lines = [f"{result['file']}: {result['status'].upper()}: {result['message']}"]
    if vouched := witnesses.sentence(result):
        lines.append(f"  {vouched}")
    credentials = result["credentials"]
    if credentials and (credentials["recovered"] or credentials["state"] not in ("none", "unread")):
        lines.append(f"  {credentials['message']}")
    if result["html"]:
        lines.append(f"  {result['html']}")
    return "\n".join(lines)
