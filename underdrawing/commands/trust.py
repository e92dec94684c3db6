"""Add public keys or certificates to the trust store; without a file, list those that are in it."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result

EXAMPLES = (
    "underdrawing trust",
    "underdrawing trust desk.pem --name 'photo desk'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The store, and files to add."""
    _flags.add(parser, "--trust")
    parser.add_argument("paths", nargs="*", metavar="FILE.pem", help="public keys, or certificates, to add")
    _flags.add(parser, "--name")


def run(arguments: argparse.Namespace) -> int:
    """Add the files and list the store."""
    from underdrawing import api
    from underdrawing.coding.keys import PublicKey

    for path in map(Path, arguments.paths):
        name = arguments.name or path.stem
        if api.holds_certificates(path):
            api.add_anchors(path, name, arguments.trust)
        else:
            api.add_trusted(PublicKey.load(path), name, arguments.trust)
    for name, public in api.trust_store(arguments.trust):
        key = public.fingerprint
        print_result(arguments, {"key": key, "name": name}, f"{key}  {name}")
    for name in api.trusted_anchors(arguments.trust):
        print_result(arguments, {"certificates": name, "name": name}, f"certificates      {name}")
    return DONE
