"""The nearest of many vectors: some of their signs, all signs of a few, then the cosine itself.

    128 signs of the coarse grids, 16 bytes each --> the 64th part that differs in the fewest
    all 496 signs of those                       --> the 128 that differ in the fewest
                                                 --> their cosine --> the best

Every step looks only at the numbers that count in the view. Everything is in memory, 584 bytes a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry.embedding import DIMENSIONS, View, evidence, score

_WORDS = -(-DIMENSIONS // 64)
_FIRST_WORDS = 2  # looked at of all vectors
_CANDIDATES = 128
BYTES_PER_VECTOR = 8 + DIMENSIONS + 8 * (_FIRST_WORDS + _WORDS)
"""In memory: the record's number, the vector, its signs."""
_CHUNK = 65_536  # vectors looked at together, so that what is between the steps stays in the cache
_KEPT = 1 / 64  # part of the vectors that they leave
_WHOLE = 32_768  # so many vectors or fewer are looked at whole, in no time
_MOST = _CHUNK // 8  # kept of a chunk, however many are equally near: pictures of nothing are all alike
_SAMPLED = 4096  # vectors by which that part's largest distance is estimated
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
        self._first = np.empty((_FIRST_WORDS, 0), np.uint64)  # by word, as all of them are read
        self._signs = np.empty((0, _WORDS), np.uint64)  # by vector, as few are

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
        self._first[:, here], self._signs[here] = _first_words(vectors > 0).T, _words(vectors > 0)
        self._count = end

    def search(self, views: Iterable[View], limit: int) -> list[Neighbour]:
        """The records most like any of the views, best evidence first."""
        views, found = list(views), []
        for view, rows in zip(views, self.candidates(views), strict=True):
            found += ranked(self._numbers[rows], self._vectors[rows], view, limit)
        return best_of(found, limit)

    def candidates(self, views: list[View]) -> list[np.ndarray]:
        """Rows of each view whose cosine is worth computing, at least 128 where there are as many."""
        if self._count <= _CANDIDATES:
            return [np.arange(self._count)] * len(views)
        first, signs = self._first[:, : self._count], self._signs[: self._count]
        sample = None
        if self._count > _WHOLE:
            sample = first[:, :: self._count // _SAMPLED].copy()
        room = np.empty(_CHUNK, np.uint64), np.empty(_CHUNK, np.uint8), np.empty(_CHUNK, np.uint8)
        scans = [_Scan(view, sample, room) for view in views]
        for start in range(0, self._count, _CHUNK):
            for scan in scans:
                scan.look_at(start, first[:, start : start + _CHUNK])
        return [scan.nearest(signs) for scan in scans]

    def _make_room(self, wanted: int) -> None:
        room = len(self._numbers)
        if wanted <= room:
            return
        larger = max(wanted, 2 * room, _FIRST_ROOM)
        numbers, vectors = np.empty(larger, np.int64), np.empty((larger, DIMENSIONS), np.int8)
        first = np.empty((_FIRST_WORDS, larger), np.uint64)
        signs = np.empty((larger, _WORDS), np.uint64)
        here = slice(0, self._count)
        numbers[here], vectors[here], signs[here] = (
            self._numbers[here],
            self._vectors[here],
            self._signs[here],
        )
        first[:, here] = self._first[:, here]
        self._numbers, self._vectors, self._first, self._signs = numbers, vectors, first, signs


class _Scan:
    """One view on its way through the signs of all vectors."""

    def __init__(self, view: View, sample: np.ndarray | None, room: tuple[np.ndarray, ...]) -> None:
        """sample: (2, s) uint64, first words of some vectors of many. room: to work in, (_CHUNK,) uint64,
        uint8 and uint8."""
        self._room = room
        own, counts = view.vector[None] > 0, view.counts[None]
        self._first_own, self._first_counts = _first_words(own)[0], _first_words(counts)[0]
        self._own, self._counts = _words(own)[0], _words(counts)[0]
        self._rows: list[np.ndarray] = []
        self._furthest, self._chosen = 64 * _FIRST_WORDS, sample is not None
        if sample is not None:
            distances, place = self._first_distances(sample), int(_KEPT * sample.shape[1])
            self._furthest = int(np.partition(distances, place)[place])

    def look_at(self, start: int, signs: np.ndarray) -> None:
        """Keep what is near by the first words (2, m) of some vectors, whose first row is `start`."""
        distances = self._first_distances(signs)
        rows = np.flatnonzero(distances <= self._furthest)
        if self._chosen and len(rows) > _MOST:
            rows = np.sort(rows[np.argsort(distances[rows], kind="stable")[:_MOST]])
        self._rows.append(rows + start)

    def nearest(self, signs: np.ndarray) -> np.ndarray:
        """The 128 rows that differ in the fewest signs, or all where fewer are left; of equals the first.
        signs: (n, 8) uint64, of all vectors."""
        rows = np.concatenate(self._rows)
        differing = np.empty((_WORDS, len(rows)), np.uint64)
        np.bitwise_xor(signs.take(rows, axis=0).T, self._own[:, None], out=differing)
        np.bitwise_and(differing, self._counts[:, None], out=differing)
        distances = np.bitwise_count(differing).sum(0, dtype=np.uint16)
        return rows[np.argsort(distances, kind="stable")[:_CANDIDATES]]

    def _first_distances(self, signs: np.ndarray) -> np.ndarray:
        """In how many signs (2, m) first words differ from the view's: (m,) uint8, until the next."""
        differing, ones, distances = (room[: signs.shape[1]] for room in self._room)
        for word in range(_FIRST_WORDS):
            np.bitwise_xor(signs[word], self._first_own[word], out=differing)
            np.bitwise_and(differing, self._first_counts[word], out=differing)
            np.bitwise_count(differing, out=ones if word else distances)
        return np.add(distances, ones, out=distances)


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


def _words(bits: np.ndarray) -> np.ndarray:
    """(n, 496) bool -> (n, 8) uint64, the rest 0."""
    packed = np.zeros((len(bits), 8 * _WORDS), np.uint8)
    packed[:, : DIMENSIONS // 8] = np.packbits(bits, axis=1)
    return packed.view(np.uint64)


def _first_words(bits: np.ndarray) -> np.ndarray:
    """The 128 of (n, 496) bool that tell most of the whole frame, (n, 2) uint64: luma of the grid of 8x8, all
    of the one of 4x4, and a little of the colours of the former."""
    chosen = np.concatenate([bits[:, 256:448:3], bits[:, 448:496], bits[:, 257:448:12]], axis=1)
    return np.packbits(chosen, axis=1).view(np.uint64)
