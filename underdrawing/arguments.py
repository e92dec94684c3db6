"""The arguments of the command line: what each command takes, with its limits and its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from underdrawing import __version__

USAGE = 64
"""Exit code of a call that cannot work."""
DEMO_FOLDER = "underdrawing_demo"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _strength(text: str) -> float:
    value = float(text)
    if not 0.5 <= value <= 3:
        raise argparse.ArgumentTypeError(f"expected a strength from 0.5 to 3, got {text}")
    return value


def _processes(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 256:
        raise argparse.ArgumentTypeError(f"expected 1 to 256 processes, got {text}")
    return value


def _limit(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"expected 1 to 1000 records, got {text}")
    return value


def parser(commands_by_name: Mapping[str, Callable]) -> argparse.ArgumentParser:
    """The parser of the whole program; each command's help is the first line of its function's docstring."""
    whole = _Parser(
        prog="underdrawing", description="Hide in a photograph a sketch of itself; find what was altered."
    )
    whole.add_argument("--version", action="version", version=f"underdrawing {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, *parts: Callable[[argparse.ArgumentParser], None]) -> argparse.ArgumentParser:
        summary = (commands_by_name[name].__doc__ or "").splitlines()[0]
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.add_argument("--json", action="store_true", help="print one JSON object a line")
        for part in parts:
            part(sub)
        return sub

    sub = command("keygen", _trust_folder, _password_file)
    sub.add_argument("-o", "--output", required=True, metavar="OWNER.pem", help="where the private key goes")
    sub.add_argument("--name", help="what the trust store calls the key; the file's name by default")
    sub = command("trust", _trust_folder)
    sub.add_argument("paths", nargs="*", metavar="FILE.pem", help="public keys, or certificates, to add")
    sub.add_argument("--name", help="what the trust store calls the key; the file's name by default")
    sub = command("protect", _pictures, _system, _secret, _password_file)
    sub.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="a folder, or a file for one picture"
    )
    sub.add_argument("--sign", metavar="OWNER.pem", help="sign with this private key")
    sub.add_argument("--identity", metavar="HEX", help="16 hex digits; drawn at random by default")
    _embedding(sub)
    _registering(sub)
    _signing_credentials(sub)
    sub = command("verify", _pictures, _system, _secret, _trust_folder)
    sub.add_argument("-o", "--output", metavar="OUT", help="folder for masks, recovered pictures and reports")
    sub.add_argument(
        "--registry", metavar="DB", help="gives owners' keys, facts, and Content Credentials that were lost"
    )
    _manifests(sub)
    sub.add_argument("--pdf", action="store_true", help="write NAME.report.pdf too, beside the HTML")
    _in_bulk(command("bulk", _system, _secret, _trust_folder, _password_file))
    _retrieving(command("retrieve", _pictures, _system, _secret, _trust_folder))
    _keeping(command("registry"))
    _serving(command("serve", _password_file, _trust_folder))
    _tokens(command("token"))
    sub = command("demo")
    sub.add_argument("-o", "--output", default=DEMO_FOLDER, metavar="OUT", help="folder for the pictures")
    sub.add_argument("--force", action="store_true", help="overwrite files that exist")
    sub = command("attack", _pictures)
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help="folder for the attacked pictures")
    sub.add_argument("--suite", required=True, metavar="NAME", help="list of attacks, as photo-benign")
    sub.add_argument("--seed", type=int, default=0, help="of what is random in the attacks")
    _measuring(command("bench"))
    sub = command("train")
    sub.add_argument("name", metavar="SYSTEM", help="what to train, as imuge or photo-sketch")
    sub.add_argument("--recipe", metavar="RECIPE", help="one of the system's named recipes, as lean-cpu-2h")
    sub.add_argument("--data", required=True, metavar="DIR", help="folder of tar shards with photographs")
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help="folder of checkpoint and log")
    sub.add_argument("--minutes", type=float, help="time of work over all resumptions")
    sub.add_argument("--resume", action="store_true", help="go on from the checkpoint in OUT")
    command("zoo")
    return whole


def _embedding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strength",
        type=_strength,
        default=1.0,
        metavar="S",
        help="0.7 archival, 1 (default), 1.45, 2.1 robust; the nearest is taken",
    )


def _in_bulk(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["protect", "verify"], help="what to do with every picture")
    parser.add_argument("input", metavar="INPUT", help="folder of pictures and shards, or its URL")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="another folder, or its URL")
    parser.add_argument("--journal", metavar="FILE", help="what is done; OUT.journal by default")
    parser.add_argument("--jobs", type=_processes, default=1, metavar="N", help="processes; 1 by default")
    parser.add_argument("--engine", choices=["processes", "ray"], default="processes", help="Ray: the extra")
    parser.add_argument("--seed", metavar="HEX", help="of the identities; drawn, and kept in the journal")
    parser.add_argument("--sign", metavar="OWNER.pem", help="protect: sign with this private key")
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    _embedding(parser)
    _registering(parser)
    _signing_credentials(parser)


def _registering(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--registry", metavar="DB", help="add a record of each picture; made if not there")
    parser.add_argument("--facts", metavar="FILE.json", help="caption, source and more, for these pictures")


def _signing_credentials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--credentials",
        metavar="CHAIN.pem",
        help="write Content Credentials, signed under these certificates",
    )
    parser.add_argument("--credentials-key", metavar="KEY.pem", help="private key of the first certificate")
    _manifests(parser)


def _manifests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--manifests",
        metavar="DIR",
        help="where Content Credentials are kept; beside the registry by default",
    )


def _retrieving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--registry", required=True, metavar="DB", help="where to look: a file or URL")
    parser.add_argument("-o", "--output", metavar="OUT", help="folder for Content Credentials that were kept")
    _manifests(parser)
    parser.add_argument("--limit", type=_limit, default=5, metavar="N", help="so many records; 5 by default")


def _keeping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["audit", "list", "show"], help="check all, list all, show one")
    parser.add_argument("registry", metavar="DB", help="the registry: a file or URL")
    parser.add_argument("identity", nargs="?", metavar="ID", help="show: an identity, or a record's number")
    parser.add_argument(
        "--head", metavar="COUNT:HASH", help="audit: an end of the chain that was kept before"
    )


def _serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on; 127.0.0.1 by default")
    parser.add_argument("--port", type=int, help="8000 by default; 0 takes a free one")
    parser.add_argument("--registry", metavar="DB", help="keep records there; made if not there")
    parser.add_argument("--tokens", metavar="FILE", help="access tokens, as `underdrawing token` writes them")
    parser.add_argument("--sign", metavar="OWNER.pem", help="sign what is protected with this private key")
    _signing_credentials(parser)
    parser.add_argument("--anonymous", metavar="ROLE", help="what callers without a token may; public abroad")
    parser.add_argument("--workers", type=_processes, metavar="N", help="processes; one a core by default")


def _tokens(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["add", "list", "revoke"], help="make one, list all, take one out")
    parser.add_argument("name", nargs="?", metavar="NAME", help="whose token it is")
    parser.add_argument("--tokens", required=True, metavar="FILE", help="the file that the server is given")
    parser.add_argument("--role", default="reader", help="public, reader (default), protector or admin")
    parser.add_argument("--days", type=float, metavar="N", help="how long it is valid; for ever by default")


def _measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        choices=["photo-core", "photo-peers", "imuge-table1", "imuge-table3", "imagenet-s"],
        help="the protocol to run",
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with the sets of photographs")
    parser.add_argument("--results", default="results", metavar="DIR", help="where the results are kept")
    parser.add_argument("--photos", type=int, metavar="N", help="at most so many photographs of each set")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts alone")
    parser.add_argument("--again", action="store_true", help="repeat parts that are done")
    parser.add_argument("--jobs", type=_processes, default=1, metavar="N", help="processes; 1 by default")
    parser.add_argument("--peers-python", metavar="PYTHON", help="of the peers' environment (photo-peers)")
    parser.add_argument(
        "--weights", metavar="DIR", help="trainings, a folder for each recipe (imuge-table3, imagenet-s)"
    )


def _inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders or globs")
    parser.add_argument("--jobs", type=_processes, default=1, metavar="N", help="processes; 1 by default")


def _pictures(parser: argparse.ArgumentParser) -> None:
    _inputs(parser)
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")


def _system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--system",
        default="photo",
        metavar="NAME",
        help="of the zoo, as imuge; the same to protect and verify",
    )


def _secret(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret", metavar="FILE", help="private mode: only with this file anything is found"
    )


def _trust_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", metavar="DIR", help="folder of trusted public keys; the user's own by default"
    )


def _password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-file", metavar="FILE", help="file with the private key's password")
