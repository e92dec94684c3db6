"""The hash chain over records: h[n] = SHA-256(domain, h[n-1], text[n]).

A changed, removed, inserted or moved record breaks a link. A person with write access can recompute all later
links, or drop the last records: only a head exported before shows that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from underdrawing.core.errors import RegistryError

GENESIS = bytes(32)
"""The hash before the first record."""
_DOMAIN = b"underdrawing registry record 1\n"
MOST_FAULTS = 100


@dataclass(frozen=True)
class Head:
    """The end of a chain: number of records and hash of the last one (32 bytes)."""

    count: int = 0
    hash: bytes = GENESIS

    def __str__(self) -> str:
        """COUNT:HASH, to be stored where writers of the registry have no access."""
        return f"{self.count}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head of the text that `str` gives. RegistryError for any other text."""
        if not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text, re.ASCII):
            raise RegistryError(f"expected a head as COUNT:HASH with 64 hex digits, got {text!r}")
        count, digest = text.split(":")
        return cls(int(count), bytes.fromhex(digest))

    def extend(self, text: str) -> Head:
        """The head after one more record with this canonical text."""
        return Head(self.count + 1, link(self.hash, text))


@dataclass(frozen=True)
class Audit:
    """Result of checking a chain."""

    head: Head
    faults: tuple[str, ...] = ()
    """One sentence each, at most MOST_FAULTS."""

    @property
    def ok(self) -> bool:
        """Whether there are no faults."""
        return not self.faults


def link(previous: bytes, text: str) -> bytes:
    """SHA-256 of the previous hash (32 bytes) and a record's canonical text, 32 bytes.

    Bytes that are not UTF-8 are in the text as surrogates, and are hashed as they were.
    """
    return hashlib.sha256(_DOMAIN + previous + text.encode("utf-8", "surrogateescape")).digest()


def walk(rows: Iterable[tuple[int, str, bytes]], stored: Head, exported: Head | None = None) -> Audit:
    """Check the chain over (number, text, hash) in order of number.

    stored: the head in the registry. exported: a head from before, whose record must still have its hash.
    After a fault the check continues from the stored hash, so that each fault is reported once.
    """
    head, faults, exported_hash = (
        Head(),
        [],
        GENESIS if exported is not None and exported.count == 0 else None,
    )
    for number, text, digest in rows:
        if number != head.count + 1:
            faults.append(f"record {head.count + 1}: missing; the next one there is record {number}")
        elif not isinstance(text, str) or link(head.hash, text) != digest:
            faults.append(f"record {number}: its hash does not follow from its content and the record before")
        head = Head(number, digest)
        if exported is not None and number == exported.count:
            exported_hash = digest
    if head != stored:
        faults.append(
            f"the end is not the one noted: {stored.count} records were noted, the last is {head.count}"
        )
    if exported is not None and exported_hash != exported.hash:
        state = "missing" if exported_hash is None else "another one"
        faults.append(f"record {exported.count}: the one of the kept head is {state}")
    return Audit(head, tuple(faults[:MOST_FAULTS]))
