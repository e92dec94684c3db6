"""List the trust store, set it up or add keys and certificates to it; make certificates for trials."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result
from underdrawing.core.errors import UsageError

EXAMPLES = (
    "underdrawing trust",
    "underdrawing trust desk.pem --name 'photo desk'",
    "underdrawing trust init --with agency-root.pem",
    "underdrawing trust test-certificate -o certs/",
)
_TRIAL = "trial, not a real signer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action or files to add, the store, and the trial certificates."""
    _flags.add(parser, "--trust")
    what = "keys or certificates to add; init: make the store; test-certificate: make certificates for trials"
    parser.add_argument("paths", nargs="*", metavar="FILE.pem | init | test-certificate", help=what)
    parser.add_argument(
        "--with", nargs="+", default=[], metavar="FILE.pem", dest="added", help="init: add these, too"
    )
    _flags.add(parser, "--name")
    parser.add_argument("-o", "--output", metavar="DIR", help="test-certificate: folder of its three files")
    parser.add_argument(
        "--days",
        type=_flags.count(365, "days"),
        default=30,
        metavar="N",
        help="test-certificate: valid so long; 30 by default",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do the action, or add the files and list the store."""
    action, *rest = arguments.paths or [""]
    if action == "test-certificate":
        return _make_trial(arguments, rest)
    if arguments.output is not None:
        raise UsageError("-o belongs to test-certificate: `underdrawing trust test-certificate -o DIR`")
    if action == "init":
        return _set_up(arguments, rest)
    if arguments.added:
        raise UsageError("--with belongs to init; without it, name the files: `underdrawing trust FILE.pem`")
    _add(arguments, arguments.paths)
    _list(arguments)
    return DONE


def _set_up(arguments: argparse.Namespace, rest: list[str]) -> int:
    from underdrawing import api

    if rest:
        raise UsageError(f"init takes files after --with: `underdrawing trust init --with {rest[0]}`")
    folder = api.trust_store(arguments.trust).folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _add(arguments, arguments.added)
    keys, certificates = len(list(api.trust_store(folder))), len(api.trusted_anchors(folder))
    counts = [f"{keys} public key{'s' * (keys != 1)}", f"{certificates} file{'s' * (certificates != 1)}"]
    lines = [f"{folder}: ready; {', '.join(counts)} of certificates"]
    if not keys:
        lines.append(
            "  no key: `keygen` adds your own; add those of others with `underdrawing trust FILE.pem`"
        )
    if not certificates:
        lines.append("  no certificates: Content Credentials of others stay untrusted; add roots with --with")
    result = {"status": "ready", "trust": str(folder), "keys": keys, "certificates": certificates}
    print_result(arguments, result, "\n".join(lines))
    return DONE


def _make_trial(arguments: argparse.Namespace, rest: list[str]) -> int:
    from underdrawing.credentials.trial import issue

    if arguments.output is None or rest:
        raise UsageError("name a folder: `underdrawing trust test-certificate -o certs/`")
    organization = f"{arguments.name or 'Underdrawing'} ({_TRIAL})"
    issued = issue(Path(arguments.output), organization=organization, days=arguments.days)
    files = {"chain": str(issued.chain), "key": str(issued.key), "root": str(issued.root)}
    text = (
        f"{issued.chain}, {issued.key}: for `protect --credentials {issued.chain} --credentials-key "
        f"{issued.key}`, {arguments.days} days\n"
        f"{issued.root}: its root; who shall trust it runs `underdrawing trust init --with {issued.root}`\n"
        f"For trials only: nobody vouches for {organization!r}."
    )
    print_result(arguments, {"status": "created", "organization": organization} | files, text)
    return DONE


def _add(arguments: argparse.Namespace, paths: list[str]) -> None:
    from underdrawing import api
    from underdrawing.coding.keys import PublicKey

    for path in map(Path, paths):
        name = arguments.name or path.stem
        if api.holds_certificates(path):
            api.add_anchors(path, name, arguments.trust)
        else:
            api.add_trusted(PublicKey.load(path), name, arguments.trust)


def _list(arguments: argparse.Namespace) -> None:
    from underdrawing import api

    for name, public in api.trust_store(arguments.trust):
        key = public.fingerprint
        print_result(arguments, {"key": key, "name": name}, f"{key}  {name}")
    for name in api.trusted_anchors(arguments.trust):
        print_result(arguments, {"certificates": name, "name": name}, f"certificates      {name}")
