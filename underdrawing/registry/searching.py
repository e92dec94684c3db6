"""Where the nearest vectors are looked for: in this process, or in a service that keeps them.

LocalSearch    all vectors in memory, read from the registry when they are first needed
RemoteSearch   a VectorService proposes records, and the registry's own vectors decide between them

What a service holds is derived: it is brought up to date from the registry, so a service that was away, or
lost what it had, costs a search or some time and never a record.
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
"""Records that a service proposes for each view."""
_log = logging.getLogger(__name__)


class VectorSource(Protocol):
    """What a search asks of its registry."""

    def vectors_after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """The next vectors of the present embedding, by number."""

    def vectors_of(self, numbers: Collection[int]) -> list[tuple[int, bytes]]:
        """The vectors of these records, in any order."""

    def state(self) -> tuple[int, str]:
        """How many records there are, and what tells this registry from others: the first one's hash in
        hex, or "" while there is none."""


class VectorService(Protocol):
    """Keeps vectors by record number and finds such as point the same way.

    RegistryError, naming the service, where it cannot be reached or refuses.
    """

    def open(self, registry: str) -> None:
        """Get ready for the registry whose first record has this hash (64 hex digits)."""

    def count(self) -> int:
        """How many vectors it keeps."""

    def present(self, numbers: Sequence[int]) -> set[int]:
        """Which of the records it has."""

    def put(self, numbers: Sequence[int], vectors: np.ndarray) -> None:
        """Keep (n, 496) float32 vectors of length 1; those that are there stay as they are."""

    def ready(self) -> None:
        """Everything that was there when it was opened has been put; called before the first proposal."""

    def propose(self, queries: np.ndarray, limit: int) -> list[list[int]]:
        """For each of (n, 496) float32 queries the records with the largest inner products."""

    def close(self) -> None:
        """Give back connections."""


class Search(Protocol):
    """How a registry finds neighbours. Its calls come one at a time."""

    def added(self, source: VectorSource) -> None:
        """Records were added and are safe; fails for no reason."""

    def nearest(self, source: VectorSource, views: Iterable[View], limit: int) -> list[Neighbour]:
        """The records that show most nearly what one of the views shows, best evidence first."""

    def close(self) -> None:
        """Give back what it holds."""


class LocalSearch:
    """All vectors in the memory of this process, 584 bytes each."""

    def __init__(self) -> None:
        self._index, self._last = VectorIndex(), 0

    def added(self, source: VectorSource) -> None:
        """Nothing: new vectors are read when something is looked for."""

    def nearest(self, source: VectorSource, views: Iterable[View], limit: int) -> list[Neighbour]:
        """Numbers only grow, and become visible in their order: what is new is behind what is known."""
        while rows := source.vectors_after(self._last, _PAGE):
            numbers, vectors = zip(*rows, strict=True)
            self._index.add(numbers, vectors)
            self._last = numbers[-1]
        return self._index.search(views, limit)

    def close(self) -> None:
        self._index = VectorIndex()


class RemoteSearch:
    """A service proposes; evidence is computed from the registry's own vectors, as in LocalSearch."""

    def __init__(self, service: VectorService) -> None:
        self._service, self._last, self._open, self._ready = service, 0, False, False

    def added(self, source: VectorSource) -> None:
        """Send what is new. The records are safe already, so a service that is away is only told of."""
        try:
            self._catch_up(source)
        except RegistryError as error:
            _log.warning("%s; it gets the new vectors with the next search", error)

    def nearest(self, source: VectorSource, views: Iterable[View], limit: int) -> list[Neighbour]:
        views = [view for view in views if view.vector.any()]  # what shows nothing points nowhere
        if not self._catch_up(source) or not views:
            return []
        proposed = self._service.propose(np.stack([view.vector for view in views]), PROPOSED)
        wanted = {number for numbers in proposed for number in numbers}
        vectors = dict(source.vectors_of(wanted))
        found = []
        for view, numbers in zip(views, proposed, strict=True):
            ours = [number for number in numbers if len(vectors.get(number, b"")) == DIMENSIONS]
            if ours:
                packed = np.frombuffer(b"".join(vectors[number] for number in ours), np.int8)
                found += ranked(np.array(ours), packed.reshape(-1, DIMENSIONS), view, limit)
        return best_of(found, limit)

    def close(self) -> None:
        self._service.close()

    def _catch_up(self, source: VectorSource) -> bool:
        """Send the service the vectors that it lacks; False where the registry is empty."""
        count, registry = source.state()
        if not count:
            return False
        if not self._open:
            self._service.open(registry)
            self._open = True
            if self._service.count() == count:  # the usual case, without reading all vectors once
                self._last = count
        while rows := source.vectors_after(self._last, _PAGE):
            present = self._service.present([number for number, _ in rows])
            lacking = [(number, vector) for number, vector in rows if number not in present]
            if lacking:
                self._service.put([number for number, _ in lacking], _directions(lacking))
            self._last = rows[-1][0]
        if not self._ready:
            self._service.ready()
            self._ready = True
        return True


def _directions(rows: Sequence[tuple[int, bytes]]) -> np.ndarray:
    """(n, 496) float32 of length 1."""
    for number, vector in rows:
        if len(vector) != DIMENSIONS:
            raise RegistryError(
                f"record {number}: expected a vector of {DIMENSIONS} bytes, got {len(vector)}"
            )
    vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.int8).reshape(-1, DIMENSIONS)
    directions = vectors.astype(np.float32)
    return directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-6)
