"""Nearest-neighbour index in memory: Hamming distance of some signs, of all signs, then the cosine.

    128 signs of the coarse grids, 16 bytes each --> the 1/64 of the vectors with the smallest distance
    all 496 signs of those                       --> the 128 with the smallest distance
                                                 --> their cosine --> the best

Every step uses only the numbers that the view compares. Memory: 584 bytes per vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry.embedding import DIMENSIONS, View, evidence, score

_WORDS = -(-DIMENSIONS // 64)
_FIRST_WORDS = 2  # of the signs, compared for all vectors
_CANDIDATES = 128
BYTES_PER_VECTOR = 8 + DIMENSIONS + 8 * (_FIRST_WORDS + _WORDS)
"""Number of the record, vector and signs."""
_CHUNK = 65_536  # vectors compared together, so that intermediate arrays stay in the cache
_SELECTED_SHARE = 1 / 64  # part of the vectors that the first signs select
_UNFILTERED = 32_768  # with at most so many vectors all of them are candidates
_MOST_OF_CHUNK = _CHUNK // 8  # selected of a chunk at most: uniform pictures all have equal distances
_SAMPLED = 4096  # vectors from which the largest selected distance is estimated
_FIRST_ROOM = 1024


@dataclass(frozen=True)
class Neighbour:
    """A record near to a view."""

    number: int
    """Number of the record."""
    score: float
    """Cosine over the compared numbers, at most 1."""
    evidence: float
    """Significance of the score; see embedding.evidence."""


class VectorIndex:
    """Vectors by record number, append-only."""

    def __init__(self) -> None:
        self._count = 0
        self._numbers = np.empty(0, np.int64)
        self._vectors = np.empty((0, DIMENSIONS), np.int8)
        self._first = np.empty((_FIRST_WORDS, 0), np.uint64)  # stored by word, as all vectors are read
        self._signs = np.empty((0, _WORDS), np.uint64)  # stored by vector, as few are read

    def __len__(self) -> int:
        return self._count

    def add(self, numbers: Sequence[int], packed: Sequence[bytes]) -> None:
        """Append packed vectors. RegistryError where one does not have DIMENSIONS bytes."""
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
        """The records nearest to any of the views, best evidence first, at most `limit`."""
        views, found = list(views), []
        for view, rows in zip(views, self.candidates(views), strict=True):
            found += ranked(self._numbers[rows], self._vectors[rows], view, limit)
        return best_of(found, limit)

    def candidates(self, views: list[View]) -> list[np.ndarray]:
        """For each view the rows whose cosine is computed: at least 128, or all rows."""
        if self._count <= _CANDIDATES:
            return [np.arange(self._count)] * len(views)
        first, signs = self._first[:, : self._count], self._signs[: self._count]
        sample = None
        if self._count > _UNFILTERED:
            sample = first[:, :: self._count // _SAMPLED].copy()
        room = np.empty(_CHUNK, np.uint64), np.empty(_CHUNK, np.uint8), np.empty(_CHUNK, np.uint8)
        scans = [_Scan(view, sample, room) for view in views]
        for start in range(0, self._count, _CHUNK):
            for scan in scans:
                scan.scan(start, first[:, start : start + _CHUNK])
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
    """Hamming distances between one view and all vectors."""

    def __init__(self, view: View, sample: np.ndarray | None, room: tuple[np.ndarray, ...]) -> None:
        """sample: (2, s) uint64, first words of some of many vectors. room: work arrays, (_CHUNK,) uint64,
        uint8 and uint8."""
        self._room = room
        own, counts = view.vector[None] > 0, view.counts[None]
        self._first_own, self._first_counts = _first_words(own)[0], _first_words(counts)[0]
        self._own, self._counts = _words(own)[0], _words(counts)[0]
        self._rows: list[np.ndarray] = []
        self._furthest, self._sampled = 64 * _FIRST_WORDS, sample is not None
        if sample is not None:
            distances, place = self._first_distances(sample), int(_SELECTED_SHARE * sample.shape[1])
            self._furthest = int(np.partition(distances, place)[place])

    def scan(self, start: int, signs: np.ndarray) -> None:
        """Select near vectors by the first words (2, m) uint64 of the rows from `start`."""
        distances = self._first_distances(signs)
        rows = np.flatnonzero(distances <= self._furthest)
        if self._sampled and len(rows) > _MOST_OF_CHUNK:
            rows = np.sort(rows[np.argsort(distances[rows], kind="stable")[:_MOST_OF_CHUNK]])
        self._rows.append(rows + start)

    def nearest(self, signs: np.ndarray) -> np.ndarray:
        """The 128 selected rows with the smallest distance, ties by row, or all where there are fewer.
        signs: (n, 8) uint64, of all vectors."""
        rows = np.concatenate(self._rows)
        differing = np.empty((_WORDS, len(rows)), np.uint64)
        np.bitwise_xor(signs.take(rows, axis=0).T, self._own[:, None], out=differing)
        np.bitwise_and(differing, self._counts[:, None], out=differing)
        distances = np.bitwise_count(differing).sum(0, dtype=np.uint16)
        return rows[np.argsort(distances, kind="stable")[:_CANDIDATES]]

    def _first_distances(self, signs: np.ndarray) -> np.ndarray:
        """Distances of (2, m) first words to the view: (m,) uint8, valid until the next call."""
        differing, ones, distances = (room[: signs.shape[1]] for room in self._room)
        for word in range(_FIRST_WORDS):
            np.bitwise_xor(signs[word], self._first_own[word], out=differing)
            np.bitwise_and(differing, self._first_counts[word], out=differing)
            np.bitwise_count(differing, out=ones if word else distances)
        return np.add(distances, ones, out=distances)


def ranked(numbers: np.ndarray, vectors: np.ndarray, view: View, limit: int) -> list[Neighbour]:
    """The best of some records by their cosine with a view. numbers: (n,); vectors: (n, 496) int8."""
    scores = score(vectors.astype(np.float32), view)
    significance = evidence(scores, view)
    return [
        Neighbour(int(numbers[place]), float(scores[place]), float(significance[place]))
        for place in np.argsort(-significance, kind="stable")[:limit]
    ]


def best_of(found: Iterable[Neighbour], limit: int) -> list[Neighbour]:
    """The best neighbours of several views, each record once, at most `limit`."""
    best: dict[int, Neighbour] = {}
    for neighbour in found:
        known = best.get(neighbour.number)
        if known is None or neighbour.evidence > known.evidence:
            best[neighbour.number] = neighbour
    return sorted(best.values(), key=lambda one: (-one.evidence, one.number))[:limit]


def _words(bits: np.ndarray) -> np.ndarray:
    """(n, 496) bool -> (n, 8) uint64, padded with 0."""
    packed = np.zeros((len(bits), 8 * _WORDS), np.uint8)
    packed[:, : DIMENSIONS // 8] = np.packbits(bits, axis=1)
    return packed.view(np.uint64)


def _first_words(bits: np.ndarray) -> np.ndarray:
    """128 of (n, 496) bool as (n, 2) uint64: luma of the 8x8 grid, all of the 4x4 grid, and a part of the
    chroma of the 8x8 grid."""
    selected = np.concatenate([bits[:, 256:448:3], bits[:, 448:496], bits[:, 257:448:12]], axis=1)
    return np.packbits(selected, axis=1).view(np.uint64)
