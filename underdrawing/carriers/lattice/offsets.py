"""Search over all offsets at one scale: phasors of the base, folded by tile, correlated with the key.

The basis function (0, 2) changes fast across and slowly down, (2, 0) the other way: each is sampled at every
pixel along its fast axis and at every second one along the other, four times as densely on request. Tiles
carry the same bits, so their phasors are summed before the bit is removed by doubling the angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from underdrawing.carriers.lattice.dense import DensePlanes
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.parameters import EmbeddingLevel, KeyTables

_SAMPLES = ((4, 8), (8, 4))
"""Offsets a block (down, across) at which each base frequency is sampled."""


@lru_cache(maxsize=16)
def _template(tables: KeyTables, frequency: int) -> tuple[np.ndarray, float]:
    """Fourier transform (period, period) of the expected field of phasors, over its size, and its power."""
    part = slice(tables.period), slice(tables.period), frequency
    # blocks of low rank are in use most often
    size = 1.2 - tables.rank[part]
    field = size * np.exp(4j * np.pi * tables.dither[part])
    transform = np.fft.fft2(field) / tables.period**2
    return transform.astype(np.complex64), float((size**2).mean())


@lru_cache(maxsize=4)
def _fourier(period: int) -> np.ndarray:
    """Matrix of the discrete Fourier transform: for many short ones much faster than numpy.fft."""
    index = np.arange(period)
    return np.exp(-2j * np.pi / period * (np.outer(index, index) % period)).astype(np.complex64)


@dataclass(frozen=True)
class OffsetSearch:
    """All offsets of a window of one filtered picture, for one strength."""

    dense: DensePlanes
    strength: float

    @cached_property
    def _values(self) -> tuple[np.ndarray, ...]:
        return tuple(np.ascontiguousarray(self.dense.values[..., k]) for k in range(len(_SAMPLES)))

    def best(self, whole: Alignment, tables: KeyTables, window: tuple[int, int, int, int]) -> Alignment:
        """The alignment of highest score over all offsets and origins, in standard deviations of chance.

        whole: scale and angle; its offset is zero. window: top, left, rows, cols in blocks.
        """
        total = self._scores(whole, tables, window, 1)
        return self._at(int(total.argmax()), total, whole, tables, window)

    def highest(
        self, whole: Alignment, tables: KeyTables, window: tuple[int, int, int, int], count: int
    ) -> list[Alignment]:
        """As `best`, the `count` alignments of highest score over all offsets by quarter pixels."""
        total = self._scores(whole, tables, window, 4)
        places = np.argpartition(total.ravel(), -count)[-count:]
        return [self._at(int(place), total, whole, tables, window) for place in places]

    def _at(
        self,
        place: int,
        total: np.ndarray,
        whole: Alignment,
        tables: KeyTables,
        window: tuple[int, int, int, int],
    ) -> Alignment:
        """The alignment of one element of `_scores`."""
        at = i, dy, j, dx = tuple(int(each) for each in np.unravel_index(place, total.shape))
        offset = 8 * dy / total.shape[1], 8 * dx / total.shape[3]
        origin = (i - window[0]) % tables.period, (j - window[1]) % tables.period
        level = EmbeddingLevel(self.strength)
        return whole.moved(offset=offset, origin=origin, score=float(total[at]), level=level)

    def _scores(
        self, whole: Alignment, tables: KeyTables, window: tuple[int, int, int, int], per_px: int
    ) -> np.ndarray:
        """(period, 8 n, period, 8 n) scores of all origins and of offsets by 1 / n px; n: `per_px`."""
        total, steps = np.zeros(1, np.float32), 8 * per_px
        for frequency, samples in enumerate(_SAMPLES):
            down, across = (count * per_px for count in samples)
            phasors = self._phasors(whole, frequency, window, (down, across))
            shape = window[2], down, window[3], across
            found = _correlate(*phasors, shape, tables, frequency)
            total = total + np.repeat(np.repeat(found, steps // down, 1), steps // across, 3)
        return total / np.float32(np.sqrt(2))

    def _phasors(
        self,
        whole: Alignment,
        frequency: int,
        window: tuple[int, int, int, int],
        samples: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Real and imaginary part (rows down, cols across) of weighted phasors, less the mean of chance;
        `samples` (down, across) a block."""
        top, left, rows, cols = window
        down, across = samples
        size = cols * across, rows * down
        matrix = self.dense.matrix(whole)
        start = matrix[:, :2] @ (8 * left + 3.5, 8 * top + 3.5) + matrix[:, 2]
        start -= (np.array(self.dense.block[::-1]) - 1) / 2
        turn = np.float32(2 * np.pi / EmbeddingLevel(self.strength).steps[frequency])
        angle = turn * cv2.warpAffine(
            self._values[frequency],
            np.column_stack([matrix[:, :2] * (8 / across, 8 / down), start]),
            size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        j, i = np.meshgrid(np.arange(cols), np.arange(rows))
        x, y = (8 * (row[0] * j + row[1] * i) + at for row, at in zip(matrix, start, strict=True))
        at = self.dense.texture.index((y, x))
        weight, lean = (a[at][..., frequency] for a in self.dense.expected(self.strength))
        weight, lean = (cv2.resize(a, size, interpolation=cv2.INTER_NEAREST) for a in (weight, weight * lean))
        real, imaginary = cv2.polarToCart(weight, angle)
        return real - lean, imaginary


def _correlate(
    real: np.ndarray,
    imaginary: np.ndarray,
    shape: tuple[int, int, int, int],
    tables: KeyTables,
    frequency: int,
) -> np.ndarray:
    """(period, down, period, across): correlation with the key for each origin and offset, in deviations."""
    real, imaginary = (_folded(a, shape, tables.period) for a in (real, imaginary))
    power = real * real + imaginary * imaginary
    size = np.sqrt(power) + np.float32(1e-6)
    doubled = np.empty(real.shape, np.complex64)
    doubled.real = (real * real - imaginary * imaginary) / size
    doubled.imag = 2 * real * imaginary / size
    template, expected = _template(tables, frequency)
    spectrum = _transformed(doubled, _fourier(tables.period))
    np.conjugate(spectrum, out=spectrum)
    spectrum *= template[:, None, :, None]
    found = _transformed(spectrum, _fourier(tables.period).conj()).real
    chance = power.sum(0).sum(1)  # one axis after the other is much faster
    return found / np.sqrt(expected / 2 * chance + 1e-9)[None, :, None]


def _transformed(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(period, down, period, across) transformed along the first and the third axis."""
    return matrix @ (matrix @ values.reshape(len(matrix), -1)).reshape(values.shape)


def _folded(values: np.ndarray, shape: tuple[int, int, int, int], period: int) -> np.ndarray:
    """(period, down, period, across): sum over tiles of samples (rows down, cols across)."""
    rows, down, cols, across = shape
    result = np.zeros((period * down, period * across), np.float32)
    for top in range(0, rows * down, period * down):
        for left in range(0, cols * across, period * across):
            part = values[top : top + period * down, left : left + period * across]
            result[: part.shape[0], : part.shape[1]] += part
    return result.reshape(period, down, period, across)
