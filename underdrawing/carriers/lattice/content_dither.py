"""Dither that depends on the content: a keyed function of what the picture shows at that place.

    4x4 blocks = cell --means of 4x4 px, 8x8 of them--> keyed low-pass patterns --> projections p (PATTERNS)
    states = -1, 0 or 1 as p is below -LIMIT, between, or above LIMIT
    dither of the cell's blocks = F(picture key, cell, states)

Robust block hashing by secret patterns is Fridrich and Goljan's ("Robust hash functions for digital
watermarking", 2000). An edit changes the states of its cells, and with them the dither: coefficients that
fitted before fit by chance only, and without the key nobody can tell which changes keep the states. The mark
has no power at the means of 8x8 px and little at those of 4x4.

Measured on 16 photographs of 512 px, percentage of the states that change: mark 1, JPEG 70 2, JPEG 50 3, JPEG
30 5, noise of 10 levels 4, brightness or contrast by 20 % 4, gamma .8 3, blur of 1 px 3, half size 1; another
photograph 66. The reader allows for changes near a limit: `likely_states`.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.carriers.lattice.parameters import FREQUENCIES
from underdrawing.coding.keystream import keyed_uniforms, stream
from underdrawing.ops.special import normal_cdf

CELL = 4
"""Blocks along each side of a cell."""
PATTERNS = 8
LIMIT = 6.0
"""Of a projection, levels; patterns have unit norm over the 64 means."""

_MEANS = 8  # along each side of a cell
_SMOOTHING = 0.8  # deviation of the Gaussian on the patterns, in means
_ERROR = 1.7  # levels, deviation of a projection after a harsh channel
_UNCERTAIN = 5  # states of a cell that may have changed
_LEAST_LIKELY = -8.0  # nats, below the nominal states


class Cells(NamedTuple):
    """The cells that a part of the grid touches."""

    first: tuple[int, int]
    """(row, column) of the first cell on the grid."""
    projections: np.ndarray
    """(R, C, PATTERNS) float32, levels."""
    complete: np.ndarray
    """(R, C) bool: all blocks of the cell that the grid has are in view."""


class Candidates(NamedTuple):
    """States that a cell may have had at embedding: one entry for each pair of cell and states."""

    cell: np.ndarray
    """(m,) int64, row-major index of the cell, ascending; the nominal states come first."""
    states: np.ndarray
    """(m, PATTERNS) int8."""
    log_prior: np.ndarray
    """(m,) float64, log-probability before the lattice is considered; at most 1 a cell in sum."""


class ContentDither:
    """The content-dependent dither of one picture, by its key of 32 bytes."""

    def __init__(self, key: bytes):
        self._key = key
        self._patterns = _patterns(key)

    def cells(self, plane: np.ndarray, origin: tuple[int, int], grid: tuple[int, int]) -> Cells:
        """Projections of an aligned luma plane (8 r, 8 c) float32 whose first block is at `origin`."""
        before, after = _margins((plane.shape[0] // 8, plane.shape[1] // 8), origin)
        padded = cv2.copyMakeBorder(
            plane, 8 * before[0], 8 * after[0], 8 * before[1], 8 * after[1], cv2.BORDER_REPLICATE
        )
        side = 8 * CELL // _MEANS
        means = cv2.resize(
            padded, (padded.shape[1] // side, padded.shape[0] // side), interpolation=cv2.INTER_AREA
        )
        rows, cols = means.shape[0] // _MEANS, means.shape[1] // _MEANS
        parts = means.reshape(rows, _MEANS, cols, _MEANS).transpose(0, 2, 1, 3).reshape(rows, cols, -1)
        first = origin[0] // CELL, origin[1] // CELL
        inside = [
            _complete(at, size, have, count)
            for at, size, have, count in zip(
                first, (rows, cols), zip(origin, plane.shape, strict=True), grid, strict=True
            )
        ]
        return Cells(first, parts @ self._patterns.T, inside[0][:, None] & inside[1][None])

    def of(self, cells: Cells, states: np.ndarray) -> np.ndarray:
        """Dither (R, C, CELL * CELL, n) float32 in [0, 1) of the blocks; states (R, C, PATTERNS)."""
        rows, cols = cells.complete.shape
        index = np.arange(rows * cols)
        return self.at(cells, index, states.reshape(rows * cols, -1)).reshape(rows, cols, CELL * CELL, -1)

    def at(self, cells: Cells, index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """The same for pairs of cell (m,) and states (m, PATTERNS): (m, CELL * CELL, n)."""
        inputs = np.zeros((len(index), 15), np.uint8)
        inputs[:, 0] = cells.first[0] + index // cells.complete.shape[1]
        inputs[:, 1] = cells.first[1] + index % cells.complete.shape[1]
        inputs[:, 2 : 2 + PATTERNS] = states + 1
        blocks, n = CELL * CELL, len(FREQUENCIES)
        return keyed_uniforms(self._key, inputs, blocks * n).reshape(-1, blocks, n)


def nominal_states(projections: np.ndarray) -> np.ndarray:
    """States (..., PATTERNS) int8 of projections of the same shape."""
    return (projections > LIMIT).astype(np.int8) - (projections < -LIMIT).astype(np.int8)


def likely_states(projections: np.ndarray) -> Candidates:
    """The states that cells with these received projections (m, PATTERNS) may have had at embedding."""
    nominal = nominal_states(projections)
    distance = np.abs(np.abs(projections) - LIMIT)
    # the neighbouring state across the nearer limit
    sign = np.where(projections >= 0, 1, -1)
    other = np.where(nominal == 0, sign, 0).astype(np.int8)
    changed = np.maximum(normal_cdf(-distance / _ERROR), 1e-30)
    odds = np.log(changed) - np.log1p(-changed)
    unchanged = np.log1p(-changed).sum(1)
    nearest = np.argsort(-odds, axis=1, kind="stable")[:, :_UNCERTAIN]
    every = np.arange(len(projections))
    cell, states, prior = [every], [nominal], [unchanged]
    for count in range(1, _UNCERTAIN + 1):
        for chosen in combinations(range(_UNCERTAIN), count):
            at = nearest[:, chosen]
            total = np.take_along_axis(odds, at, 1).sum(1)
            likely = np.flatnonzero(total > _LEAST_LIKELY)
            if not len(likely):
                continue
            moved = nominal[likely].copy()
            np.put_along_axis(moved, at[likely], np.take_along_axis(other[likely], at[likely], 1), 1)
            cell.append(likely)
            states.append(moved)
            prior.append(unchanged[likely] + total[likely])
    order = np.argsort(np.concatenate(cell), kind="stable")
    return Candidates(
        *(np.concatenate(part)[order] for part in (cell, states, prior)),
    )


def to_cells(values: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
    """Values of blocks (r, c, ...) by cell: (R * C, CELL * CELL, ...), zero beyond the part in view."""
    before, after = _margins(values.shape[:2], origin)
    rest = ((0, 0),) * (values.ndim - 2)
    padded = np.pad(values, ((before[0], after[0]), (before[1], after[1]), *rest))
    rows, cols = padded.shape[0] // CELL, padded.shape[1] // CELL
    parts = padded.reshape(rows, CELL, cols, CELL, *values.shape[2:]).swapaxes(1, 2)
    return parts.reshape(rows * cols, CELL * CELL, *values.shape[2:])


def to_blocks(values: np.ndarray, shape: tuple[int, int], origin: tuple[int, int]) -> np.ndarray:
    """The inverse of `to_cells` for a part of `shape` (r, c) blocks."""
    (top, left), after = _margins(shape, origin)
    rows, cols = (top + shape[0] + after[0]) // CELL, (left + shape[1] + after[1]) // CELL
    parts = values.reshape(rows, cols, CELL, CELL, *values.shape[2:]).swapaxes(1, 2)
    whole = parts.reshape(CELL * rows, CELL * cols, *values.shape[2:])
    return whole[top : top + shape[0], left : left + shape[1]]


def _margins(shape: tuple[int, int], origin: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    before = origin[0] % CELL, origin[1] % CELL
    after = tuple(-(start + have) % CELL for start, have in zip(before, shape, strict=True))
    return before, after


def _complete(first: int, cells: int, view: tuple[int, int], count: int) -> np.ndarray:
    """(cells,) bool along one side; view: its first block and its length in px; count: blocks of the grid."""
    start = CELL * (first + np.arange(cells))
    end = np.minimum(start + CELL, count)
    return (start >= view[0]) & (end <= view[0] + view[1] // 8)


def _patterns(key: bytes) -> np.ndarray:
    """(PATTERNS, 64) float32 low-pass patterns of zero mean and unit norm."""
    raw = stream(key, "patterns", 2 * PATTERNS * _MEANS * _MEANS).view("<u2").astype(np.float32)
    result = []
    for noise in (raw / 65536 - 0.5).reshape(PATTERNS, _MEANS, _MEANS):
        pattern = cv2.GaussianBlur(noise, (0, 0), _SMOOTHING, borderType=cv2.BORDER_REFLECT)
        pattern -= pattern.mean()
        result.append((pattern / np.linalg.norm(pattern)).ravel())
    return np.stack(result)
