"""Make an Ed25519 key pair; the public half joins the trust store."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result
from underdrawing.commands._session import read_password
from underdrawing.core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files of the keys."""
    _flags.add(parser, "--trust", "--password-file")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OWNER.pem", help="where the private key goes"
    )
    _flags.add(parser, "--name")


def run(arguments: argparse.Namespace) -> int:
    """Write the private key and add the public one to the trust store."""
    from underdrawing import api
    from underdrawing.coding.keys import Owner

    path = Path(arguments.output)
    if path.exists():
        raise UsageError(f"{path}: exists already; a key file is never overwritten")
    owner = Owner.create()
    public = api.add_trusted(owner.public, arguments.name or path.stem, arguments.trust)
    path.parent.mkdir(parents=True, exist_ok=True)
    owner.save(path, read_password(arguments.password_file))
    fingerprint = owner.public.fingerprint
    result = {"file": str(path), "status": "created", "key": fingerprint, "public": str(public)}
    text = (
        f"{path}: new key {fingerprint}; keep this file to yourself\n"
        f"{public}: its public half; give it to those who verify"
    )
    print_result(arguments, result, text)
    return DONE
