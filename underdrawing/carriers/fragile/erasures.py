"""Erasure code over the patch codes of all blocks, of which only the parity is stored.

A reader makes the patch codes of unchanged blocks from their pixels, so that these are known for nothing; the
stored parity serves the changed ones alone (Korus and Dziech, "Efficient method for content reconstruction
with self-embedding", IEEE TIP 2013). A layer with c symbols of a block in one of parity recovers all of them
where at most 1 / (1 + c) of the blocks are changed:

    symbols of a block   1     2     3     4     6
    words of a symbol    3     1     1     1     1
    changed, at most    .50   .33   .25   .20   .14

Each parity symbol is the exclusive or of randomly chosen symbols of the whole group; groups of up to 1,024
blocks are drawn from the whole picture by the key. The system is solved by elimination, so that hardly more
symbols are needed than are missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from underdrawing.carriers.fragile.patches import WORD_BITS
from underdrawing.coding.keystream import permutation, stream


class Layer(NamedTuple):
    """Symbols of the patch code that are recovered together."""

    symbols: int
    """Of each block."""
    words: int
    """Of a symbol."""
    start: int
    """First word in the patch code."""


LAYERS = (Layer(1, 3, 0), Layer(2, 1, 3), Layer(3, 1, 5), Layer(4, 1, 8), Layer(6, 1, 12))
PARITY_WORDS = sum(layer.words for layer in LAYERS)
_GROUP_BLOCKS = 1024
_UNIT = 64  # bits of a machine word


def groups(count: int, key: bytes, label: str) -> list[np.ndarray]:
    """Indices of the blocks of each group."""
    order = permutation(key, f"fragile groups {label}", count)
    number = -(-count // _GROUP_BLOCKS)
    return [order[first::number] for first in range(number)]


def choices(layer: int, blocks: int, extra: int, key: bytes, label: str) -> np.ndarray:
    """(blocks, degree): the symbols in each parity symbol of a group; `extra` ones follow those of blocks."""
    symbols = LAYERS[layer].symbols
    count, degree = symbols * blocks + extra, 8 + 12 * symbols
    raw = stream(key, f"fragile parity {label} layer {layer}", 4 * blocks * degree).view("<u4")
    return (raw % np.uint32(count)).astype(np.int32).reshape(blocks, degree)


def symbols_of(words: np.ndarray, layer: Layer) -> np.ndarray:
    """(n, WORDS) patch codes -> (n * symbols, words) uint16 of one layer."""
    part = words[:, layer.start : layer.start + layer.symbols * layer.words]
    return np.ascontiguousarray(part).reshape(-1, layer.words)


def parity(symbols: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(n, words) parity symbols; chosen as `choices` has them."""
    return np.bitwise_xor.reduce(symbols[chosen], axis=1)


def solve(
    symbols: np.ndarray, unknown: np.ndarray, chosen: np.ndarray, received: np.ndarray
) -> np.ndarray | None:
    """All symbols, from those that are known and from the parity that was read.

    unknown: (count,) bool. chosen, received: rows of `choices` and of parity in unchanged blocks. None where
    they do not suffice, or contradict each other, as where a symbol counts as known that is not.
    """
    given = np.where(unknown[:, None], np.uint16(0), symbols)
    sought = np.flatnonzero(unknown)
    if len(chosen) < len(sought):
        return None
    if not len(sought):
        return given
    found = _eliminated(_incidence(chosen, unknown), received ^ parity(given, chosen))
    if found is None:
        return None
    given[sought] = found
    return given if np.array_equal(parity(given, chosen), received) else None


def _incidence(chosen: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """(m, u) uint8: whether each equation has each unknown symbol an odd number of times."""
    number = np.cumsum(unknown) - 1
    rows, cols = np.nonzero(unknown[chosen])
    flat = rows * int(unknown.sum()) + number[chosen[rows, cols]]
    return (
        (np.bincount(flat, minlength=len(chosen) * int(unknown.sum())) & 1)
        .astype(np.uint8)
        .reshape(len(chosen), -1)
    )


def _eliminated(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The solution (u, words) uint16 over GF(2) by Gauss and Jordan; None without a unique one."""
    count, words = matrix.shape[1], right.shape[1]
    shifts = np.arange(WORD_BITS - 1, -1, -1, dtype=np.uint16)
    right_bits = ((right[..., None] >> shifts) & 1).astype(np.uint8).reshape(len(right), -1)
    bits = np.concatenate([matrix, right_bits], 1)
    bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % _UNIT)))
    packed = np.packbits(bits, axis=1, bitorder="little").view("<u8")
    for column in range(count):
        unit, shift = divmod(column, _UNIT)
        rows = np.flatnonzero(packed[:, unit] >> np.uint64(shift) & np.uint64(1))
        at = np.searchsorted(rows, column)
        if at == len(rows):
            return None
        pivot = packed[rows[at], unit:].copy()
        packed[rows, unit:] ^= pivot  # the pivot's own row becomes zero
        packed[rows[at], unit:] = packed[column, unit:]
        packed[column, unit:] = pivot
    solved = np.unpackbits(packed[:count].view(np.uint8), axis=1, bitorder="little")
    solved = solved[:, count : count + WORD_BITS * words]
    return np.packbits(solved, axis=1).view(">u2").astype(np.uint16)
