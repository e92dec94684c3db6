"""Add, list or revoke the access tokens of a server; a new one is told once and never again."""

from __future__ import annotations

import argparse

from underdrawing.commands._output import DONE, print_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action, the token and the file of tokens."""
    parser.add_argument("action", choices=["add", "list", "revoke"], help="make one, list all, take one out")
    parser.add_argument("name", nargs="?", metavar="NAME", help="whose token it is")
    parser.add_argument("--tokens", required=True, metavar="FILE", help="the file that the server is given")
    parser.add_argument("--role", default="reader", help="public, reader (default), protector or admin")
    parser.add_argument("--days", type=float, metavar="N", help="how long it is valid; for ever by default")


def run(arguments: argparse.Namespace) -> int:
    """Change or list the tokens."""
    from underdrawing.service.commands import change_tokens

    for result, text in change_tokens(**vars(arguments)):
        print_result(arguments, result, text)
    return DONE
