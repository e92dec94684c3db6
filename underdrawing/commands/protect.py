"""Hide in each picture a code of its own content, an identity and the owner's signature."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.commands._session import (
    SessionFlags,
    check_label,
    checked_session,
    load_facts,
    open_session,
    takes_animations,
)
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result

EXAMPLES = (
    "underdrawing protect photo.jpg -o protected.jpg --sign owner.pem",
    "underdrawing protect photos/ -o protected/ --sign owner.pem --registry photos.db --jobs 2",
    "underdrawing protect - -o - --sign owner.pem < photo.jpg > protected.jpg",
    "underdrawing protect photos/ -o protected/ --dry-run",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output, and all that goes into or with the mark."""
    _flags.add(parser, "paths", "--jobs", "--force", "--dry-run", "--system", "--secret", "--password-file")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="a folder; a file or - (stdout) for one picture"
    )
    parser.add_argument("--sign", metavar="OWNER.pem", help="sign with this private key")
    parser.add_argument("--identity", metavar="HEX", help="16 hex digits; drawn at random by default")
    parser.add_argument("--caption", metavar="TEXT", help="of one picture; the mark records its hash")
    parser.add_argument(
        "--label", metavar="NAME", help="what is shown, for the mark: an ImageNet class, or auto (classifier)"
    )
    _flags.add(parser, *_flags.PROTECTION)


def run(arguments: argparse.Namespace) -> int:
    """Protect every picture."""
    from underdrawing.commands import _jobs

    facts = load_facts(arguments)
    with checked_session(arguments, "protect") as flags:
        moving = takes_animations(arguments)
        plan = _jobs.file_plan(arguments.paths, arguments.output, overwrite=arguments.force, animated=moving)
        if arguments.identity and len(plan.jobs) > 1:
            raise UsageError("--identity names one picture; give one picture, or let identities be drawn")
        if arguments.caption and len(plan.jobs) > 1:
            raise UsageError("--caption describes one picture; give one picture, or captions by --facts")
        options = {"identity": arguments.identity, "facts": facts, "overwrite": arguments.force}
        options |= {"caption": arguments.caption, "label": arguments.label}
        check_label(arguments.label)
        return run_batch(arguments, plan, partial(protect_file, flags=flags, **options), sentence, warning)


def protect_file(job: Job, *, flags: SessionFlags, **options: Any) -> Result:
    """Protect the job's file into its target, or to stdout. options: of Session.protect."""
    output = sys.stdout.buffer if job.target is None else job.target
    return open_session(flags).protect(job.source(), output, **options).to_json()


def warning(result: Result) -> str | None:
    """What to know about a picture that was protected before; None for others."""
    already = result.get("already")
    if already is None:
        return None
    signed = f", signed by key {already['signed_by']}..." if already["signed_by"] else ""
    return (
        f"{result['file']}: was protected already as {already['identity']}{signed}; the new protection takes "
        "the place of that one and names it"
    )


def sentence(result: Result) -> str:
    """A protected picture as text."""
    signed = f", signed by {result['signed_by']}" if result["signed_by"] else ", not signed"
    quality = f"{result['psnr_db']:.1f} dB, " if result["psnr_db"] is not None else ""
    identity = f"identity {result['identity']}" if result["identity"] else "no identity"
    output = result["output"] or "stdout"
    growth = f"file {result['growth']:.2f} times as large, " if result["growth"] is not None else ""
    return f"{result['file']} -> {output}: {identity}{signed}, {quality}{growth}{result['seconds']} s"
