"""Make an Ed25519 key pair, whose public half joins the trust store, or a secret for private mode."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.commands import _flags
from underdrawing.commands._output import DONE, print_result
from underdrawing.commands._session import ask_passphrase, read_password
from underdrawing.core.errors import KeyFileError, UsageError

EXAMPLES = (
    "underdrawing keygen -o owner.pem",
    "underdrawing keygen -o owner.pem --password-file password.txt --name 'photo desk'",
    "underdrawing keygen --secret secret.bin",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files of the keys."""
    _flags.add(parser, "--trust", "--password-file")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("-o", "--output", metavar="OWNER.pem", help="where the private key goes")
    kind.add_argument("--secret", metavar="FILE", help="make a secret of 256 random bits instead")
    parser.add_argument(
        "--passphrase",
        action="store_true",
        help="the secret needs a passphrase too: typed, or UNDERDRAWING_PASSPHRASE of the environment",
    )
    _flags.add(parser, "--name")


def run(arguments: argparse.Namespace) -> int:
    """Write the private key and add the public one to the trust store, or write a secret."""
    path = Path(arguments.secret or arguments.output)
    if path.exists():
        raise UsageError(f"{path}: exists already; a key file is never overwritten")
    if arguments.secret:
        return _make_secret(arguments, path)
    if arguments.passphrase:
        raise UsageError("--passphrase belongs to --secret; a private key takes --password-file")
    return _make_owner(arguments, path)


def _make_owner(arguments: argparse.Namespace, path: Path) -> int:
    from underdrawing import api
    from underdrawing.coding.keys import Owner

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


def _make_secret(arguments: argparse.Namespace, path: Path) -> int:
    from underdrawing import api

    passphrase = _new_passphrase() if arguments.passphrase else None
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        api.create_secret(path, passphrase)
    except KeyFileError as error:
        raise UsageError(str(error)) from error
    both = "; it and the passphrase are needed together" if arguments.passphrase else ""
    text = f"{path}: new secret; give this file only to those who protect or verify with it{both}"
    print_result(arguments, {"file": str(path), "status": "created"}, text)
    return DONE


def _new_passphrase() -> str:
    passphrase = ask_passphrase("New passphrase: ")
    if passphrase is None:
        raise UsageError("a passphrase needs a terminal, or UNDERDRAWING_PASSPHRASE in the environment")
    if ask_passphrase("The same again: ") != passphrase:
        raise UsageError("the two passphrases differ")
    return passphrase
