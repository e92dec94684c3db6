"""Who is in a picture of a folder, and the split of an identity: no identity is in two splits."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from underdrawing.core.errors import UsageError

TRAIN, VAL = 0.75, 0.80
"""Ends of the shares of train and val; the rest, a fifth, is test."""
Identify = Callable[[str, Path], str]
"""(name of the set, relative path) -> identity, unique over all sets."""


def split_of(identity: str) -> str:
    """train (75 %), val (5 %) or test (20 %), by the sha256 of the identity: the same in every set."""
    share = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") / 2**64
    return "train" if share < TRAIN else "val" if share < VAL else "test"


def by_file(source: str, relative: Path) -> str:
    """Each file is a person: SET/STEM. The frames of a clip are one file."""
    return f"{source}/{relative.stem}"


def by_folder(source: str, relative: Path) -> str:
    """Each folder is a person: SET/FOLDER; a file outside of folders is one of its own."""
    return (
        by_file(source, relative) if relative.parent == Path() else f"{source}/{relative.parent.as_posix()}"
    )


@dataclass(frozen=True)
class IdentityTable:
    """By a table {SET/STEM: identity}; files that it lacks are persons of their own."""

    known: dict[str, str]

    def __call__(self, source: str, relative: Path) -> str:
        """The identity of a file."""
        name = by_file(source, relative)
        return self.known.get(name, name)

    @classmethod
    def read(cls, path: Path) -> IdentityTable:
        """Of a CSV of lines SET/STEM,IDENTITY without a head. UsageError where it cannot be read."""
        try:
            with path.open(newline="", encoding="utf-8") as lines:
                rows = [row for row in csv.reader(lines) if row]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: the table of identities cannot be read ({error})") from error
        if wrong := next((row for row in rows if len(row) != 2), None):
            raise UsageError(
                f"{path}: expected lines SET/STEM,IDENTITY; received one with {len(wrong)} fields"
            )
        return cls({file.strip(): identity.strip() for file, identity in rows})
