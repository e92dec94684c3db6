"""The probability network: integer layers from a mask's context to a frequency table for each pixel.

    mean  = reference + W[group] @ values          weights in 2^-WEIGHT_BITS
    scale = V @ activity                            expected absolute error, in 2^-SCALE_BITS of a level
    table = (logarithm of the scale, fraction of the mean)

Every product and partial sum is an integer below 2^24 (2^53 in float64), which float32 adds exactly in any
order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.nets.masked_context import FRACTION_BITS, Context

WEIGHT_BITS = 10
SCALE_BITS = 12
EXACT = {np.dtype(np.float32): 1 << 24, np.dtype(np.float64): 1 << 53}
SCALES = 40
"""Tables of the scale: quarter octaves from 2^-6 of a level to 16."""
FINE_SCALES = 28
"""Below this one (2 levels) there is a table for each eighth of the mean's fraction."""
FRACTIONS = 1 << FRACTION_BITS
TABLES = FINE_SCALES * FRACTIONS + SCALES - FINE_SCALES
_FIRST_LOG2 = SCALE_BITS - 6


@dataclass(frozen=True)
class Layers:
    """Weights of one step and channel."""

    mean: np.ndarray
    """(CLASSES, K) int16; (1, K) for a seed."""
    scale: np.ndarray
    """(CLASSES, J) int16; (1, J) for a seed."""


@dataclass(frozen=True)
class Prediction:
    """For each of n pixels."""

    mean: np.ndarray
    """In eighths of a level; integers in the context's type."""
    center: np.ndarray
    """int32: the rounded mean."""
    table: np.ndarray
    """int16, below TABLES."""
    shift: np.ndarray | None
    """int16: low bits that are coded as they are; None where there are none."""


def predict(layers: Layers, context: Context, limits: tuple[int, int]) -> Prediction:
    """Mean and table of each pixel. limits: lowest and highest possible value."""
    mean = predict_mean(layers.mean, context, limits)
    kind = mean.dtype.type
    center = np.floor((mean + kind(FRACTIONS >> 1)) * kind(1 / FRACTIONS))
    fraction = (mean - center * kind(FRACTIONS) + kind(FRACTIONS >> 1)).astype(np.int16)
    scale, shift = scale_index(grouped(layers.scale, context.activity, context.group))
    return Prediction(mean, center.astype(np.int32), table_number(scale, fraction), shift)


def table_number(scale: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """int16 (n,) of scale index and fraction of the mean; FRACTIONS / 2: no fraction."""
    rough = scale + np.int16(FINE_SCALES * (FRACTIONS - 1))
    return np.where(scale < FINE_SCALES, scale * np.int16(FRACTIONS) + fraction, rough)


def predict_mean(weights: np.ndarray, context: Context, limits: tuple[int, int]) -> np.ndarray:
    """(n,) means in eighths of a level."""
    kind = context.values.dtype.type
    sums = grouped(weights, context.values, context.group)
    down = WEIGHT_BITS - FRACTION_BITS
    moved = np.floor((sums + kind(1 << (down - 1))) * kind(2.0**-down))
    return np.clip(context.reference * FRACTIONS + moved, limits[0] * FRACTIONS, limits[1] * FRACTIONS)


def grouped(weights: np.ndarray, inputs: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(n,) sums of inputs (K, n), each with the row of weights (groups, K) of its pixel's group."""
    sums = weights.astype(inputs.dtype) @ inputs
    if len(sums) == 1:
        return sums[0]
    return sums.ravel()[group * sums.shape[1] + np.arange(sums.shape[1])]


def scale_index(expected: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Quarter octave of expected errors, int16 below SCALES, and the octaves above as low bits.

    The exponent and the first two bits of the mantissa are those of the number's own representation.
    """
    bits, integers, bias = (21, np.int32, 127) if expected.dtype == np.float32 else (50, np.int64, 1023)
    number = np.maximum(expected, 1).view(integers) >> bits
    index = np.maximum(number - ((bias + _FIRST_LOG2) << 2), 0).astype(np.int16)
    if not len(index) or index.max() < SCALES:
        return index, None
    shift = np.maximum((index - np.int16(SCALES - 4)) >> 2, 0).astype(np.int16)
    return index - 4 * shift, shift
