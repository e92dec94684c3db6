"""Say of each picture who protected it, whether and where it was altered, and what was there."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from underdrawing.commands import _flags
from underdrawing.commands._output import run_batch
from underdrawing.commands._session import SessionFlags, checked_session, open_session, takes_animations
from underdrawing.core.errors import UsageError

if TYPE_CHECKING:
    from underdrawing.batch import Job, Result

EXAMPLES = (
    "underdrawing verify suspect.jpg",
    "underdrawing verify incoming/ -o findings/ --registry photos.db",
    "underdrawing verify - --json < suspect.jpg",
    "underdrawing verify incoming/ --fail-on altered,error",
)
EXIT_HELP = """0 all intact; else that of the most severe status of a picture, in this order:
  3 error, 2 unprotected, 1 altered, 4 unvouched. Statuses that --fail-on leaves out count as 0.
  64 wrong usage, 130 interrupted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output, and where keys, facts and credentials are looked up."""
    _flags.add(parser, "paths", "--jobs", "--force", "--dry-run", "--system", "--secret", "--trust")
    _flags.add(parser, "--thorough", "--recover", "--fail-on")
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
    from underdrawing.commands import _jobs

    if arguments.pdf and arguments.output is None:
        raise UsageError("--pdf writes a file; say with -o where")
    with checked_session(arguments, "verify") as flags:
        work = partial(verify_file, flags=flags, overwrite=arguments.force, pdf=arguments.pdf)
        plan = _jobs.stem_plan(arguments.paths, arguments.output, animated=takes_animations(arguments))
        return run_batch(arguments, plan, work, partial(sentence, verbose=arguments.verbose))


def verify_file(job: Job, *, flags: SessionFlags, **options: Any) -> Result:
    """Verify the job's file; the files of its report go to the job's target, if any, where they replace those
    of an earlier report on the same file. options: of Session.verify."""
    from underdrawing.commands import _findings

    if job.target is None:
        return open_session(flags).verify(job.source(), **options).to_json()
    source = job.source()
    earlier = _findings.earlier(job.target, job.name, source)
    options["overwrite"] |= bool(earlier)
    output = {"output": job.target.parent, "stem": job.target.name}
    report = open_session(flags).verify(source, **output, **options)
    _findings.remove_stale(earlier, (report.written or {}).values())
    return report.to_json()


def sentence(result: Result, verbose: bool = False) -> str:
    """A verdict as text: what the picture holds, who vouches for it, its record, its Content Credentials, the
    report. verbose: with identity and key, every witness, the hash of the file."""
    from underdrawing.report import witnesses

    lines = [f"{result['file']}: {result['status'].upper()}: {result['message']}"]
    if vouched := witnesses.sentence(result):
        lines.append(f"  {vouched}")
    if facts := witnesses.recorded(result):
        lines.append(f"  recorded by the protector: {facts}")
    if verbose:
        lines += _details(result)
    if result["record"]:
        lines.append(f"  {_record(result['record'])}")
    credentials = result["credentials"]
    if credentials and (credentials["recovered"] or credentials["state"] not in ("none", "unread")):
        lines.append(f"  {credentials['message']}")
    if result["html"]:
        lines.append(f"  {result['html']}")
    return "\n".join(lines)


def _record(record: dict[str, Any]) -> str:
    if not record["proven"]:
        return f"record of {record['registered']}: not proven for this picture, its facts are not shown"
    facts = "; ".join(v if isinstance(v, str) else ", ".join(v) for v in record["facts"].values())
    width, height = record["size"]
    owner = f", by the owner of key {record['owner']['fingerprint']}" if record["owner"] else ""
    return f"registered {record['registered']}, {width}x{height}{owner}{f': {facts}' if facts else ''}"


def _details(result: Result) -> list[str]:
    signature, assurance = result["signature"], result["assurance"] or {"witnesses": []}
    lines = [
        f"identity {result['identity'] or '-'}, signature {signature['state']}, key {signature['key'] or '-'}"
    ]
    lines += [f"{w['name']}: {w['state']}; {w['message']}" for w in assurance["witnesses"]]
    lines.append(f"SHA-256 {result['sha256'] or '-'}, {result['seconds']} s")
    return [f"  {line}" for line in lines]
