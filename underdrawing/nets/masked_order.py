"""The pixels of a mask in parts: later ones know the errors of their neighbours in earlier ones.

    whole    all at once
    halves   every second pixel, as on a chessboard; then the others, with four known neighbours in the mask
    entropy  those of the smallest expected error first, in four parts

The net gets the errors of the linear mean. What other errors still tell is added after it:

    mean  + sum of w f                  f: mean errors of the known neighbours in the mask, horizontal and
                                        vertical; errors of the nearest ones known before; errors of the
                                        channels before, here; w fitted to the part
    scale * (a + 40 s) / (e + 40 s)     a, e: sums of the errors and expected errors of the neighbours in the
                                        mask; s: the own expected one

All numbers are integers in the network's floating-point type, or their quotients in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from underdrawing.core.errors import CodeError
from underdrawing.nets.masked_context import LARGEST_ERROR, Context
from underdrawing.nets.masked_network import (
    FRACTIONS,
    SIZES,
    Layers,
    Prediction,
    bounded,
    net_inputs,
    predict,
    predict_mean,
    predict_scale,
    quarter_octaves,
)
from underdrawing.ops.blocked_products import product

ORDERS = WHOLE, HALVES, ENTROPY = "whole", "halves", "entropy"
ORDER = HALVES
"""Where none is given; the released nets were trained on it."""
PIXELS_PER_WEIGHT = 256
"""Of a part that has weights, for each of them."""
MOST_WEIGHT = 63
_ENTROPY_PARTS = 4
_ONE = 64
"""The integer of the weight 1."""
_FITTED_PIXELS = 8192
"""Of a part that weights are fitted to, about."""
_PRIOR_PIXELS = 100
"""The weight 0 counts as so many pixels."""
_MOST_BESIDE, _MOST_FITTED = 4, 3
"""Errors are limited to so many expected errors, as inputs of the correction and where it is fitted."""
_OWN = 40
"""The expected error of a pixel counts as so many neighbours' in its correction."""
_EXPECTED = np.maximum(np.rint(SIZES * FRACTIONS), 1)
"""By quarter octave, in eighths of a level."""
_HALF_QUARTERS = np.array([4467, 5312, 6317, 7512]) / 4096
"""2^((2 k + 1) / 8), k = 0 to 3, in 12 bits."""
_LIMITS = np.concatenate([np.ldexp(_HALF_QUARTERS, octave) for octave in (-2, -1, 0, 1)])
"""Quotients between which the scale grows by -8 to 8 quarter octaves."""


