"""Scale and tails of a part, moved to the errors that it has.

    level + d[bin]     quarter octaves of the expected error
    shape + t[bin]     weight of the tails
    bin                one of up to eight groups of equally many pixels, by level; d, t fitted by the encoder

The nets know the errors of photographs on average. Those of one picture are larger or smaller by its noise,
its lens and its resampling, in its flat parts by another factor than in its edges.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from underdrawing.nets.masked_network import SHAPES, Prediction, bounded

BINS = 8
"""Groups of the pixels of a part, at most."""
PIXELS_PER_BIN = 256
"""At least."""
MOST_LEVELS = 8
"""Change, at most."""
_TRIED = 2048
"""Pixels of a part that its changes are fitted to, about."""
_BITS, _HIGH_BITS = (0.7, 1.0), 16
"""About those of a change by one quarter octave, by one weight of the tails, and of what no symbol has."""

_MOVES = tuple(
    np.array(
        [(0, 0), *((level, shape) for level in levels for shape in shapes if (level, shape) != (0, 0))],
        np.int32,
    )
    for levels, shapes in (((-8, -4, 4, 8), (0,)), ((-2, 2), (0,)), ((-1, 0, 1), (-1, 0, 1)))
)
"""Tried one after the other: changes of level and shape (C, 2), none first, which wins a tie."""


def bin_count(pixels: int) -> int:
    """Groups of a part of so many pixels; 0: its scale is not changed."""
    return min(BINS, pixels // PIXELS_PER_BIN)


def changed(prediction: Prediction, changes: np.ndarray) -> Prediction:
    """The prediction with changes (2, bins) of level and shape."""
    levels, shapes = changes[:, _bins(prediction.level, changes.shape[1])]
    return _moved(prediction, levels, shapes)


def fitted(prediction: Prediction, values: np.ndarray, coded: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int32 (2, bins) changes of a part with the true values (k,), by the lengths of its codes.

    coded: (k,) bool, those that are written. lengths: bits of the tables, (tables, symbols).
    """
    count, symbol_count = bin_count(len(values)), lengths.shape[1]
    numbers = _bins(prediction.level, count)
    chosen = np.flatnonzero(coded)
    chosen = chosen[:: max(1, len(chosen) // _TRIED)]
    numbers, errors = numbers[chosen], values[chosen] - prediction.center[chosen]
    part = prediction.mean[chosen], prediction.level[chosen], shapes_of(prediction)[chosen]

    def bits(tried: np.ndarray) -> np.ndarray:
        """(C, bins) of changes (C, 2, bins): all in one, since small arrays keep other threads waiting."""
        times, (levels, shapes) = len(tried), tried.transpose(1, 0, 2)
        whole = Prediction(*(np.tile(of_pixels, times) for of_pixels in part))
        table, shift = _moved(whole, levels[:, numbers].ravel(), shapes[:, numbers].ravel()).tables
        moved = np.tile(errors, times)
        moved = moved if shift is None else (moved + ((1 << shift) >> 1)) >> shift
        symbols = moved + symbol_count // 2
        each = lengths[table, symbols % symbol_count] + _HIGH_BITS * (symbols // symbol_count != 0)
        each += 0 if shift is None else shift
        places = (count * np.arange(times)[:, None] + numbers).ravel()
        found = np.bincount(places, each, times * count).reshape(times, count)
        return found + _BITS[0] * np.abs(levels) + _BITS[1] * np.abs(shapes)

    best, every = np.zeros((2, count), np.int32), np.arange(count)
    for moves in _MOVES:
        tried = best + moves[:, :, None]
        tried[:, 0] = np.clip(tried[:, 0], -MOST_LEVELS, MOST_LEVELS)
        best = tried[bits(tried).argmin(0), :, every].T
    return best


def shapes_of(prediction: Prediction) -> np.ndarray:
    """(k,) weights of the tails."""
    return np.broadcast_to(prediction.shape, prediction.level.shape)


def _moved(prediction: Prediction, levels: np.ndarray, shapes: np.ndarray) -> Prediction:
    shape = np.clip(shapes_of(prediction) + shapes, 0, SHAPES - 1).astype(np.int16)
    return replace(prediction, level=bounded(prediction.level + levels), shape=shape)


def _bins(level: np.ndarray, count: int) -> np.ndarray:
    """(k,) groups of levels (k,) int32."""
    below = np.cumsum(np.bincount(level))
    edges = np.searchsorted(below, len(level) * np.arange(1, count) // count)
    return np.searchsorted(edges, np.arange(len(below)))[level]
