"""Add, list or revoke the access tokens of a server; a new one is told once and never again."""

from __future__ import annotations

import argparse
from pathlib import Path

from underdrawing.commands._output import DONE, print_result
from underdrawing.core.errors import UsageError

EXAMPLES = (
    "underdrawing token add desk --role protector --tokens tokens.json",
    "underdrawing token list --tokens tokens.json",
    "underdrawing token revoke desk --tokens tokens.json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action, the token and the file of tokens."""
    parser.add_argument("action", choices=["add", "list", "revoke"], help="make one, list all, take one out")
    parser.add_argument("name", nargs="?", metavar="NAME", help="whose token it is")
    parser.add_argument("--tokens", required=True, metavar="FILE", help="the file that the server is given")
    parser.add_argument("--role", default="reader", help="public, reader (default), protector or admin")
    parser.add_argument("--days", type=float, metavar="N", help="how long it is valid; for ever by default")


def run(arguments: argparse.Namespace) -> int:
    """Change or list the tokens; only hashes are in the file."""
    from underdrawing.service.tokens import TokenFile

    file, name = TokenFile(Path(arguments.tokens)), arguments.name
    if arguments.action == "list":
        for token in file.tokens():
            result = {field: value for field, value in vars(token).items() if field != "sha256"}
            end = "expired" if token.expired else f"until {token.expires or 'revoked'}"
            print_result(arguments, result, f"{token.name:20}  {token.role:10}  {end}")
    elif name is None:
        raise UsageError(f"{arguments.action} needs the name of a token")
    elif arguments.action == "add":
        secret = file.add(name, arguments.role, arguments.days)
        print_result(arguments, {"name": name, "role": arguments.role, "token": secret}, secret)
    else:
        file.revoke(name)
        print_result(arguments, {"name": name, "status": "revoked"}, f"{name}: revoked")
    return DONE
