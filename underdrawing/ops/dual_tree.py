"""Dual-tree complex wavelet transform of a square picture, by matrices of its filters.

Kingsbury, "Complex wavelets for shift invariant analysis and filtering of signals", 2001. Filters near_sym_b
at the first level and qshift_b at the others (Kingsbury, "A dual-tree complex wavelet transform with improved
orthogonality and symmetry properties", 2000). A level has six bands of complex values, at 15, 45, 75, 105,
135 and 165 degrees, numbered 1 to 6. Pictures are extended by reflection, the sample at the border repeated.

Rows and columns are filtered apart, so that each step is one matrix from the left and one from the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from underdrawing.core.errors import ShapeError

_LOW = np.array([-9, 0, 114, -240, -247, 1520, 2844, 1520, -247, -240, 114, 0, -9]) / 5120
_HIGH = np.array([
    -81, 0, 1539, -2160, -8208, 27360, 63816, -59280, -343786, 641600,
    -343786, -59280, 63816, 27360, -8208, -2160, 1539, 0, -81,
]) / 1146880  # fmt: skip
"""near_sym_b: analysis of 13 and 19 taps. Synthesis has the other's taps, every second one with its sign
turned."""
_QSHIFT = np.array([
    0.003253142763653182, -0.00388321199915849, 0.03466034684485349, -0.03887280126882779,
    -0.11720388769911527, 0.27529538466888204, 0.7561456438925225, 0.5688104207121227, 0.011866092033797,
    -0.1067118046866654, 0.023825384794920298, 0.01702522388155399, -0.005439475937274115,
    -0.004556895628475491,
])  # fmt: skip
"""qshift_b: low pass of tree a, orthonormal. Tree b has it reversed."""
PAIRS = ((1, 6), (3, 4), (2, 5))
"""Bands with high rows, high columns, and both; the two of a pair are mirror images."""
_HALF = np.sqrt(0.5)


@dataclass(frozen=True)
class Level:
    """Filters of one level, n samples to 2 m or back. They serve rows and columns alike."""

    low: np.ndarray
    """(2 m, n): analysis. Even rows are tree a, odd rows are tree b."""
    high: np.ndarray
    low_back: np.ndarray
    """(n, 2 m): synthesis."""
    high_back: np.ndarray


@dataclass(frozen=True)
class Pyramid:
    """Coefficients of a picture of `side` px."""

    low: np.ndarray
    """(side / 2^(levels - 1), same) float64."""
    bands: tuple[np.ndarray, ...]
    """(6, side / 2^level, same) complex128 of each level, in the order of their numbers."""


@lru_cache(maxsize=8)
def filters(side: int, levels: int) -> tuple[Level, ...]:
    """Of all levels. ShapeError where 2^levels does not divide the side, or the side is less than 16."""
    if levels < 1 or side < 16 or side % 2**levels:
        raise ShapeError(f"{levels} levels need a side of 16 px or more that 2^{levels} divides, got {side}")
    signs = (-1.0) ** np.arange(19)
    first = Level(
        _odd(_LOW, side), _odd(_HIGH, side), _odd(-signs * _HIGH, side), _odd(signs[:13] * _LOW, side)
    )
    high = (-1.0) ** np.arange(14) * _QSHIFT[::-1]
    found = [first]
    for level in range(1, levels):
        low_matrix = _even(_QSHIFT[::-1], side >> (level - 1), True)
        high_matrix = _even(high[::-1], side >> (level - 1), False)
        found.append(Level(low_matrix, high_matrix, low_matrix.T, high_matrix.T))
    return tuple(found)


@lru_cache(maxsize=8)
def cumulated(side: int, levels: int) -> Level:
    """Filters from the picture to the bands of the last level, and back. ShapeError as `filters` has it."""
    *first, last = filters(side, levels)
    low, high, low_back, high_back = last.low, last.high, last.low_back, last.high_back
    for level in reversed(first):
        low, high = low @ level.low, high @ level.low
        low_back, high_back = level.low_back @ low_back, level.low_back @ high_back
    return Level(low, high, low_back, high_back)


def forward(picture: np.ndarray, levels: int) -> Pyramid:
    """Coefficients of a picture (side, side). ShapeError as `filters` has it, or where it is no square."""
    if picture.ndim != 2 or picture.shape[0] != picture.shape[1]:
        raise ShapeError(f"the transform is made for squares (side, side), got {picture.shape}")
    low, bands = picture.astype(np.float64), []
    for level in filters(len(picture), levels):
        found = np.empty((6, len(level.low) // 2, len(level.low) // 2), np.complex128)
        highs = (level.high, level.low), (level.low, level.high), (level.high, level.high)
        for (one, two), (rows, columns) in zip(PAIRS, highs, strict=True):
            found[one - 1], found[two - 1] = _complex(rows @ low @ columns.T)
        low = level.low @ low @ level.low.T
        bands.append(found)
    return Pyramid(low, tuple(bands))


def inverse(pyramid: Pyramid) -> np.ndarray:
    """(side, side) float64: the picture of the coefficients."""
    low, side = pyramid.low, 2 * pyramid.bands[0].shape[1]
    for level, bands in zip(filters(side, len(pyramid.bands))[::-1], pyramid.bands[::-1], strict=True):
        rows, columns, both = (_quads(bands[one - 1], bands[two - 1]) for one, two in PAIRS)
        low = (level.low_back @ low + level.high_back @ rows) @ level.low_back.T + (
            level.low_back @ columns + level.high_back @ both
        ) @ level.high_back.T
    return low


def _complex(quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two bands (m, m) of the samples (2 m, 2 m) of both trees: p - q and p + q."""
    p = (quads[0::2, 0::2] + 1j * quads[0::2, 1::2]) * _HALF
    q = (quads[1::2, 1::2] - 1j * quads[1::2, 0::2]) * _HALF
    return p - q, p + q


def _quads(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The inverse of `_complex`."""
    p, q = (one + two) * _HALF, (one - two) * _HALF
    quads = np.empty((2 * len(one), 2 * len(one)))
    quads[0::2, 0::2], quads[0::2, 1::2] = p.real, p.imag
    quads[1::2, 0::2], quads[1::2, 1::2] = q.imag, -q.real
    return quads


def _reflected(places: np.ndarray, count: int) -> np.ndarray:
    """Samples 0..count - 1 at places beyond the border: ... 1 0 | 0 1 ..."""
    places = places % (2 * count)
    return np.minimum(places, 2 * count - 1 - places)


def _odd(taps: np.ndarray, count: int) -> np.ndarray:
    """(count, count): filter without decimation; its taps are symmetric."""
    matrix, rows = np.zeros((count, count)), np.arange(count)
    for number, tap in enumerate(taps):
        np.add.at(matrix, (rows, _reflected(rows + number - len(taps) // 2, count)), tap)
    return matrix


def _even(taps: np.ndarray, count: int, a_first: bool) -> np.ndarray:
    """(count / 2, count): taps on even samples and the reversed ones on odd samples, interleaved."""
    matrix, rows = np.zeros((count // 2, count)), np.arange(count // 4)
    for number in range(len(taps)):
        for odd, tap in enumerate((taps[number], taps[::-1][number])):
            places = _reflected(4 * rows + odd + len(taps) - 2 * number, count)
            np.add.at(matrix, (2 * rows + (odd if a_first else 1 - odd), places), tap)
    return matrix
