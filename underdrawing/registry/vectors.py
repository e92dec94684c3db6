"""The nearest of many vectors: signs first, then the cosine itself.

    signs of the coarse grids, 32 bytes each --> the 64th part that differs in the fewest
    signs of all grids, 62 bytes each        --> of those the 128 that differ in the fewest
                                             --> their cosine --> the best

Every step looks only at the numbers that count in the view. Everything is in memory, 568 bytes a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry.embedding import DIMENSIONS, View, evidence, score

_WORDS = -(-DIMENSIONS // 64)
_CANDIDATES = 128
_CHUNK = 32_768  # vectors looked at together, so that what is between the steps stays in the cache
_COARSE_WORDS = range(4, _WORDS)  # the grids of 8x8 and 4x4, at most 240 signs: distances fit in 8 bits
_KEPT = 1 / 64  # part of the vectors that the coarse signs leave
_SAMPLED = 1024  # vectors by which that part's largest distance is estimated
_FIRST_ROOM = 1024


@dataclass(frozen=True)
class Neighbour:
    """A vector that is like a view."""

    number: int
    """Of its record."""
    score: float
    """Cosine over what was compared, at most 1."""
    evidence: float
    """How little chance explains it; see embedding.evidence."""


class VectorIndex:
    """Vectors by record number; grows at its end."""

    def __init__(self) -> None:
        self._count = 0
        self._numbers = np.empty(0, np.int64)
        self._vectors = np.empty((0, DIMENSIONS), np.int8)
        self._signs = np.empty((_WORDS, 0), np.uint64)

    def __len__(self) -> int:
        return self._count

    def add(self, numbers: Sequence[int], packed: Sequence[bytes]) -> None:
        """Append packed vectors. RegistryError where one has another length than the embedding's."""
        if not packed:
            return
        for number, vector in zip(numbers, packed, strict=True):
            if len(vector) != DIMENSIONS:
                raise RegistryError(
                    f"record {number}: expected a vector of {DIMENSIONS} bytes, got {len(vector)}"
                )
        vectors = np.frombuffer(b"".join(packed), np.int8).reshape(-1, DIMENSIONS)
        end = self._count + len(vectors)
        self._make_room(end)
        here = slice(self._count, end)
        self._numbers[here] = numbers
        self._vectors[here] = vectors
        self._signs[:, here] = _signs(vectors).T
        self._count = end

    def search(self, views: Iterable[View], limit: int) -> list[Neighbour]:
        """The records most like any of the views, best evidence first."""
        views, found = list(views), []
        for view, rows in zip(views, self._candidates(views), strict=True):
            found += ranked(self._numbers[rows], self._vectors[rows], view, limit)
        return best_of(found, limit)

    def _candidates(self, views: list[View]) -> list[np.ndarray]:
        """Rows of each view whose cosine is worth computing, at least 128 where there are as many."""
        if self._count <= _CANDIDATES:
            return [np.arange(self._count)] * len(views)
        room = np.empty(_CHUNK, np.uint64), np.empty(_CHUNK, np.uint8)
        scans = [_Scan(view, self._signs[:, : self._count], room) for view in views]
        for start in range(0, self._count, _CHUNK):
            signs = self._signs[:, start : min(start + _CHUNK, self._count)]
            for scan in scans:
                scan.look_at(start, signs)
        return [scan.nearest() for scan in scans]

    def _make_room(self, wanted: int) -> None:
        room = len(self._numbers)
        if wanted <= room:
            return
        larger = max(wanted, 2 * room, _FIRST_ROOM)
        numbers, vectors = np.empty(larger, np.int64), np.empty((larger, DIMENSIONS), np.int8)
        signs = np.empty((_WORDS, larger), np.uint64)
        here = slice(0, self._count)
        numbers[here], vectors[here] = self._numbers[here], self._vectors[here]
        signs[:, here] = self._signs[:, here]
        self._numbers, self._vectors, self._signs = numbers, vectors, signs


class _Scan:
    """One view on its way through the signs of all vectors."""

    def __init__(self, view: View, signs: np.ndarray, room: tuple[np.ndarray, np.ndarray]) -> None:
        """signs: (8, n) uint64, of all vectors. room: (_CHUNK,) uint64 and uint8, to work in."""
        self._room = room
        self._own, self._counts = _signs(view.vector[None])[0], _words(view.counts[None])[0]
        self._coarse = [word for word in _COARSE_WORDS if self._counts[word]]
        self._fine = [word for word in range(_WORDS) if self._counts[word] and word not in self._coarse]
        self._rows: list[np.ndarray] = []
        self._distances: list[np.ndarray] = []
        self._furthest = 255
        if signs.shape[1] > _CHUNK:  # fewer are looked at in no time
            sample = self._coarse_distances(signs[:, :: signs.shape[1] // _SAMPLED])
            self._furthest = int(np.partition(sample, place := int(_KEPT * len(sample)))[place])

    def look_at(self, start: int, signs: np.ndarray) -> None:
        """Keep what is near of (8, m) signs, whose first row is `start`."""
        coarse = self._coarse_distances(signs)
        rows = np.flatnonzero(coarse <= self._furthest)
        distances = coarse[rows].astype(np.uint16)
        for word in self._fine:
            differing = (signs[word].take(rows) ^ self._own[word]) & self._counts[word]
            distances += np.bitwise_count(differing)
        self._rows.append(start + rows)
        self._distances.append(distances)

    def nearest(self) -> np.ndarray:
        """The 128 rows that differ in the fewest signs, or all where fewer are left; of equals the first."""
        rows, distances = np.concatenate(self._rows), np.concatenate(self._distances)
        return rows[np.argsort(distances, kind="stable")[:_CANDIDATES]]

    def _coarse_distances(self, signs: np.ndarray) -> np.ndarray:
        """In how many signs of the coarse words (8, m) signs differ from the view, (m,) uint8."""
        distances = np.zeros(signs.shape[1], np.uint8)
        differing, ones = (room[: signs.shape[1]] for room in self._room)
        for word in self._coarse:
            np.bitwise_xor(signs[word], self._own[word], out=differing)
            np.bitwise_and(differing, self._counts[word], out=differing)
            distances += np.bitwise_count(differing, out=ones)
        return distances


def ranked(numbers: np.ndarray, vectors: np.ndarray, view: View, limit: int) -> list[Neighbour]:
    """The best of some records by their cosine with a view. vectors: (n, 496) int8."""
    scores = score(vectors.astype(np.float32), view)
    sure = evidence(scores, view)
    return [
        Neighbour(int(numbers[place]), float(scores[place]), float(sure[place]))
        for place in np.argsort(-sure, kind="stable")[:limit]
    ]


def best_of(found: Iterable[Neighbour], limit: int) -> list[Neighbour]:
    """The best of what was found by several views, every record once."""
    best: dict[int, Neighbour] = {}
    for neighbour in found:
        known = best.get(neighbour.number)
        if known is None or neighbour.evidence > known.evidence:
            best[neighbour.number] = neighbour
    return sorted(best.values(), key=lambda one: (-one.evidence, one.number))[:limit]


def _signs(vectors: np.ndarray) -> np.ndarray:
    return _words(vectors > 0)


def _words(bits: np.ndarray) -> np.ndarray:
    """(n, 496) bool -> (n, 8) uint64, the rest 0."""
    packed = np.zeros((len(bits), 8 * _WORDS), np.uint8)
    packed[:, : DIMENSIONS // 8] = np.packbits(bits, axis=1)
    return packed.view(np.uint64)
