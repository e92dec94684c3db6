"""Order of the pixels within a mask: all at once, in two halves, or those of the lowest entropy first.

Later pixels know the errors of earlier ones that are their neighbours in the mask. From these, after the
network, which is the same in every order:

    mean  + w[0] horizontal + w[1] vertical     mean errors of the known neighbours; w fitted to the tile
    scale * (a + 8 s) / (e + 8 s)               a, e: sums of their errors and expected errors; s: the own one

All numbers are integers in the network's floating-point type, or their quotients in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from underdrawing.core.errors import CodeError
from underdrawing.nets.masked_network import (
    FINE_SCALES,
    FRACTIONS,
    SHAPES,
    SIZES,
    TABLES,
    Prediction,
    scale_index,
    table_number,
)
from underdrawing.nets.masked_schedule import Step

ORDERS = ("whole", "halves", "entropy")
"""At once; first every second pixel, as on a chessboard; first those whose tables are the narrowest."""
ENTROPY_PARTS = 4
FEWEST_PIXELS = 2048
"""Of a mask that has weights, each in a byte of its tile."""
_WEIGHTS = 2
_ONE = 64
"""The integer of the weight 1."""
_PRIOR_PIXELS = 100
"""The weight 0 counts as so many pixels."""
_MOST_EXPECTED = 4
"""Errors are limited to so many expected errors."""
_OWN = 8
"""The expected error of a pixel counts as so many neighbours' in its correction."""
_EXPECTED = np.maximum(np.rint(SIZES * FRACTIONS), 1)
"""By quarter octave, in eighths of a level."""
_HALF_QUARTERS = np.array([4467, 5312, 6317, 7512]) / 4096
"""2^((2 k + 1) / 8), k = 0 to 3, in 12 bits."""
_LIMITS = np.concatenate([np.ldexp(_HALF_QUARTERS, octave) for octave in (-2, -1, 0, 1)])
"""Quotients between which the scale grows by -8 to 8 quarter octaves."""


def weight_bytes(order: str, step: Step, size: tuple[int, int]) -> int:
    """Length of the weights of a mask in a tile whose planes have this height and width, px."""
    stride = max(1, 2 * step.half)
    many = size[0] * size[1] >= FEWEST_PIXELS * stride**2
    return _WEIGHTS if order != "whole" and many else 0


@dataclass(frozen=True)
class Part:
    """Pixels of a mask that are coded together."""

    pixels: np.ndarray
    """(k,) numbers."""
    center: np.ndarray
    table: np.ndarray
    shift: np.ndarray | None
    """Each (k,), as in Prediction."""


