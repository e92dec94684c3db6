"""The probability network: integer layers from a mask's context to a frequency table for each pixel.

    linear = reference + w @ values                 fitted to the picture; weights in 2^-WEIGHT_BITS
    scale  = v @ activity                           expected absolute error, in 2^-SCALE_BITS of a level
    inputs = (values, linear, activity, errors beside in the mask) / scale, and the scale's logarithm
    mean   = linear + scale * net[0](inputs)        a perceptron with two hidden layers, trained by gradients
    table  = (log2 scale + net[1](inputs), fraction of the mean, tails: net[2](inputs))

Every product and partial sum is an integer below 2^24 (2^53 in float64), which float32 adds exactly in any
order. Other operations are elementwise and of few bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underdrawing.nets.masked_context import FRACTION_BITS, Context, activity_units
from underdrawing.ops.blocked_products import product

WEIGHT_BITS = 10
SCALE_BITS = 12
EXACT = {np.dtype(np.float32): 1 << 24, np.dtype(np.float64): 1 << 53}
SCALES = 40
"""Tables of the scale: quarter octaves from 2^-6 of a level to 16."""
FINE_SCALES = 28
"""Below this one (2 levels) there is a table for each eighth of the mean's fraction."""
FRACTIONS = 1 << FRACTION_BITS
SHAPES = 4
"""Tables of each scale and fraction, by the weight of the tails."""
PLAIN_SHAPE = 2
"""Of what has no net."""
_TABLES_OF_SHAPE = FINE_SCALES * FRACTIONS + SCALES - FINE_SCALES
TABLES = SHAPES * _TABLES_OF_SHAPE
_FIRST_LOG2 = SCALE_BITS - 6
_MOST_SHIFT = 12

