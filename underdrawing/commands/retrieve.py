"""Find the registered photograph that each picture comes from, with what is known of it."""

from __future__ import annotations

import argparse
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from underdrawing.commands import _flags
from underdrawing.commands._checks import check_inputs
from underdrawing.commands._output import run_batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, the registry, and where Content Credentials go."""
    _flags.add_paths(parser)
    _flags.add_system(parser)
    _flags.add_trust(parser)
    parser.add_argument("--registry", required=True, metavar="DB", help="where to look: a file or URL")
    parser.add_argument("-o", "--output", metavar="OUT", help="folder for Content Credentials that were kept")
    _flags.add_manifests(parser)
    parser.add_argument(
        "--limit",
        type=_flags.count(1000, "records"),
        default=5,
        metavar="N",
        help="so many records; 5 by default",
    )


def run(arguments: argparse.Namespace) -> int:
    """Search the registry for every picture."""
    from underdrawing import batch

    check_inputs(arguments, "verify")
    jobs = batch.stem_jobs(arguments.paths, Path(arguments.output) if arguments.output else None)
    names = ("registry", "limit", "secret", "system", "manifests", "trust")
    options = {name: getattr(arguments, name) for name in names}
    return run_batch(arguments, jobs, partial(retrieve_file, overwrite=arguments.force, **options), sentence)


def retrieve_file(job: Any, *, registry: str, **options: Any) -> dict[str, Any]:
    """Search for the job's file; manifests of the records found go to the job's target, if any."""
    from underdrawing import api

    if job.target is not None:
        options |= {"output": job.target.parent, "stem": job.target.name}
    found = api.retrieve(job.path, _open(registry), **options)
    status = "found" if found and found[0].sure else "not found"
    return {"file": str(job.path), "status": status, "matches": [match.to_json() for match in found]}


@lru_cache(maxsize=1)
def _open(registry: str) -> Any:
    from underdrawing import api

    return api.open_registry(registry)


def sentence(result: dict[str, Any]) -> str:
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
    if match["manifest"]:
        lines.append(f"    {match['manifest']}")
    return "\n".join(lines)