class Mask:
    """The pixels of one step and channel of a tile, with what is known of them."""

    def __init__(self, order: str, step: Step, prediction: Prediction, size: tuple[int, int]):
        """order: one of ORDERS; CodeError for another. size: height and width of the tile's planes, px."""
        if order not in ORDERS:
            raise CodeError(f"an unknown order of pixels, {order!r}: use a newer version of the package")
        stride = max(1, 2 * step.half)
        self._size = size[0] // stride, size[1] // stride
        self._prediction, self._kind = prediction, prediction.mean.dtype.type
        self._shape, self._level = _shape_and_level(prediction)
        self._expected = _EXPECTED[self._level].astype(self._kind)
        self._parts = self._numbered(order)
        self.weights = np.zeros(weight_bytes(order, step, size), np.int8)
        """As they are stored; empty where the mask has none."""
        self._fitted: dict[int, tuple[np.ndarray, ...]] = {}

    def read(self, file: BinaryIO) -> None:
        """Take the weights from a file. CodeError where it ends before."""
        data = file.read(len(self.weights))
        if len(data) < len(self.weights):
            raise CodeError("the tile is cut short")
        self.weights = np.frombuffer(data, np.int8)

    def fit(self, values: np.ndarray) -> None:
        """Fit the weights to the true values (n,) by least squares, where the mask has any."""
        if not len(self.weights):
            return
        matrix, vector, count = np.zeros((2, 2)), np.zeros(2), 0
        errors = self._errors(values)
        for number in range(1, self._parts.max() + 1):
            pixels = np.flatnonzero(self._parts == number)
            self._fitted[number] = self._neighbours(errors, number)
            inputs = np.stack(self._fitted[number][:2])[:, pixels] / 2
            weighted = inputs / self._expected[pixels].astype(np.float64) ** 2
            matrix += weighted @ inputs.T
            vector += weighted @ errors[pixels]
            count += len(pixels)
        prior = np.diag(np.diag(matrix) * _PRIOR_PIXELS / count + 1e-6)
        found = np.linalg.solve(matrix + prior, vector)
        self.weights = np.clip(np.rint(found * _ONE), -127, 127).astype(np.int8)

    def parts(
        self, values: np.ndarray, limits: tuple[int, int], inside: np.ndarray | slice
    ) -> Iterator[Part]:
        """In coding order. values (n,): those of earlier parts are read; the caller enters those of a part
        before it asks for the next. inside: pixels that are coded."""
        coded = np.zeros(len(values), bool)
        coded[inside] = True
        plain = self._prediction
        for number in range(self._parts.max() + 1):
            pixels = np.flatnonzero(coded & (self._parts == number))
            if number == 0:
                shift = None if plain.shift is None else plain.shift[pixels]
                yield Part(pixels, plain.center[pixels], plain.table[pixels], shift)
            else:
                yield self._corrected(values, number, pixels, limits)

    def _numbered(self, order: str) -> np.ndarray:
        """(n,) the part of each pixel."""
        if order == "halves":
            return np.add.outer(np.arange(self._size[0]), np.arange(self._size[1])).ravel() & 1
        found = np.zeros(len(self._level), np.int64)
        if order == "entropy":
            rank = np.arange(len(found))
            found[np.argsort(self._level, kind="stable")] = rank * ENTROPY_PARTS // max(1, len(found))
        return found

    def _errors(self, values: np.ndarray) -> np.ndarray:
        """(n,) in eighths of a level."""
        return values.astype(self._kind) * self._kind(FRACTIONS) - self._prediction.mean

    def _neighbours(self, errors: np.ndarray, number: int) -> tuple[np.ndarray, ...]:
        """Of each pixel (n,), from parts before `number`: twice the mean of the limited errors of horizontal
        and of vertical neighbours; sums of absolute and of expected errors of both."""
        known = (self._parts < number).astype(self._kind)
        most = self._kind(_MOST_EXPECTED) * self._expected
        found = []
        for axis in (1, 0):
            sums = self._sums(np.clip(errors, -most, most) * known, axis)
            found.append(sums * (2 - (self._sums(known, axis) == 2)))
        for values in (np.abs(errors) * known, self._expected * known):
            found.append(self._sums(values, 0) + self._sums(values, 1))
        return tuple(found)

    def _sums(self, values: np.ndarray, axis: int) -> np.ndarray:
        """(n,) sums of both neighbours along an axis."""
        plane = values.reshape(self._size)
        sums = np.zeros_like(plane)
        if axis:
            sums[:, 1:] = plane[:, :-1]
            sums[:, :-1] += plane[:, 1:]
        else:
            sums[1:] = plane[:-1]
            sums[:-1] += plane[1:]
        return sums.ravel()

    def _corrected(
        self, values: np.ndarray, number: int, pixels: np.ndarray, limits: tuple[int, int]
    ) -> Part:
        kind = self._kind
        known = self._fitted.get(number) or self._neighbours(self._errors(values), number)
        across, along, found, expected = (part[pixels] for part in known)
        mean = self._prediction.mean[pixels]
        if len(self.weights):
            first, second = (kind(weight) for weight in self.weights)
            moved = np.floor((first * across + second * along + kind(_ONE)) * kind(0.5 / _ONE))
            mean = np.clip(mean + moved, limits[0] * FRACTIONS, limits[1] * FRACTIONS)
        center = np.floor((mean + kind(FRACTIONS >> 1)) * kind(1 / FRACTIONS))
        fraction = (mean - center * kind(FRACTIONS) + kind(FRACTIONS >> 1)).astype(np.int16)
        own = kind(_OWN) * self._expected[pixels]
        quotient = (found + own).astype(np.float64) / (expected + own)
        grown = np.searchsorted(_LIMITS, quotient) - len(_LIMITS) // 2
        scale, shift = scale_index(np.maximum(self._level[pixels] + grown, 0))
        return Part(
            pixels, center.astype(np.int32), table_number(scale, fraction, self._shape[pixels]), shift
        )


def _shape_and_level(prediction: Prediction) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the tails and quarter octaves (n,) of tables and shifts: the inverse of table_number."""
    shape, place = np.divmod(prediction.table.astype(np.int32), TABLES // SHAPES)
    scale = np.where(
        place < FINE_SCALES * FRACTIONS, place // FRACTIONS, place - FINE_SCALES * (FRACTIONS - 1)
    )
    return shape, scale if prediction.shift is None else scale + 4 * prediction.shift
