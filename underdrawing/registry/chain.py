"""The hash chain over records: h[n] = SHA-256(domain, h[n-1], text[n]).

Whoever changes, removes, inserts or moves a record breaks a link. Whoever can write the registry could
compute all later links anew, or drop the last records: that shows only against a head kept elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from underdrawing.core.errors import RegistryError

GENESIS = bytes(32)
"""What stands before the first record."""
_DOMAIN = b"underdrawing registry record 1\n"
MOST_FAULTS = 100


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many records there are, and the last one's hash (32 bytes)."""

    count: int = 0
    hash: bytes = GENESIS

    def __str__(self) -> str:
        """COUNT:HASH, to be kept where whoever writes the registry cannot."""
        return f"{self.count}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `str` printed. RegistryError for anything else."""
        if not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text, re.ASCII):
            raise RegistryError(f"expected a head as COUNT:HASH with 64 hex digits, got {text!r}")
        count, digest = text.split(":")
        return cls(int(count), bytes.fromhex(digest))

    def then(self, text: str) -> Head:
        """The head after one more record."""
        return Head(self.count + 1, link(self.hash, text))


@dataclass(frozen=True)
class Audit:
    """What a walk along the chain found."""

    head: Head
    faults: tuple[str, ...] = ()
    """A sentence each, at most a hundred."""

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


def link(previous: bytes, text: str) -> bytes:
    """The hash of a record's canonical text after the one before it, 32 bytes. A text that was read from
    damaged bytes gives these bytes again."""
    return hashlib.sha256(_DOMAIN + previous + text.encode("utf-8", "surrogateescape")).digest()


def walk(rows: Iterable[tuple[int, str, bytes]], stored: Head, kept: Head | None = None) -> Audit:
    """Follow the chain over (number, text, hash) in order of number.

    stored: the head that the registry itself has noted. kept: one that was exported before; that record has
    to be there still, with the same hash. After a break the walk goes on from the stored hash, so that each
    fault is told once.
    """
    head, faults, kept_hash = Head(), [], GENESIS if kept is not None and kept.count == 0 else None
    for number, text, digest in rows:
        if number != head.count + 1:
            faults.append(f"record {head.count + 1}: missing; the next one there is record {number}")
        elif not isinstance(text, str) or link(head.hash, text) != digest:
            faults.append(f"record {number}: its hash does not follow from its content and the record before")
        head = Head(number, digest)
        if kept is not None and number == kept.count:
            kept_hash = digest
    if head != stored:
        faults.append(
            f"the end is not the one noted: {stored.count} records were noted, the last is {head.count}"
        )
    if kept is not None and kept_hash != kept.hash:
        state = "missing" if kept_hash is None else "another one"
        faults.append(f"record {kept.count}: the one of the kept head is {state}")
    return Audit(head, tuple(faults[:MOST_FAULTS]))
