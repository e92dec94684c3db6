"""Symbols of a tile: low 7 bits of each residual by the network's tables, the rest by run lengths."""

from __future__ import annotations

import zlib

import numpy as np

from underdrawing.coding.table_coder import Table, TableDecoder, TableEncoder
from underdrawing.core.errors import CodeError

LOW_BITS = 7
HALF = 1 << (LOW_BITS - 1)
"""Residuals from -HALF to HALF - 1 have no high part."""
_MOST_HIGH_BYTES = 1 << 24


class Writer:
    """Collects the residuals of one tile."""

    def __init__(self, tables: list[Table]):
        self._tables = tables
        self._coder = TableEncoder()
        self._count = 0
        self._high: list[np.ndarray] = []

    def write(self, residuals: np.ndarray, table: np.ndarray, shift: np.ndarray | None) -> None:
        """Code residuals (n,) int32 by the numbers (n,) of their tables.

        shift: (n,) low bits of each residual that are coded as they are; None: nowhere any.
        """
        if shift is not None:
            shift, half = _halves(shift)
            residuals = residuals + half
            coarse = np.flatnonzero(shift)
            low = residuals[coarse] & ((1 << shift[coarse]) - 1)
            self._coder.write_uniform(low, shift[coarse])
            residuals = residuals >> shift
        moved = residuals + HALF
        self._coder.write(moved & (2 * HALF - 1), table, self._tables)
        high = moved >> LOW_BITS
        places = np.flatnonzero(high)
        self._high.append(np.stack([places + self._count, high[places]], 1))
        self._count += len(residuals)

    def close(self) -> bytes:
        """The tile's bytes: length of the high part, high part, coded symbols."""
        high = np.concatenate(self._high)
        packed = b""
        if len(high):
            lengths = np.diff(high[:, 0], prepend=-1) - 1
            packed = zlib.compress(np.stack([lengths, high[:, 1]], 1).astype("<i4").T.tobytes(), 9)
        return len(packed).to_bytes(4, "little") + packed + self._coder.close()


class Reader:
    """Reads a tile's bytes. CodeError where they cannot have been written so."""

    def __init__(self, data: bytes, tables: list[Table]):
        if len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "little"):
            raise CodeError("the tile is cut short")
        stop = 4 + int.from_bytes(data[:4], "little")
        self._places, self._values = _high(data[4:stop])
        self._coder = TableDecoder(data[stop:])
        self._tables = tables
        self._count = 0

    def read(self, table: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
        """The residuals (n,) int32; arguments as those of `write`."""
        count = len(table)
        if shift is not None:
            shift, half = _halves(shift)
            coarse = np.flatnonzero(shift)
            low = self._coder.read_uniform(shift[coarse])
        residuals = self._coder.read(table, self._tables) - HALF
        begin, stop = np.searchsorted(self._places, np.array([self._count, self._count + count]))
        places = self._places[begin:stop] - self._count
        residuals[places] += self._values[begin:stop] << LOW_BITS
        self._count += count
        if shift is not None:
            residuals <<= shift
            residuals[coarse] += low
            residuals -= half
        return residuals


def _halves(shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shift = shift.astype(np.int32)
    return shift, (1 << shift) >> 1


def _high(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Positions and values of the residuals with a high part."""
    if not packed:
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(packed, _MOST_HIGH_BYTES)
        pairs = np.frombuffer(data, "<i4").reshape(2, -1)
    except (zlib.error, ValueError) as error:
        raise CodeError(f"the high part of the residuals is damaged ({error})") from error
    return np.cumsum(pairs[0].astype(np.int64) + 1) - 1, pairs[1].astype(np.int32)
