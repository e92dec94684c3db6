"""The nearest of many vectors: signs first, then the cosine itself.

    signs of all vectors, 62 bytes each --> the 128 that differ in the fewest --> their cosine --> the best

Both steps look only at the numbers that count in the view. Everything is in memory, 560 bytes a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.registry.embedding import DIMENSIONS, View, evidence, score

_WORDS = -(-DIMENSIONS // 64)
_CANDIDATES = 128
_CHUNK = 16_384  # vectors looked at together, so that what is between the steps stays in the cache
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
        best: dict[int, Neighbour] = {}
        for view in views:
            for found in self._search(view):
                known = best.get(found.number)
                if known is None or found.evidence > known.evidence:
                    best[found.number] = found
        return sorted(best.values(), key=lambda found: (-found.evidence, found.number))[:limit]

    def _search(self, view: View) -> list[Neighbour]:
        if not self._count:
            return []
        rows = np.arange(self._count)
        if self._count > _CANDIDATES:
            distances = self._distances(view)
            last = np.searchsorted(np.bincount(distances).cumsum(), _CANDIDATES)
            at_last = np.flatnonzero(distances == last)[:_CANDIDATES]
            rows = np.concatenate([np.flatnonzero(distances < last), at_last])
        scores = score(self._vectors[rows].astype(np.float32), view)
        sure = evidence(scores, view)
        numbers = self._numbers[rows]
        return [Neighbour(int(n), float(s), float(e)) for n, s, e in zip(numbers, scores, sure, strict=True)]

    def _distances(self, view: View) -> np.ndarray:
        """In how many of the signs that count each vector differs from the view, (n,) uint16."""
        own, counts = _signs(view.vector[None])[0], _words(view.counts[None])[0]
        distances = np.zeros(self._count, np.uint16)
        differing, ones = np.empty(_CHUNK, np.uint64), np.empty(_CHUNK, np.uint8)
        for start in range(0, self._count, _CHUNK):
            part = distances[start : start + _CHUNK]
            length = len(part)
            for word in np.flatnonzero(counts):
                signs = self._signs[word, start : start + length]
                here = np.bitwise_xor(signs, own[word], out=differing[:length])
                np.bitwise_and(here, counts[word], out=here)
                part += np.bitwise_count(here, out=ones[:length])
        return distances

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


def _signs(vectors: np.ndarray) -> np.ndarray:
    return _words(vectors > 0)


def _words(bits: np.ndarray) -> np.ndarray:
    """(n, 496) bool -> (n, 8) uint64, the rest 0."""
    packed = np.zeros((len(bits), 8 * _WORDS), np.uint8)
    packed[:, : DIMENSIONS // 8] = np.packbits(bits, axis=1)
    return packed.view(np.uint64)
