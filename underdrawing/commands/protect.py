"""Hide in each picture a code of its own content, an identity and the owner's signature."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.commands._session import SessionFlags, checked_session, load_facts, open_session
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output, and all that goes into or with the mark."""
    _flags.add(parser, "paths", "--jobs", "--force", "--system", "--secret", "--password-file")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="a folder, or a file for one picture"
    )
    parser.add_argument("--sign", metavar="OWNER.pem", help="sign with this private key")
    parser.add_argument("--identity", metavar="HEX", help="16 hex digits; drawn at random by default")
    _flags.add(parser, *_flags.PROTECTION)


def run(arguments: argparse.Namespace) -> int:
    """Protect every picture."""
    from underdrawing import batch

    facts = load_facts(arguments)
    with checked_session(arguments, "protect") as flags:
        jobs = batch.file_jobs(arguments.paths, Path(arguments.output), overwrite=arguments.force)
        if arguments.identity and len(jobs) > 1:
            raise UsageError("--identity names one picture; give one picture, or let identities be drawn")
        options = {"identity": arguments.identity, "facts": facts, "overwrite": arguments.force}
        return run_batch(arguments, jobs, partial(protect_file, flags=flags, **options), sentence, warning)


def protect_file(job: Job, *, flags: SessionFlags, **options: Any) -> Result:
    """Protect the job's file into its target. options: of Session.protect."""
    return open_session(flags).protect(job.path, job.target, **options).to_json()


def warning(result: Result) -> str | None:
    """What to know about a picture that was protected before; None for others."""
    already = result.get("already")
    if already is None:
        return None
    signed = f", signed by key {already['signed_by']}..." if already["signed_by"] else ""
    return (
        f"{result['file']}: was protected already as {already['identity']}{signed}; the new mark takes the "
        "place of that one and names it"
    )


def sentence(result: Result) -> str:
    """A protected picture as text."""
    signed = f", signed by {result['signed_by']}" if result["signed_by"] else ", not signed"
    quality = f"{result['psnr_db']:.1f} dB, " if result["psnr_db"] is not None else ""
    identity = f"identity {result['identity']}" if result["identity"] else "no identity"
    return f"{result['file']} -> {result['output']}: {identity}{signed}, {quality}{result['seconds']} s"