class Mask:
    """The pixels of one step and channel of a tile; n = h w."""

    def __init__(
        self,
        layers: Layers,
        context: Context,
        limits: tuple[int, int],
        size: tuple[int, int],
        order: str = ORDER,
        missed: np.ndarray | None = None,
    ):
        """limits: lowest and highest possible value. size: rows and columns. missed: (M, n) of
        Tile.missed_around. CodeError for another order."""
        if order not in ORDERS:
            raise CodeError(f"unknown order of pixels {order!r}: use the version that wrote the file")
        self._layers, self._context, self._limits, self._size = layers, context, limits, size
        self.linear = predict_mean(layers.mean, context, limits)
        """(n,) linear means in eighths of a level."""
        self.level = quarter_octaves(predict_scale(layers.scale, context))
        """(n,) quarter octaves of the expected errors."""
        self._order, self._inputs = order, None
        self._missed = np.zeros((0, 0), self.linear.dtype) if missed is None else missed
        empty = np.zeros_like(self.linear)
        self._known, self._linear_errors, self._errors = empty, empty.copy(), empty.copy()
        self._mean, self._expected = self.linear.copy(), _EXPECTED[self.level].astype(empty.dtype)

    def split(self) -> list[np.ndarray]:
        """Numbers of the pixels of each part, in coding order."""
        if self._order == WHOLE:
            return [np.arange(len(self.linear))]
        if self._order == ENTROPY:
            return np.array_split(np.argsort(self.level, kind="stable"), _ENTROPY_PARTS)
        parity = (np.add.outer(*(np.arange(side) for side in self._size)) & 1).ravel()
        return [np.flatnonzero(parity == 0), np.flatnonzero(parity)]

    def parts(self) -> Iterator[tuple[np.ndarray, Prediction]]:
        """Numbers of pixels and what is predicted of them, in coding order. The caller enters the values of
        a part before it asks for the next one."""
        net = self._layers.net
        if net is None:
            yield np.arange(len(self.linear)), Prediction(self.linear, self.level)
            return
        for pixels in self.split():
            found = predict(net, self.inputs(pixels), self.linear[pixels], self.level[pixels], self._limits)
            self._mean[pixels], self._expected[pixels] = found.mean, _EXPECTED[found.level]
            yield pixels, found

    @property
    def missed(self) -> np.ndarray:
        """(n,) errors of the means that the pixels were coded with, in eighths of a level."""
        return self._errors

    def missed_of(self, pixels: np.ndarray) -> np.ndarray:
        """(K, k) twice the limited errors that a correction of the mean of a part adds up; K may be 0."""
        among = bool(self._known.any())
        if len(pixels) < PIXELS_PER_WEIGHT * (2 * among + len(self._missed)):
            return np.empty((0, len(pixels)), self.linear.dtype)
        most = _MOST_BESIDE * self._expected
        found = np.empty((2 * among + len(self._missed), len(pixels)), most.dtype)
        if among:
            errors = self._beside(np.clip(self._errors, -most, most))[:, pixels]
            known = self._beside(self._known)[:, pixels]
            for axis, two in enumerate((slice(0, 2), slice(2, 4))):
                found[axis] = errors[two].sum(0) * (2 - (known[two].sum(0) == 2))
        if len(self._missed):
            others = found[2 * among :]
            np.clip(self._missed[:, pixels], -most[pixels], most[pixels], out=others)
            others *= 2
        return found

    def fitted(self, pixels: np.ndarray, values: np.ndarray, missed: np.ndarray) -> np.ndarray:
        """int32 (K,) weights of the correction of a part with the true values (k,), by least squares.

        missed: (K, k), of `missed_of`.
        """
        some = slice(None, None, max(1, len(pixels) // _FITTED_PIXELS))
        pixels, values, missed = pixels[some], values[some], missed[:, some]
        expected = self._expected[pixels].astype(np.float64)
        errors = np.clip((values * FRACTIONS - self._mean[pixels]) / expected, -_MOST_FITTED, _MOST_FITTED)
        weighted = missed / (2 * expected)
        matrix = weighted @ weighted.T
        prior = np.diag(np.diag(matrix) * _PRIOR_PIXELS / len(pixels) + 1e-6)
        found = np.linalg.solve(matrix + prior, weighted @ errors)
        return np.clip(np.rint(found * _ONE), -MOST_WEIGHT, MOST_WEIGHT).astype(np.int32)

    def corrected(
        self, pixels: np.ndarray, prediction: Prediction, missed: np.ndarray, weights: np.ndarray
    ) -> Prediction:
        """The prediction of a part with what other errors tell of it; weights: (K,), of `fitted`."""
        mean, kind = prediction.mean, prediction.mean.dtype.type
        if len(weights):
            moved = product(weights.astype(kind)[None], missed)[0]
            lowest, highest = (limit * FRACTIONS for limit in self._limits)
            mean = np.clip(mean + np.floor((moved + kind(_ONE)) * kind(0.5 / _ONE)), lowest, highest)
            self._mean[pixels] = mean
        if not self._known.any():
            return replace(prediction, mean=mean)
        own = kind(_OWN) * self._expected[pixels]
        found = self._beside(np.abs(self._errors)).sum(0)[pixels]
        expected = self._beside(self._expected * self._known).sum(0)[pixels]
        quotient = (found + own).astype(np.float64) / (expected + own)
        grown = np.searchsorted(_LIMITS, quotient) - len(_LIMITS) // 2
        return replace(prediction, mean=mean, level=bounded(prediction.level + grown))

    def enter(self, pixels: np.ndarray, values: np.ndarray) -> None:
        """The decoded values of a part."""
        limit = LARGEST_ERROR << (self._context.depth - 8)
        eighths = values.astype(self.linear.dtype) * FRACTIONS
        self._linear_errors[pixels] = np.clip(eighths - self.linear[pixels], -limit, limit)
        self._errors[pixels] = eighths - self._mean[pixels]
        self._known[pixels] = 1

    def inputs(self, pixels: np.ndarray) -> np.ndarray:
        """(K, k) inputs of the net for these pixels."""
        if self._inputs is None:
            self._inputs = net_inputs(self._context, self.linear, self.level)
        errors = self._beside(self._linear_errors)[:, pixels]
        return self._inputs.of(pixels, errors, self._beside(self._known).sum(0)[pixels])

    def _beside(self, values: np.ndarray) -> np.ndarray:
        """(4, n): those to the left, to the right, above and below in the mask; 0 at the border."""
        padded = np.pad(values.reshape(self._size), 1)
        sides = padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]
        return np.stack(sides).reshape(4, -1)
