"""Range coding of symbols by integer frequency tables: the same bits on every machine.

Each symbol has the number of its table. Those of one call are coded table after table, so that one call of
the compiled coder takes a whole run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import constriction
import numpy as np

from underdrawing.core.errors import CodeError

# The compiled package's inner names are attributes, not modules that could be imported from.
Categorical = constriction.stream.model.Categorical
Table = Any
"""One of `models`."""
RangeEncoder = constriction.stream.queue.RangeEncoder
RangeDecoder = constriction.stream.queue.RangeDecoder


def models(frequencies: np.ndarray) -> list[Table]:
    """One model a row of (tables, symbols) positive integers whose rows have the same sum, a power of two."""
    shares = frequencies / np.float64(frequencies[0].sum())  # exact: the divisor is a power of two
    return [Categorical(row, perfect=False) for row in shares]


def runs(numbers: np.ndarray, tables: int) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Order of symbols by their table numbers, and runs (table, begin, stop) in that order."""
    order = np.argsort(numbers, kind="stable")
    counts = np.bincount(numbers, minlength=tables)
    stops = np.cumsum(counts)
    return order, [(int(t), int(stops[t] - counts[t]), int(stops[t])) for t in np.flatnonzero(counts)]


class TableEncoder:
    """Writes symbols to bytes."""

    def __init__(self) -> None:
        self._coder = RangeEncoder()

    def write(self, symbols: np.ndarray, numbers: np.ndarray, tables: list[Table]) -> None:
        """Encode symbols (n,), each by the table of its number (n,)."""
        order, parts = runs(numbers, len(tables))
        ordered = symbols[order].astype(np.int32)
        for number, begin, stop in parts:
            self._coder.encode(ordered[begin:stop], tables[number])

    def write_uniform(self, values: np.ndarray, bits: np.ndarray) -> None:
        """Encode values (n,), each as one of 2^bits equally likely ones, bits 1 to 16."""
        order, parts = runs(bits, 17)
        ordered = values[order].astype(np.int32)
        for width, begin, stop in parts:
            self._coder.encode(ordered[begin:stop], _uniform(width))

    def close(self) -> bytes:
        """The bytes: 32-bit words, little endian."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class TableDecoder:
    """Reads what TableEncoder wrote, by calls of the same sizes in the same order.

    Every method raises CodeError where the bytes cannot have been written so.
    """

    def __init__(self, data: bytes):
        if len(data) % 4:
            raise CodeError("the coded symbols are cut short")
        self._coder = RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def read(self, numbers: np.ndarray, tables: list[Table]) -> np.ndarray:
        """Symbols (n,) int32, each by the table of its number (n,)."""
        order, parts = runs(numbers, len(tables))
        return self._read(order, [(tables[number], begin, stop) for number, begin, stop in parts])

    def read_uniform(self, bits: np.ndarray) -> np.ndarray:
        """Values (n,) int32 of `bits` (n,) bits each."""
        order, parts = runs(bits, 17)
        return self._read(order, [(_uniform(width), begin, stop) for width, begin, stop in parts])

    def _read(self, order: np.ndarray, parts: list[tuple[Table, int, int]]) -> np.ndarray:
        ordered = np.empty(len(order), np.int32)
        try:
            for model, begin, stop in parts:
                ordered[begin:stop] = self._coder.decode(model, stop - begin)
        except AssertionError as error:  # raised by constriction on invalid data
            raise CodeError("the coded symbols are damaged") from error
        symbols = np.empty(len(order), np.int32)
        symbols[order] = ordered
        return symbols


@lru_cache(maxsize=17)
def _uniform(bits: int) -> Table:
    return Categorical(np.full(1 << bits, 2.0**-bits), perfect=False)
