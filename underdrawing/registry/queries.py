"""Look-ups that are the same in every database of a registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Self

from underdrawing.coding.keys import PublicKey
from underdrawing.registry import embedding
from underdrawing.registry.chain import GENESIS, Head, link
from underdrawing.registry.record import Entry, Record

PAGE = 2000
"""Records or vectors read at a time."""
KEY_DIGITS = 16
"""Digits of a hash that are indexed, so that indexes are small; the whole is compared afterwards."""
INDEXED_PATHS = {
    "identity": "identity",
    "fingerprint": "owner.fingerprint",
    "original_file": "original.file",
    "protected_file": "protected.file",
    "original_pixels": "original.pixels",
    "protected_pixels": "protected.pixels",
}
"""Indexed columns of records, and their paths in the JSON object."""


class RecordQueries(ABC):
    """Look-ups of store.Registry and searching.VectorSource by SQL with %s as placeholder."""

    _select: ClassVar[str]
    """Selects number, hash, text and vector of records; a WHERE clause follows."""
    _records: ClassVar[str]
    _vectors: ClassVar[str]
    _renditions: ClassVar[str]
    """Names of the tables."""

    @abstractmethod
    def _rows(self, query: str, values: tuple = ()) -> list[tuple]:
        """The rows of a query."""

    @abstractmethod
    def _converted_errors(self) -> AbstractContextManager[None]:
        """Convert errors of the database to RegistryError with the name of the registry."""

    @abstractmethod
    def head(self) -> Head:
        """See store.Registry."""

    @abstractmethod
    def close(self) -> None:
        """See store.Registry."""

    def by_identity(self, identity: str) -> list[Entry]:
        return self._entries("WHERE identity = %s ORDER BY number DESC", (identity,))

    def by_file(self, digest: str) -> list[Entry]:
        return self._by_hash("file", digest)

    def by_pixels(self, digest: str) -> list[Entry]:
        return self._by_hash("pixels", digest)

    def find_key(self, short: bytes) -> PublicKey | None:
        prefix = short.hex()
        where = "WHERE fingerprint >= %s AND fingerprint < %s ORDER BY fingerprint LIMIT 1"
        found = self._entries(where, (prefix, prefix + "g"))  # g: after every hex digit
        return found[0].record.owner if found else None

    def rendition(self, number: int) -> bytes | None:
        rows = self._rows(f"SELECT file FROM {self._renditions} WHERE number = %s", (number,))
        return bytes(rows[0][0]) if rows else None

    def linked(self, number: int) -> bool:
        query = f"SELECT number, text, hash FROM {self._records} WHERE number IN (%s, %s)"
        rows = {row[0]: row[1:] for row in self._rows(query, (number - 1, number))}
        if number not in rows or (number > 1 and number - 1 not in rows):
            return False
        before = GENESIS if number == 1 else bytes(rows[number - 1][1])
        text, digest = rows[number]
        return link(before, text) == bytes(digest)

    def vectors_after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """See searching.VectorSource."""
        query = f"SELECT number, vector FROM {self._vectors} WHERE number > %s AND embedding = %s "
        return self._rows(query + "ORDER BY number LIMIT %s", (number, embedding.NAME, limit))

    def state(self) -> tuple[int, str]:
        """See searching.VectorSource."""
        first = self._rows(f"SELECT hash FROM {self._records} WHERE number = 1")
        return len(self), first[0][0].hex() if first else ""

    def __iter__(self) -> Iterator[Entry]:
        last, count = 0, len(self)
        where = "WHERE number > %s AND number <= %s ORDER BY number LIMIT %s"
        while entries := self._entries(where, (last, count, PAGE)):
            yield from entries
            last = entries[-1].number

    def __len__(self) -> int:
        return self.head().count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _by_hash(self, kind: str, digest: str) -> list[Entry]:
        where = f"WHERE original_{kind} = %s OR protected_{kind} = %s ORDER BY number DESC"
        found = self._entries(where, (digest[:KEY_DIGITS],) * 2)
        copies = ((entry, entry.record.original, entry.record.protected) for entry in found)
        return [entry for entry, *both in copies if digest in (getattr(copy, kind) for copy in both)]

    def _entries(self, where: str, values: tuple) -> list[Entry]:
        rows = self._rows(self._select + where, values)
        with self._converted_errors():
            return [Entry(n, digest, Record.from_text(text, vector)) for n, digest, text, vector in rows]


def rendition_rows(records: Sequence[Record], first: int) -> list[tuple[int, bytes]]:
    """(number, file) of the renditions of new records, the first of which has the number `first`."""
    return [
        (number, record.rendition.file)
        for number, record in enumerate(records, first)
        if record.rendition is not None and record.rendition.file is not None
    ]
