"""Flags that several commands take, and types of their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def count(most: int, noun: str) -> Callable[[str], int]:
    """The argparse type of a number from 1 to `most`."""

    def parse(text: str) -> int:
        value = int(text)
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"expected 1 to {most} {noun}, got {text}")
        return value

    parse.__name__ = noun  # argparse: "invalid processes value: 'x'"
    return parse


def _strength(text: str) -> float:
    value = float(text)
    if not 0.5 <= value <= 3:
        raise argparse.ArgumentTypeError(f"expected a strength from 0.5 to 3, got {text}")
    return value


def _quality(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"expected a quality from 1 to 100, got {text}")
    return value


def _rendition(text: str) -> int:
    named = {"none": 0, "full": 16_383}
    value = named[text] if text in named else int(text)
    if value and not 256 <= value <= 16_383:
        raise argparse.ArgumentTypeError(f"expected 256 to 16383 px, none or full, got {text}")
    return value


def _statuses(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(",")) if text != "none" else frozenset()
    if unknown := sorted(chosen - set(FAILURES)):
        raise argparse.ArgumentTypeError(
            f"expected some of {', '.join(FAILURES)}, or none, got {unknown[0]!r}"
        )
    return chosen


FAILURES = ("altered", "unprotected", "unvouched", "error")
"""Statuses of verified pictures that end `verify` with another exit code than 0."""
_quality.__name__ = "quality"
_rendition.__name__ = "rendition"  # argparse: "invalid rendition value: 'x'"
processes = count(256, "processes")
_STRENGTH = "0.7 archival, 1 (default), 1.45, 2.1 robust; the nearest is taken"
_QUALITY = "of the written files, 1 to 100; by default that of the input where it keeps the mark"
_RENDITION = "of the original, kept in the registry: long side (1024 by default), none, or full"
_MANIFESTS = "where Content Credentials are kept; beside the registry by default"
_ORIGINALS = "folder where originals of the registry are kept as .udl; read: DB.originals by default"
_CREDENTIALS = "write Content Credentials, signed under these certificates"
_ROUNDS = "pack: 1 to 16, more: smaller; unpack: a preview of so many"
_KEEP = "pack: pixels, the file's own bytes, or the smaller (default)"
_TILE = "pack: sides of what is decoded alone, px; 512: .1 % smaller"
_FLAGS: dict[str, dict[str, Any]] = {
    "paths": {
        "nargs": "+", "metavar": "PATH", "help": "pictures, folders, globs, URLs of pictures, or - for stdin",
    },
    "--jobs": {"type": processes, "default": 1, "metavar": "N", "help": "processes; 1 by default"},
    "--force": {"action": "store_true", "help": "overwrite files that exist"},
    "--dry-run": {"action": "store_true", "help": "print what would be read and written, and do nothing"},
    "--fail-on": {
        "type": _statuses, "metavar": "LIST", "default": frozenset(FAILURES),
        "help": f"statuses that end with another exit code than 0: {','.join(FAILURES)} (default), or none",
    },
    "--system": {
        "default": "photo", "metavar": "NAME", "help": "of the zoo, as imuge; the same to protect and verify",
    },
    "--secret": {"metavar": "FILE", "help": "private mode: a file of `keygen --secret`"},
    "--thorough": {
        "action": "store_true",
        "help": "search for rare combinations of crop, scale, rotation and mirroring too; most of a minute",
    },
    "--recover": {
        "choices": ["faithful", "natural"], "default": "faithful",
        "help": "natural: show altered areas with invented detail, in place of what the code holds alone",
    },
    "--trust": {"metavar": "DIR", "help": "folder of trusted public keys; the user's own by default"},
    "--name": {"help": "what the trust store calls the key; the file's name by default"},
    "--password-file": {"metavar": "FILE", "help": "file with the private key's password"},
    "--strength": {"type": _strength, "default": 1.0, "metavar": "S", "help": _STRENGTH},
    "--quality": {"type": _quality, "metavar": "N", "help": _QUALITY},
    "--focus": {
        "action": "append", "metavar": "X,Y,W,H", "default": [],
        "help": "px; places that get more of the content code, repeatable; or auto (default), faces, none",
    },
    "--registry": {"metavar": "DB", "help": "add a record of each picture; made if not there"},
    "--signature-in": {
        "choices": ["auto", "mark", "registry"], "default": "auto", "dest": "signing",
        "help": "auto: the mark where it has room, else the registry; registry: more room for the content",
    },
    "--rendition": {
        "type": _rendition, "default": 1024, "metavar": "PX", "dest": "rendition_px", "help": _RENDITION,
    },
    "--facts": {"metavar": "FILE.json", "help": "caption, source and more, for these pictures"},
    "--credentials": {"metavar": "CHAIN.pem", "help": _CREDENTIALS},
    "--credentials-key": {"metavar": "KEY.pem", "help": "private key of the first certificate"},
    "--manifests": {"metavar": "DIR", "help": _MANIFESTS},
    "--originals": {"metavar": "DIR", "help": _ORIGINALS},
    "--rounds": {"type": count(16, "rounds"), "metavar": "T", "help": _ROUNDS},
    "--keep": {"choices": ["smallest", "pixels", "file"], "default": "smallest", "help": _KEEP},
    "--tile": {"type": int, "choices": [256, 512], "default": 512, "help": _TILE},
    "--salvage": {"action": "store_true", "help": "unpack: damaged tiles become gray"},
}  # fmt: skip
CREDENTIALS = ("--credentials", "--credentials-key", "--manifests")
PACKING = ("--rounds", "--keep", "--tile")
PROTECTION = (
    "--strength",
    "--focus",
    "--quality",
    "--registry",
    "--signature-in",
    "--rendition",
    "--originals",
    "--facts",
    *CREDENTIALS,
)


def add(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the flags of these names."""
    for name in names:
        parser.add_argument(name, **_FLAGS[name])
