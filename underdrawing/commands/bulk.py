"""Protect, verify, pack or unpack folders and shards of any size; run again after a kill, it goes on."""

from __future__ import annotations

import argparse
from typing import Any

from underdrawing.commands import _flags
from underdrawing.commands._output import print_batch, print_result
from underdrawing.commands._session import checked_session, load_facts, read_password
from underdrawing.core.errors import UsageError

EXAMPLES = (
    "underdrawing bulk protect photos/ -o protected/ --sign owner.pem --registry photos.db --jobs 8",
    "underdrawing bulk verify incoming/ -o findings/ --jobs 8",
    "underdrawing bulk pack photos/ -o archive/ --jobs 8",
    "underdrawing bulk unpack archive/ -o photos/ --jobs 8",
)
EXIT_HELP = "those of protect, verify and archive; --fail-on as there."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Places, engine, and the flags of protect, verify, archive pack and archive unpack."""
    _flags.add(parser, "--system", "--secret", "--trust", "--password-file")
    actions = ["protect", "verify", "pack", "unpack"]
    parser.add_argument("action", choices=actions, help="what to do with every picture")
    parser.add_argument("input", metavar="INPUT", help="folder of pictures and shards, or its URL")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="another folder, or its URL")
    parser.add_argument("--journal", metavar="FILE", help="what is done; OUT.journal by default")
    _flags.add(parser, "--jobs")
    parser.add_argument("--engine", choices=["processes", "ray"], default="processes", help="Ray: the extra")
    parser.add_argument("--seed", metavar="HEX", help="of the identities; drawn, and kept in the journal")
    parser.add_argument("--sign", metavar="OWNER.pem", help="protect: sign with this private key")
    _flags.add(parser, "--force", "--fail-on", *_flags.PROTECTION, *_flags.PACKING, "--salvage")


def run(arguments: argparse.Namespace) -> int:
    """Do all units that are left."""
    from underdrawing.bulk.on_ray import on_ray
    from underdrawing.bulk.run import BulkRun, in_processes

    settings = _settings(arguments)
    engine = on_ray if arguments.engine == "ray" else in_processes
    with BulkRun(settings, arguments.journal) as bulk:
        total, left, journal = len(bulk.names), bulk.left, bulk.journal.path
        code = print_batch(arguments, bulk.run(arguments.jobs, engine), left, sentence)
        summary = {"status": "finished", "units": total, "done before": total - left, "left": bulk.left}
        text = f"{total} units: {total - left} done before, {bulk.left} left; noted in {journal}"
        print_result(arguments, summary | {"journal": str(journal)}, text)
    return code


def _settings(arguments: argparse.Namespace) -> Any:
    """The settings of the flags, checked before the first unit."""
    from dataclasses import fields

    from underdrawing.bulk.settings import OF_ARCHIVES, BulkSettings

    if arguments.action in OF_ARCHIVES:
        given = {name: getattr(arguments, name) for name in OF_ARCHIVES[arguments.action]}
        return BulkSettings(**given, overwrite=arguments.force)
    load_facts(arguments)  # for its errors: every process loads its own
    with checked_session(arguments, arguments.action):
        names = {field.name for field in fields(BulkSettings)} - {"seed", "password", "overwrite"}
        options = {name: getattr(arguments, name) for name in names}
        options["focus"] = tuple(arguments.focus)
        options |= {"seed": _seed(arguments.seed), "password": read_password(arguments.password_file)}
        return BulkSettings(**options, overwrite=arguments.force)


def sentence(result: dict[str, Any]) -> str:
    """A unit as text: its pictures counted by status, and those that failed."""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(result["counts"].items()))
    line = f"{result['file']} -> {result['output']}: {counts or 'no picture'}"
    return "\n  ".join([line, *result["failed"]])


def _seed(text: str | None) -> str:
    try:
        return bytes.fromhex(text or "").hex()
    except ValueError as error:
        raise UsageError(f"expected a seed in hex digits, got {text!r}") from error
