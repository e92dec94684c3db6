"""Codes for the layers: irregular repeat-accumulate codes, decoded by belief propagation.

H = [A | staircase] (Jin, Khandekar and McEliece 2000), so encoding is one cumulative XOR. Codes are long and
of low rate, because many coded bits are erased where a picture is flat. Below rate 1/4 the codeword of a
higher rate is repeated: belief propagation converges better than on a graph of such a rate and is several
times as fast.

    information bits --A--> sums s_j --chain p_j = p_(j-1) ^ s_j--> parity bits

Each round computes the sum-product messages of A, and those of the chain exactly, forward and backward over
all of it, so that few rounds are needed although neighbouring parity bits are erased together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from underdrawing.coding.belief_chain import LARGEST, chain_beliefs
from underdrawing.coding.ordered_statistics import likely_codeword
from underdrawing.core.errors import CodeError

_LOW_DEGREE = 3
_HIGH_SHARE = 0.4
_EDGES_PER_CHECK = 2.0
_LEAST_HIGH_DEGREE = 8
_LARGEST_LLR = 25.0
_LEAST_GRAPH_RATE = 0.25
_SWAP_ROUNDS = 6


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
        self._columns = _table(*_edges(self.graph_bits, k, seed), self.graph_bits - k, k)

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """(k,) bits -> (n,) uint8 codeword that starts with them."""
        if len(bits) != self.k:
            raise CodeError(f"expected {self.k} bits, got {len(bits)}")
        bits = bits.astype(np.uint8)
        parity = np.bitwise_xor.accumulate(self._sums(bits))
        return self._repeated(np.concatenate([bits, parity]))

    def decode(self, llr: np.ndarray, iterations: int = 60) -> Decoded:
        """Belief propagation on (n,) log-likelihood ratios, positive for 0; 0 is an erasure."""
        if len(llr) != self.n:
            raise CodeError(f"expected {self.n} soft bits, got {len(llr)}")
        llr = self._summed(np.asarray(llr, np.float32)).clip(-_LARGEST_LLR, _LARGEST_LLR)
        word, spent = (llr < 0).astype(np.uint8), 0
        if self._broken(word):
            word, spent = self._searched(llr, iterations)
        return Decoded(word[: self.k], not self._broken(word), self._repeated(word), spent)

    def information(self, llr: np.ndarray) -> np.ndarray:
        """(n,) soft bits -> (k,) float32 channel soft bits of the information bits, without decoding."""
        return self._summed(np.asarray(llr, np.float32))[: self.k]

    def _searched(self, llr: np.ndarray, iterations: int) -> tuple[np.ndarray, int]:
        beliefs, spent = self._propagate(llr, iterations)
        return (beliefs < 0).astype(np.uint8), spent

    def _propagate(self, llr: np.ndarray, iterations: int) -> tuple[np.ndarray, int]:
        """Log-likelihood ratios (graph_bits,) after sum-product, until every parity check holds or the rounds
        are spent; and the number of rounds."""
        channel, parity = llr[: self.k], _tanh(llr[self.k :])
        bits, messages = channel, np.zeros(self._columns.shape, np.float32)
        spent, whole = 0, False
        while spent < iterations and not whole:
            # a missing edge of a short check is a bit known to be 0
            edges = _tanh(np.append(bits, np.float32(np.inf))[self._columns] - messages)
            others, sums = _products(edges)
            from_chain, chained = chain_beliefs(sums, parity)
            messages = _atanh(others * from_chain)
            arrived = np.bincount(self._columns.ravel(), messages.ravel(), self.k + 1)
            bits = channel + arrived[: self.k].astype(np.float32)
            spent, whole = spent + 1, not self._broken(np.concatenate([bits, chained]) < 0)
        return np.concatenate([bits, _atanh(chained)]), spent

    def _repeated(self, word: np.ndarray) -> np.ndarray:
        return np.resize(word, self.n)

    def _summed(self, llr: np.ndarray) -> np.ndarray:
        short = -self.n % self.graph_bits
        return np.pad(llr, (0, short)).reshape(-1, self.graph_bits).sum(axis=0)

    def _sums(self, bits: np.ndarray) -> np.ndarray:
        return np.bitwise_xor.reduce(np.append(bits, np.uint8(0))[self._columns], axis=0)

    def _broken(self, word: np.ndarray) -> int:
        """Number of parity checks that do not hold."""
        parity = word[self.k :]
        steps = parity ^ np.append(np.zeros(1, word.dtype), parity[:-1])
        return int(np.count_nonzero(steps != self._sums(word[: self.k])))


class ShortCode(Code):
    """A short code with near-optimal decoding: belief propagation, then ordered statistics."""

    @cached_property
    def _generator(self) -> np.ndarray:
        rows = (self.encode(row)[: self.graph_bits] for row in np.eye(self.k, dtype=np.uint8))
        return np.stack(list(rows))

    def _searched(self, llr: np.ndarray, iterations: int) -> tuple[np.ndarray, int]:
        beliefs, spent = self._propagate(llr, iterations)
        word = (beliefs < 0).astype(np.uint8)
        if self._broken(word):
            word = likely_codeword(self._generator, llr, beliefs)
        return word, spent


@lru_cache(maxsize=24)
def code(n: int, k: int) -> Code:
    """A shared code: building one of 20,000 bits takes a few hundredths of a second."""
    return Code(n, k)


@lru_cache(maxsize=2)
def short_code(n: int, k: int) -> ShortCode:
    """A shared short code."""
    return ShortCode(n, k)


def _tanh(llr: np.ndarray) -> np.ndarray:
    return np.tanh(llr / 2).clip(-LARGEST, LARGEST)


def _atanh(belief: np.ndarray) -> np.ndarray:
    return np.log((1 + belief) / (1 - belief))


def _products(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products over each column of (d, m): of all other elements, and of all."""
    others = np.empty_like(edges)
    product = np.ones(edges.shape[1], np.float32)
    for i, row in enumerate(edges):
        others[i] = product
        product = product * row
    behind = edges[-1]
    for i in range(len(edges) - 2, -1, -1):
        others[i] *= behind
        behind = behind * edges[i]
    return others, product


