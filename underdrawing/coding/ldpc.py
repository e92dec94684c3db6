"""Low-density parity-check codes for the layers: irregular repeat-accumulate, decoded by belief propagation.

H = [A | staircase] (Jin, Khandekar and McEliece 2000), so encoding is one cumulative XOR. Codes are long and
of low rate, because many coded bits are erased where a picture is flat. Below rate 1/4 the codeword of a
higher rate is repeated: belief propagation converges better than on a graph of such a rate and is several
times as fast. Decoding is done by the package `ldpc`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import scipy.sparse as sp

from underdrawing.core.errors import CodeError

_LOW_DEGREE = 3
_HIGH_SHARE = 0.4
_EDGES_PER_CHECK = 2.0
_LEAST_HIGH_DEGREE = 8
_LARGEST_LLR = 25.0
_LEAST_GRAPH_RATE = 0.25
_SUM_PRODUCT_WORK = 800_000  # bits times rounds: most of a second
_LEAST_ROUNDS = 25
_QUICK_SCALE = 0.93  # of min-sum messages: at low rates .8 and below lose a decibel more


@dataclass(frozen=True)
class Decoded:
    """Result of decoding."""

    bits: np.ndarray
    """(k,) uint8 information bits."""
    ok: bool
    """Whether every parity check holds; the CRC decides whether the bits are correct."""
    codeword: np.ndarray
    """(n,) uint8."""
    iterations: int


class Code:
    """An (n, k) code; the same arguments give the same code on every machine."""

    def __init__(self, n: int, k: int, seed: int = 1):
        if not 0 < k < n:
            raise CodeError(f"expected 0 < k < n, got n = {n}, k = {k}")
        self.n, self.k = n, k
        repeats = max(1, int(_LEAST_GRAPH_RATE * n / k))
        self.graph_bits = -(-n // repeats)
        """Bits of the codeword that is repeated to fill n."""
        checks = self.graph_bits - k
        rows, cols = _edges(self.graph_bits, k, seed)
        j = np.arange(checks)
        rows = np.concatenate([rows, j, j[1:]])
        cols = np.concatenate([cols, k + j, k + j[1:] - 1])
        ones = np.ones(len(rows), np.int32)
        matrix = sp.csr_matrix((ones, (rows, cols)), shape=(checks, self.graph_bits))
        matrix.data &= 1  # an edge drawn twice cancels
        matrix.eliminate_zeros()
        self._information = matrix[:, :k]
        self.matrix = matrix
        self._decoders: dict[tuple[str, int], Any] = {}
        self._lock = Lock()  # the decoders of the package are stateful

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """(k,) bits -> (n,) uint8 codeword that starts with them."""
        if len(bits) != self.k:
            raise CodeError(f"expected {self.k} bits, got {len(bits)}")
        parity = np.cumsum(self._information @ bits.astype(np.int32)) & 1
        return self._repeated(np.concatenate([bits.astype(np.uint8), parity.astype(np.uint8)]))

    def decode(self, llr: np.ndarray, iterations: int = 60) -> Decoded:
        """Belief propagation on (n,) log-likelihood ratios, positive for 0; 0 is an erasure.

        Min-sum first, which is several times as fast, then sum-product where that has failed, each with up to
        `iterations` rounds; fewer for sum-product on long codes, where a failure would take seconds.
        """
        if len(llr) != self.n:
            raise CodeError(f"expected {self.n} soft bits, got {len(llr)}")
        llr = self._summed(np.asarray(llr, np.float64))
        hard = (llr < 0).astype(np.uint8)
        syndrome = self._syndrome(hard)
        if not syndrome.any():
            return Decoded(hard[: self.k], True, self._repeated(hard), 0)
        error = 1 / (1 + np.exp(np.minimum(np.abs(llr), _LARGEST_LLR)))
        spent = 0
        for method in self._methods:
            with self._lock:
                decoder = self._decoder(method, self._rounds(method, iterations))
                decoder.update_channel_probs(error)
                word = hard ^ decoder.decode(syndrome)
                spent += decoder.iter
            ok = not self._syndrome(word).any()
            if ok:
                break
        return Decoded(word[: self.k], ok, self._repeated(word), spent)

    def information(self, llr: np.ndarray) -> np.ndarray:
        """(n,) soft bits -> (k,) float32 channel soft bits of the information bits, without decoding."""
        return self._summed(np.asarray(llr, np.float64))[: self.k].astype(np.float32)

    _methods: tuple[str, ...] = ("minimum_sum", "product_sum")

    def _rounds(self, method: str, iterations: int) -> int:
        if method == "minimum_sum":
            return iterations
        return min(iterations, max(_LEAST_ROUNDS, _SUM_PRODUCT_WORK // self.graph_bits))

    def _repeated(self, word: np.ndarray) -> np.ndarray:
        return np.resize(word, self.n)

    def _summed(self, llr: np.ndarray) -> np.ndarray:
        short = -self.n % self.graph_bits
        return np.pad(llr, (0, short)).reshape(-1, self.graph_bits).sum(axis=0)

    def _syndrome(self, word: np.ndarray) -> np.ndarray:
        return ((self.matrix @ word.astype(np.int32)) & 1).astype(np.uint8)

    def _decoder(self, method: str, iterations: int) -> Any:
        if (method, iterations) not in self._decoders:
            self._decoders[method, iterations] = self._new_decoder(
                error_rate=0.1,
                max_iter=iterations,
                bp_method=method,
                ms_scaling_factor=_QUICK_SCALE,
                schedule="serial",
                input_vector_type="syndrome",
            )
        return self._decoders[method, iterations]

    def _new_decoder(self, **options: Any) -> Any:
        from ldpc import BpDecoder

        return BpDecoder(self.matrix.astype(np.uint8), **options)


class ShortCode(Code):
    """A short code with near-optimal decoding: belief propagation, then ordered statistics."""

    _methods = ("product_sum",)

    def _new_decoder(self, **options: Any) -> Any:
        from ldpc import BpOsdDecoder

        return BpOsdDecoder(self.matrix.astype(np.uint8), osd_method="osd_cs", osd_order=8, **options)


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
    """Rows and columns of A: checks of equal degree, most short cycles removed by swaps."""
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
    for distance in range(1, min(largest, 12)):
        i = np.flatnonzero(cols[:-distance] == cols[distance:])
        first.append(i)
        second.append(i + distance)
    return np.concatenate(first), np.concatenate(second)
