"""Hide in each picture a code of its own content, an identity and the owner's signature."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from underdrawing.commands import _flags
from underdrawing.commands._checks import check_inputs, read_password
from underdrawing.commands._output import run_batch
from underdrawing.core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Pictures, output, and all that goes into or with the mark."""
    _flags.add_paths(parser)
    _flags.add_system(parser)
    _flags.add_password_file(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="a folder, or a file for one picture"
    )
    parser.add_argument("--sign", metavar="OWNER.pem", help="sign with this private key")
    parser.add_argument("--identity", metavar="HEX", help="16 hex digits; drawn at random by default")
    _flags.add_protection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Protect every picture."""
    from underdrawing import batch

    password = read_password(arguments.password_file)
    check_inputs(arguments, "protect", password)
    jobs = batch.file_jobs(arguments.paths, Path(arguments.output), overwrite=arguments.force)
    if arguments.identity and len(jobs) > 1:
        raise UsageError("--identity names one picture; give one picture, or let identities be drawn")
    names = ("sign", "secret", "identity", "strength", "system", "registry", "facts", "credentials")
    names = (*names, "credentials_key", "manifests")
    options = {name: getattr(arguments, name) for name in names}
    work = partial(protect_file, password=password, overwrite=arguments.force, **options)
    return run_batch(arguments, jobs, work, sentence)


def protect_file(
    job: Any, *, sign: str | None, password: bytes | None, facts: str | None, **options: Any
) -> dict[str, Any]:
    """Protect the job's file into its target."""
    from underdrawing import api

    owner = None if sign is None else api.load_owner(sign, password)
    told = None if facts is None else api.load_facts(facts)
    chain, key = options.pop("credentials"), options.pop("credentials_key")
    if chain is not None:
        options["credentials"] = api.load_credentials(chain, key, password)
    return api.protect(job.path, job.target, sign=owner, facts=told, **options).to_json()


def sentence(result: dict[str, Any]) -> str:
    """A protected picture as text."""
    signed = f", signed by {result['signed_by']}" if result["signed_by"] else ", not signed"
    quality = f"{result['psnr_db']:.1f} dB, " if result["psnr_db"] is not None else ""
    identity = f"identity {result['identity']}" if result["identity"] else "no identity"
    return f"{result['file']} -> {result['output']}: {identity}{signed}, {quality}{result['seconds']} s"
