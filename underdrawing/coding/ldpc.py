"""Low-density parity-check codes for the layers: irregular repeat-accumulate, decoded by belief propagation.

H = [A | staircase] (Jin, Khandekar and McEliece 2000), so a codeword is written by one cumulative XOR. A
large part of the coded bits never reaches the reader: where a picture is flat nothing is embedded. So codes
are long and of low rate, and the degrees of A grow as the rate falls; with a fixed degree most parity bits
would only repeat their neighbour. Decoding is done by the package `ldpc`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from underdrawing.core.errors import CodeError

_LOW_DEGREE = 3
_HIGH_SHARE = 0.4
_EDGES_PER_CHECK = 1.2
_LEAST_HIGH_DEGREE = 8
_LARGEST_LLR = 25.0


@dataclass(frozen=True)
class Decoded:
    """What a decoder made of soft bits."""

    bits: np.ndarray
    """(k,) uint8 information bits."""
    ok: bool
    """Whether every parity check holds. Says nothing of whether these are the bits that were sent: that is
    the CRC's."""
    codeword: np.ndarray
    """(n,) uint8."""
    iterations: int


class Code:
    """An (n, k) code; the same arguments give the same code on every machine."""

    def __init__(self, n: int, k: int, seed: int = 1):
        if not 0 < k < n:
            raise CodeError(f"expected 0 < k < n, got n = {n}, k = {k}")
        self.n, self.k = n, k
        rows, cols = _edges(n, k, seed)
        checks = n - k
        j = np.arange(checks)
        rows = np.concatenate([rows, j, j[1:]])
        cols = np.concatenate([cols, k + j, k + j[1:] - 1])
        matrix = sp.csr_matrix((np.ones(len(rows), np.int32), (rows, cols)), shape=(checks, n))
        matrix.data &= 1  # an edge drawn twice cancels
        matrix.eliminate_zeros()
        self._information = matrix[:, :k]
        self.matrix = matrix
        self._decoders: dict[int, Any] = {}

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """(k,) bits -> (n,) uint8 codeword that starts with them."""
        if len(bits) != self.k:
            raise CodeError(f"expected {self.k} bits, got {len(bits)}")
        parity = np.cumsum(self._information @ bits.astype(np.int32)) & 1
        return np.concatenate([bits.astype(np.uint8), parity.astype(np.uint8)])

    def decode(self, llr: np.ndarray, iterations: int = 60) -> Decoded:
        """Belief propagation (sum-product) on (n,) log-likelihood ratios, positive for 0; 0 is an erasure."""
        if len(llr) != self.n:
            raise CodeError(f"expected {self.n} soft bits, got {len(llr)}")
        hard = (llr < 0).astype(np.uint8)
        syndrome = self._syndrome(hard)
        if not syndrome.any():
            return Decoded(hard[: self.k], True, hard, 0)
        decoder = self._decoder(iterations)
        decoder.update_channel_probs(
            1 / (1 + np.exp(np.minimum(np.abs(llr), _LARGEST_LLR).astype(np.float64)))
        )
        codeword = hard ^ decoder.decode(syndrome)
        return Decoded(codeword[: self.k], not self._syndrome(codeword).any(), codeword, decoder.iter)

    def _syndrome(self, word: np.ndarray) -> np.ndarray:
        return ((self.matrix @ word.astype(np.int32)) & 1).astype(np.uint8)

    def _decoder(self, iterations: int) -> Any:
        if iterations not in self._decoders:
            from ldpc import BpDecoder

            self._decoders[iterations] = BpDecoder(
                self.matrix.astype(np.uint8),
                error_rate=0.1,
                max_iter=iterations,
                bp_method="product_sum",
                schedule="serial",
                input_vector_type="syndrome",
            )
        return self._decoders[iterations]


class ShortCode(Code):
    """A short code that is decoded nearly as well as it can be: belief propagation, then ordered
    statistics."""

    def _decoder(self, iterations: int) -> Any:
        if iterations not in self._decoders:
            from ldpc import BpOsdDecoder

            self._decoders[iterations] = BpOsdDecoder(
                self.matrix.astype(np.uint8),
                error_rate=0.1,
                max_iter=iterations,
                bp_method="product_sum",
                schedule="serial",
                input_vector_type="syndrome",
                osd_method="osd_cs",
                osd_order=8,
            )
        return self._decoders[iterations]


@lru_cache(maxsize=24)
def code(n: int, k: int) -> Code:
    """A shared code: building one of 20,000 bits takes a few hundredths of a second."""
    return Code(n, k)


@lru_cache(maxsize=2)
def short_code(n: int, k: int) -> ShortCode:
    """A shared short code."""
    return ShortCode(n, k)


def _degrees(n: int, k: int) -> np.ndarray:
    mean = _EDGES_PER_CHECK * (n - k) / k
    high = max(_LEAST_HIGH_DEGREE, int(np.ceil((mean - _LOW_DEGREE) / _HIGH_SHARE + _LOW_DEGREE)))
    degrees = np.full(k, _LOW_DEGREE)
    degrees[: round(_HIGH_SHARE * k)] = high
    return degrees


def _edges(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of A: checks equally loaded, short cycles swapped away where a few rounds can."""
    checks = n - k
    degrees = _degrees(n, k)
    total = int(degrees.sum())
    cols = np.repeat(np.arange(k), degrees)
    source = np.random.PCG64(seed)  # raw 64-bit output, which numpy keeps stable between versions
    rows = (np.arange(total) % checks)[np.argsort(source.random_raw(total), kind="stable")]
    first, second = _pairs(cols, int(degrees.max()))
    for _ in range(6):
        low, high = np.minimum(rows[first], rows[second]), np.maximum(rows[first], rows[second])
        bad = high - low <= 1  # the same check, or two that the staircase joins
        key = low * checks + high
        order = np.argsort(key, kind="stable")
        bad[order[1:]] |= key[order[1:]] == key[order[:-1]]  # two columns that share two checks
        movable = np.unique(second[bad])
        if not len(movable):
            break
        partners = (source.random_raw(len(movable)) % np.uint64(total)).astype(np.int64)
        for a, b in zip(movable.tolist(), partners.tolist(), strict=True):
            rows[a], rows[b] = rows[b], rows[a]
    return rows, cols


def _pairs(cols: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edges that leave the same column, for columns of up to twelve edges near each other."""
    first, second = [], []
    for gap in range(1, min(largest, 12)):
        i = np.flatnonzero(cols[:-gap] == cols[gap:])
        first.append(i)
        second.append(i + gap)
    return np.concatenate(first), np.concatenate(second)
