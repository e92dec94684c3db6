"""Find the registered photograph that each picture comes from, with what is known of it."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.commands._session import SessionFlags, checked_session, open_session

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result

EXAMPLES = (
    "underdrawing retrieve suspect.jpg --registry photos.db",
    "underdrawing retrieve incoming/ --registry photos.db --limit 1 --json",
)
EXIT_HELP = "0 found, 2 no sure match, 3 a file could not be read; the most severe one counts."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, the registry, and where originals and Content Credentials go."""
    _flags.add(parser, "paths", "--jobs", "--force", "--dry-run", "--system", "--secret", "--trust")
    _flags.add(parser, "--thorough")
    parser.add_argument("--registry", required=True, metavar="DB", help="where to look: a file or URL")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="folder for what was kept: original, Content Credentials"
    )
    _flags.add(parser, "--manifests", "--originals")
    parser.add_argument(
        "--limit",
        type=_flags.count(1000, "records"),
        default=5,
        metavar="N",
        help="so many records; 5 by default",
    )


def run(arguments: argparse.Namespace) -> int:
    """Search the registry for every picture."""
    from underdrawing.commands import _jobs

    plan = _jobs.stem_plan(arguments.paths, arguments.output)
    with checked_session(arguments, "verify") as flags:
        work = partial(retrieve_file, flags=flags, limit=arguments.limit, overwrite=arguments.force)
        return run_batch(arguments, plan, work, sentence)


def retrieve_file(job: Job, *, flags: SessionFlags, **options: Any) -> Result:
    """Search for the job's file; what is kept for the records goes to the job's target, if there is one.

    options: of Session.retrieve.
    """
    if job.target is not None:
        options |= {"output": job.target.parent, "stem": job.target.name}
    matches = open_session(flags).retrieve(job.source(), **options)
    status = "found" if matches and matches[0].sure else "not found"
    return {"file": job.name, "status": status, "matches": [match.to_json() for match in matches]}


def sentence(result: Result) -> str:
    """The records found for a picture as text, one below the other."""
    return "\n".join([f"{result['file']}: {result['status'].upper()}", *map(_match, result["matches"])])


def _match(match: dict[str, Any]) -> str:
    how = "by identity" if match["by"] == "identity" else f"alike {match['score']:.2f}"
    doubt = "" if match["sure"] else ", not sure"
    place = match["original"]["place"] or "-"
    facts = "; ".join(v if isinstance(v, str) else ", ".join(v) for v in match["facts"].values())
    lines = [f"  {how}{doubt}: record {match['number']}, {place}{': ' if facts else ''}{facts}"]
    credentials = match["credentials"]
    if credentials and credentials["state"] != "none":
        lines.append(f"    {credentials['message']}")
    lines += [f"    {match[name]}" for name in ("manifest", "kept_original") if match[name]]
    return "\n".join(lines)