def _table(rows: np.ndarray, cols: np.ndarray, checks: int, k: int) -> np.ndarray:
    """(d, checks) columns of A with a one in each row, k where a row has fewer."""
    key, count = np.unique(rows * k + cols, return_counts=True)
    rows, cols = np.divmod(key[count % 2 == 1], k)  # an edge drawn twice cancels
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    table = np.full((rank.max(initial=0) + 1, checks), k)
    table[rank, rows] = cols
    return table


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
    rows = (np.arange(total) % checks)[np.argsort(source.random_raw(total))]
    first, second = _pairs(cols, int(degrees.max()))
    for _ in range(_SWAP_ROUNDS):
        movable = np.unique(second[_short_cycles(rows[first], rows[second], checks)])
        if not len(movable):
            break
        partners = (source.random_raw(len(movable)) % np.uint64(total)).astype(np.int64)
        swapped = rows.tolist()
        for a, b in zip(movable.tolist(), partners.tolist(), strict=True):
            swapped[a], swapped[b] = swapped[b], swapped[a]
        rows = np.array(swapped)
    return rows, cols


def _short_cycles(first: np.ndarray, second: np.ndarray, checks: int) -> np.ndarray:
    """Which pairs of checks, each of one column, close a short cycle; of equal pairs all but the first."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    bad = high - low <= 1  # the same check, or two that the chain joins
    width = len(low).bit_length()
    key = np.sort((low * checks + high) << width | np.arange(len(low)))  # much faster than a stable argsort
    equal = key[1:][key[1:] >> width == key[:-1] >> width]
    bad[equal & ((1 << width) - 1)] = True  # two columns that share two checks
    return bad


def _pairs(cols: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edges that leave the same column, for columns of up to twelve edges near each other."""
    first, second = [], []
    for distance in range(1, min(largest, 12)):
        i = np.flatnonzero(cols[:-distance] == cols[distance:])
        first.append(i)
        second.append(i + distance)
    return np.concatenate(first), np.concatenate(second)