INPUT_ONE, HIDDEN_ONE, MEAN_ONE, NET_WEIGHT_ONE = 16, 32, 64, 256
"""Integers of 1: inputs and mean in expected errors, values of the hidden layers, weights of the net."""
LARGEST = 127
"""Of inputs and hidden values."""
_BESIDE = 5
"""Inputs of the net about neighbours in the mask: four errors, and how many of them are known."""
_SHAPE_LIMITS = (-1.125, 0.0, 1.125)
"""Logits of the weight of the tails: about 1/4, 1/2, 3/4."""
_MIDDLE_LEVEL = 20
_QUARTERS = np.array([2233, 2656, 3158, 3756]) / 4096
"""2^((k - 3.5) / 4), k = 0 to 3, in 12 bits."""
_LEVELS = np.arange(160)
SIZES = np.ldexp(_QUARTERS[_LEVELS % 4], _LEVELS // 4 - 5).astype(np.float32)
"""Expected error in levels, by quarter octave."""
_SHARES = np.ldexp(_QUARTERS[3 - _LEVELS % 4], 6 - _LEVELS // 4).astype(np.float32)
"""Its inverse."""


@dataclass(frozen=True)
class Net:
    """The perceptron of one kind of step and channel, shared by all distances."""

    weights: tuple[np.ndarray, ...]
    """int16 (outputs, inputs) of each layer."""
    biases: tuple[np.ndarray, ...]
    """int32 (outputs,)."""

    @classmethod
    def of(cls, tensors: Mapping[str, np.ndarray]) -> Net:
        """From tensors as of `tensors`; KeyError, ValueError for others."""
        count = len(tensors) // 2
        net = cls(*(tuple(tensors[f"{part}{n}"] for n in range(count)) for part in ("weight", "bias")))
        if not net.is_exact:
            raise ValueError("sums that float32 does not add exactly")
        return net

    def tensors(self) -> dict[str, np.ndarray]:
        """Weights and biases by name."""
        parts = {"weight": self.weights, "bias": self.biases}
        return {f"{part}{n}": values for part, all_of in parts.items() for n, values in enumerate(all_of)}

    def outputs(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of inputs (K, n): changes of the mean (1 / MEAN_ONE) and scale (quarter octaves); shape, (n,)."""
        kind = inputs.dtype.type
        hidden, one = inputs, INPUT_ONE
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = product(weight.astype(kind), hidden)
            hidden += bias.astype(kind)[:, None]
            hidden *= kind(HIDDEN_ONE / (one * NET_WEIGHT_ONE))
            np.rint(np.clip(hidden, 0, LARGEST, out=hidden), out=hidden)
            one = HIDDEN_ONE
        last = product(self.weights[-1].astype(kind), hidden) + self.biases[-1].astype(kind)[:, None]
        unit = 1 / (HIDDEN_ONE * NET_WEIGHT_ONE)
        moved = np.clip(np.rint(last[0] * kind(MEAN_ONE * unit)), -1023, 1023)
        wider = np.clip(np.rint(last[1] * kind(4 * unit)), -40, 40).astype(np.int32)
        limits = (kind(limit / unit) for limit in _SHAPE_LIMITS)
        return moved, wider, sum((last[2] >= limit).astype(np.int16) for limit in limits)

    @property
    def is_exact(self) -> bool:
        """Whether all its sums are exact in float32."""
        return all(
            (np.abs(weight.astype(float)).sum(1) * LARGEST + np.abs(bias)).max() < EXACT[np.dtype(np.float32)]
            for weight, bias in zip(self.weights, self.biases, strict=True)
        )


@dataclass(frozen=True)
class Layers:
    """Weights of one step and channel."""

    mean: np.ndarray
    """(K,) int16."""
    scale: np.ndarray
    """(J,) int16."""
    net: Net | None = None
    """None for a seed."""


@dataclass(frozen=True)
class Prediction:
    """For each of k pixels."""

    mean: np.ndarray
    """Integers in eighths of a level."""
    level: np.ndarray
    """int32: quarter octaves of the expected error."""
    shape: np.ndarray | int = PLAIN_SHAPE
    """Weight of the tails."""

    @cached_property
    def center(self) -> np.ndarray:
        """int32: the rounded mean."""
        kind = self.mean.dtype.type
        return np.floor((self.mean + kind(FRACTIONS >> 1)) * kind(1 / FRACTIONS)).astype(np.int32)

    @cached_property
    def tables(self) -> tuple[np.ndarray, np.ndarray | None]:
        """int16: numbers of tables, and of low bits that are coded as they are; None where there are none."""
        fraction = (self.mean - FRACTIONS * self.center + (FRACTIONS >> 1)).astype(np.int16)
        scale, shift = scale_index(self.level)
        return table_number(scale, fraction, self.shape), shift


def predict(
    net: Net, inputs: np.ndarray, linear: np.ndarray, level: np.ndarray, limits: tuple[int, int]
) -> Prediction:
    """Mean and expected error of each pixel.

    inputs: (K, k). linear, level: (k,) linear means in eighths of a level, and quarter octaves of the scale.
    limits: lowest and highest possible value.
    """
    kind = linear.dtype.type
    moved, wider, shape = net.outputs(inputs)
    moved = np.rint(moved * SIZES[level] * kind(FRACTIONS / MEAN_ONE))
    return Prediction(
        np.clip(linear + moved, limits[0] * FRACTIONS, limits[1] * FRACTIONS), bounded(level + wider), shape
    )


def bounded(level: np.ndarray) -> np.ndarray:
    """Quarter octaves within those of SIZES."""
    return np.clip(level, 0, len(SIZES) - 1)


def table_number(
    scale: np.ndarray, fraction: np.ndarray, shape: np.ndarray | int = PLAIN_SHAPE
) -> np.ndarray:
    """int16 (n,) of scale index, fraction of the mean (FRACTIONS / 2: none), and shape."""
    rough = scale + np.int16(FINE_SCALES * (FRACTIONS - 1))
    number = np.where(scale < FINE_SCALES, scale * np.int16(FRACTIONS) + fraction, rough)
    return number + np.int16(_TABLES_OF_SHAPE) * np.asarray(shape, np.int16)


def predict_mean(weights: np.ndarray, context: Context, limits: tuple[int, int]) -> np.ndarray:
    """(n,) linear means in eighths of a level."""
    kind = context.values.dtype.type
    sums = product(weights.astype(kind)[None], context.values)[0]
    down = WEIGHT_BITS - FRACTION_BITS
    moved = np.floor((sums + kind(1 << (down - 1))) * kind(2.0**-down))
    return np.clip(context.reference * FRACTIONS + moved, limits[0] * FRACTIONS, limits[1] * FRACTIONS)


def predict_scale(weights: np.ndarray, context: Context) -> np.ndarray:
    """(n,) expected absolute errors in 2^-SCALE_BITS of a level."""
    return product(weights.astype(context.activity.dtype)[None], context.activity)[0]


@dataclass(frozen=True)
class Inputs:
    """Of the net, for the n pixels of a mask."""

    values: np.ndarray
    """(K, n) integers up to LARGEST; the last rows, of the errors beside, are empty."""
    share: np.ndarray
    """(n,) inverse of the expected error, times INPUT_ONE."""

    def of(self, pixels: np.ndarray, errors: np.ndarray, known: np.ndarray) -> np.ndarray:
        """(K, k) inputs of pixels (k,) with the errors (4, k) of their neighbours in the mask, in eighths of
        a level, 0 where they are not known; known: (k,) how many are."""
        found = self.values[:, pixels]
        if known.any():
            kind = found.dtype.type
            beside = errors * kind(1 / FRACTIONS) * self.share[pixels]
            np.rint(np.clip(beside, -LARGEST, LARGEST, out=beside), out=found[-_BESIDE:-1])
            found[-1] = known * kind(INPUT_ONE / 2)
        return found


def net_inputs(context: Context, linear: np.ndarray, level: np.ndarray) -> Inputs:
    """Inputs of the net; linear, level: as in `predict`, for all n pixels of a mask."""
    kind = context.values.dtype.type
    share = _SHARES[level] * kind(INPUT_ONE)
    count = len(context.values)
    inputs = np.zeros((count + len(context.activity) + 2 + _BESIDE, len(level)), kind)
    np.multiply(context.values, share, out=inputs[:count])
    np.multiply(
        (linear - context.reference * kind(FRACTIONS)) * kind(1 / FRACTIONS), share, out=inputs[count]
    )
    units = activity_units(len(context.activity)).astype(kind)
    *_, scale, distance = own = inputs[count + 1 : -_BESIDE]
    np.multiply(context.activity[1:] * units[:, None], share, out=own[:-2])
    scale[:] = 2 * (level - _MIDDLE_LEVEL - 4 * (context.depth - 8))
    distance[:] = INPUT_ONE * (context.half.bit_length() - 1)
    np.clip(inputs, -LARGEST, LARGEST, out=inputs)
    return Inputs(np.rint(inputs, out=inputs), share)


def quarter_octaves(expected: np.ndarray) -> np.ndarray:
    """int32 (n,) numbers of quarter octaves of expected errors, from 0 for 2^-6 of a level.

    The exponent and the first two bits of the mantissa are those of the number's own representation.
    """
    bits, integers, bias = (21, np.int32, 127) if expected.dtype == np.float32 else (50, np.int64, 1023)
    number = np.maximum(expected, 1).view(integers) >> bits
    return np.clip(number - ((bias + _FIRST_LOG2) << 2), 0, len(_LEVELS) - 1).astype(np.int32)


def scale_index(level: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Index of a scale, int16 below SCALES, and the octaves above as low bits, of quarter octaves (n,)."""
    index = np.clip(level, 0, SCALES - 1 + 4 * _MOST_SHIFT).astype(np.int16)
    if not len(index) or index.max() < SCALES:
        return index, None
    shift = np.maximum((index - np.int16(SCALES - 4)) >> 2, 0).astype(np.int16)
    return index - 4 * shift, shift
