"""Nearest-neighbour search over the registry's vectors, in this process or with a vector service.

LocalSearch    all vectors in memory, read from the registry at the first search
RemoteSearch   a VectorService proposes records, which are ranked by the registry's own vectors

The data of a service is derived: it is synchronized from the registry, so an unavailable service or one that
lost its data delays a search and loses no record.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry.embedding import DIMENSIONS, View
from underdrawing.registry.vectors import Neighbour, VectorIndex, best_of, ranked

_PAGE = 2000  # vectors read or sent at a time
PROPOSED = 128
"""Number of records that a service proposes for each view."""
_log = logging.getLogger(__name__)


class VectorSource(Protocol):
    """The part of a registry that a search uses."""

    def vectors_after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """Up to `limit` vectors of the current embedding with larger numbers: (number, packed), by number."""

    def vectors_of(self, numbers: Collection[int]) -> list[tuple[int, bytes]]:
        """The vectors of these records, in any order."""

    def state(self) -> tuple[int, str]:
        """Number of records, and the identifier of this registry: the first record's hash in hex, or ""
        without a record."""


class VectorService(Protocol):
    """Stores vectors by record number and proposes those with the largest inner products.

    RegistryError with the name of the service where it is unavailable or refuses.
    """

    def open(self, registry: str) -> None:
        """Prepare for the registry whose first record has this hash (64 hex digits)."""

    def count(self) -> int:
        """Number of stored vectors."""

    def present(self, numbers: Sequence[int]) -> set[int]:
        """Those of the numbers that are stored."""

    def put(self, numbers: Sequence[int], vectors: np.ndarray) -> None:
        """Store (n, 496) float32 vectors of length 1; stored numbers are not replaced."""

    def ready(self) -> None:
        """Called after the first synchronization and before the first `propose`."""

    def propose(self, queries: np.ndarray, limit: int) -> list[list[int]]:
        """For each of (n, 496) float32 queries, the records with the largest inner products."""

    def close(self) -> None:
        """Close connections."""


class Search(Protocol):
    """Nearest-neighbour search of a registry. Calls are serialized by the registry."""

    def added(self, source: VectorSource) -> None:
        """Called after records were committed; raises nothing."""

    def nearest(self, source: VectorSource, views: Iterable[View], limit: int) -> list[Neighbour]:
        """The records nearest to any of the views, best evidence first, at most `limit`."""

    def close(self) -> None:
        """Release memory and connections."""


class LocalSearch:
    """All vectors in the memory of this process, 584 bytes each."""

    def __init__(self) -> None:
        self._index, self._last = VectorIndex(), 0

    def added(self, source: VectorSource) -> None:
        """Nothing: new vectors are read at the next search."""

    def nearest(self, source: VectorSource, views: Iterable[View], limit: int) -> list[Neighbour]:
        """Numbers grow and become visible in order, so new vectors have larger numbers than known ones."""
        while rows := source.vectors_after(self._last, _PAGE):
            numbers, vectors = zip(*rows, strict=True)
            self._index.add(numbers, vectors)
            self._last = numbers[-1]
        return self._index.search(views, limit)

    def close(self) -> None:
        self._index = VectorIndex()


class RemoteSearch:
    """A service proposes; evidence is computed from the registry's vectors, as in LocalSearch."""

    def __init__(self, service: VectorService) -> None:
        self._service, self._last, self._open, self._ready = service, 0, False, False

    def added(self, source: VectorSource) -> None:
        """Send new vectors. The records are committed, so an unavailable service is only logged."""
        try:
            self._synchronize(source)
        except RegistryError as error:
            _log.warning("%s; it gets the new vectors with the next search", error)

    def nearest(self, source: VectorSource, views: Iterable[View], limit: int) -> list[Neighbour]:
        views = [view for view in views if view.vector.any()]  # the zero vector has no direction
        if not self._synchronize(source) or not views:
            return []
        proposed = self._service.propose(np.stack([view.vector for view in views]), PROPOSED)
        wanted = {number for numbers in proposed for number in numbers}
        vectors = dict(source.vectors_of(wanted))
        found = []
        for view, numbers in zip(views, proposed, strict=True):
            ranked_numbers = [number for number in numbers if len(vectors.get(number, b"")) == DIMENSIONS]
            if ranked_numbers:
                packed = np.frombuffer(b"".join(vectors[number] for number in ranked_numbers), np.int8)
                found += ranked(np.array(ranked_numbers), packed.reshape(-1, DIMENSIONS), view, limit)
        return best_of(found, limit)

    def close(self) -> None:
        self._service.close()

    def _synchronize(self, source: VectorSource) -> bool:
        """Send missing vectors to the service; False where the registry is empty."""
        count, registry = source.state()
        if not count:
            return False
        if not self._open:
            self._service.open(registry)
            self._open = True
            if self._service.count() == count:  # nothing is missing, so not all vectors are read
                self._last = count
        while rows := source.vectors_after(self._last, _PAGE):
            present = self._service.present([number for number, _ in rows])
            missing = [(number, vector) for number, vector in rows if number not in present]
            if missing:
                self._service.put([number for number, _ in missing], _unit_vectors(missing))
            self._last = rows[-1][0]
        if not self._ready:
            self._service.ready()
            self._ready = True
        return True


def _unit_vectors(rows: Sequence[tuple[int, bytes]]) -> np.ndarray:
    """(n, 496) float32 of length 1. RegistryError for vectors of another length."""
    for number, vector in rows:
        if len(vector) != DIMENSIONS:
            raise RegistryError(
                f"record {number}: expected a vector of {DIMENSIONS} bytes, got {len(vector)}"
            )
    vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.int8).reshape(-1, DIMENSIONS)
    vectors = vectors.astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
