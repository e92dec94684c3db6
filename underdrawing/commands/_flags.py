"""Flags that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def count(most: int, noun: str) -> Callable[[str], int]:
    """The argparse type of a number from 1 to `most`."""

    def parse(text: str) -> int:
        value = int(text)
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"expected 1 to {most} {noun}, got {text}")
        return value

    parse.__name__ = noun  # argparse: "invalid processes value: 'x'"
    return parse


processes = count(256, "processes")


def strength(text: str) -> float:
    """The argparse type of an embedding strength."""
    value = float(text)
    if not 0.5 <= value <= 3:
        raise argparse.ArgumentTypeError(f"expected a strength from 0.5 to 3, got {text}")
    return value


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Pictures to work on, processes, and permission to overwrite."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders or globs")
    add_jobs(parser)
    add_force(parser)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """--jobs: processes that share the work."""
    parser.add_argument("--jobs", type=processes, default=1, metavar="N", help="processes; 1 by default")


def add_force(parser: argparse.ArgumentParser) -> None:
    """--force: overwrite files."""
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")


def add_system(parser: argparse.ArgumentParser) -> None:
    """--system and --secret, which have to be the same to protect and to verify."""
    parser.add_argument(
        "--system",
        default="photo",
        metavar="NAME",
        help="of the zoo, as imuge; the same to protect and verify",
    )
    parser.add_argument(
        "--secret", metavar="FILE", help="private mode: only with this file anything is found"
    )


def add_trust(parser: argparse.ArgumentParser) -> None:
    """--trust: folder of the trust store."""
    parser.add_argument(
        "--trust", metavar="DIR", help="folder of trusted public keys; the user's own by default"
    )


def add_key_name(parser: argparse.ArgumentParser) -> None:
    """--name: of a key in the trust store."""
    parser.add_argument("--name", help="what the trust store calls the key; the file's name by default")


def add_password_file(parser: argparse.ArgumentParser) -> None:
    """--password-file: password of private keys."""
    parser.add_argument("--password-file", metavar="FILE", help="file with the private key's password")


def add_protection(parser: argparse.ArgumentParser) -> None:
    """Strength, registration and Content Credentials of protected pictures."""
    parser.add_argument(
        "--strength",
        type=strength,
        default=1.0,
        metavar="S",
        help="0.7 archival, 1 (default), 1.45, 2.1 robust; the nearest is taken",
    )
    parser.add_argument("--registry", metavar="DB", help="add a record of each picture; made if not there")
    parser.add_argument("--facts", metavar="FILE.json", help="caption, source and more, for these pictures")
    add_credentials(parser)


def add_credentials(parser: argparse.ArgumentParser) -> None:
    """Certificates and key that sign Content Credentials, and the folder where these are kept."""
    parser.add_argument(
        "--credentials",
        metavar="CHAIN.pem",
        help="write Content Credentials, signed under these certificates",
    )
    parser.add_argument("--credentials-key", metavar="KEY.pem", help="private key of the first certificate")
    add_manifests(parser)


def add_manifests(parser: argparse.ArgumentParser) -> None:
    """--manifests: folder of kept Content Credentials."""
    parser.add_argument(
        "--manifests",
        metavar="DIR",
        help="where Content Credentials are kept; beside the registry by default",
    )
