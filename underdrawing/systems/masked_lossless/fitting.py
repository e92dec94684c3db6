"""Closed-form fit of the network's layers: weighted least squares of values and of absolute errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from underdrawing.nets.masked_context import CONSTANT, Context, Tile, bounds
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_network import (
    EXACT,
    FRACTIONS,
    SCALE_BITS,
    WEIGHT_BITS,
    Layers,
    predict_mean,
    predict_scale,
)
from underdrawing.nets.masked_schedule import Step
from underdrawing.ops.blocked_products import outer_sum

PRIOR_SAMPLES = 300
"""The start weights count as so many pixels."""
PIXELS_PER_WEIGHT = 150
"""Of a picture for each weight that is fitted to it; with fewer, its bytes cost more than they gain."""


@dataclass(frozen=True)
class Unit:
    """Of the weights of one layer."""

    one: int
    """The integer of the weight 1."""
    quantum: int
    """Steps in which weights that are fitted to a picture differ from the released ones."""


MEAN, SCALE = Unit(1 << WEIGHT_BITS, 8), Unit(1 << SCALE_BITS, 2)


_INT16 = 32767
_SMALLEST_ERROR = 0.25
"""Of an expected error in the weights of least squares, levels at 8 bits."""


@dataclass
class Normal:
    """Normal equations of weighted least squares for one set of weights."""

    matrix: np.ndarray
    vector: np.ndarray
    count: int = 0

    @classmethod
    def empty(cls, size: int) -> Normal:
        """Of `size` weights."""
        return cls(np.zeros((size, size)), np.zeros(size))

    def add(self, inputs: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
        """Enter inputs (K, n), targets (n,) with weights (n,)."""
        weighted = inputs * weight.astype(inputs.dtype)
        self.matrix += outer_sum(weighted, inputs)
        self.vector += outer_sum(weighted, target[None].astype(inputs.dtype))[:, 0]
        self.count += len(target)

    def enter(self, other: Normal) -> None:
        """Enter the equations of other pixels."""
        self.matrix += other.matrix
        self.vector += other.vector
        self.count += other.count

    def solve(self, start: np.ndarray) -> np.ndarray:
        """The weights, drawn to `start` as by PRIOR_SAMPLES pixels."""
        prior = np.diag(np.diag(self.matrix) * PRIOR_SAMPLES / max(self.count, 1) + 1e-6)
        return np.linalg.solve(self.matrix + prior, self.vector + prior @ start)


@dataclass
class StepEquations:
    """Of one step and channel."""

    mean: Normal
    scale: Normal

    @classmethod
    def empty(cls, layers: Layers) -> StepEquations:
        """For layers of these sizes."""
        return cls(Normal.empty(len(layers.mean)), Normal.empty(len(layers.scale)))


def add_mean(normal: Normal, context: Context, target: np.ndarray) -> None:
    """Enter the values (n,) of pixels, each with a weight that falls with the contrast around it."""
    contrast = context.activity[3] / 4 if len(context.activity) >= 8 else context.activity[1] / 8
    weight = 1 / (1 + contrast / np.float32(1 << (context.depth - 8)))
    normal.add(context.values, target - context.reference, weight)


def solved(
    normal: Normal,
    start: np.ndarray,
    limits: np.ndarray,
    form: Format,
    unit: Unit,
    share: float | None,
) -> np.ndarray:
    """int16 (K,) weights; `start` where there are too few pixels.

    share: of the picture's pixels that were entered; None: fit them in any case, without a quantum.
    """
    if not normal.count or (share is not None and normal.count / share < PIXELS_PER_WEIGHT * len(start)):
        return start
    quantum = 1 if share is None else unit.quantum
    wanted = normal.solve(start / unit.one) * unit.one
    weights = start + quantum * np.rint((wanted - start) / quantum)
    return weights.astype(np.int16) if is_exact(weights, limits, form.kind, unit.one) else start


def is_exact(weights: np.ndarray, limits: np.ndarray, kind: type, rest: int) -> bool:
    """Whether all sums of weights and inputs within `limits`, plus `rest`, are exact."""
    largest = float(np.abs(weights) @ limits) + rest
    return bool(np.isfinite(largest)) and np.abs(weights).max() <= _INT16 and largest < EXACT[np.dtype(kind)]


@dataclass(frozen=True)
class Material:
    """Pixels of one step and channel, of one or more tiles."""

    contexts: list[Context]
    truth: list[np.ndarray]
    """Values (n,) of each tile."""
    step: Step
    channel: int
    others: int
    """Channels known at the same pixels."""
    form: Format

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Largest inputs of the mean and of the scale."""
        return bounds(self.step, self.others, self.form.depth)


def fit_mean(material: Material, start: np.ndarray, share: float | None = None) -> tuple[np.ndarray, Normal]:
    """Weights of the linear mean, and their equations; share as in `solved`."""
    normal = Normal.empty(len(start))
    for context, values in zip(material.contexts, material.truth, strict=True):
        add_mean(normal, context, values)
    return solved(normal, start, material.limits[0], material.form, MEAN, share), normal


def fit_scale(material: Material, start: Layers, share: float | None = None) -> tuple[np.ndarray, Normal]:
    """Weights of the scale for the means of `start`, and their equations, weighted by the expected errors."""
    scale, found = start.scale, Normal.empty(len(start.scale))
    form = material.form
    least = _SMALLEST_ERROR * (1 << (form.depth - 8))
    errors = [
        np.abs(values - predict_mean(start.mean, context, form.limits(material.channel)) / FRACTIONS)
        for context, values in zip(material.contexts, material.truth, strict=True)
    ]
    for _ in range(2):
        found = Normal.empty(len(scale))
        for context, error in zip(material.contexts, errors, strict=True):
            expected = np.maximum(predict_scale(scale, context) / (1 << SCALE_BITS), least)
            found.add(context.activity, error, 1 / expected**2)
        scale = solved(found, start.scale, material.limits[1], form, SCALE, share)
    return scale, found


def fit_layers(material: Material, start: Layers, share: float) -> Layers:
    """Layers fitted to a picture of which the material is a `share`, as far as that pays off."""
    layers = replace(start, mean=fit_mean(material, start.mean, share)[0])
    return replace(layers, scale=fit_scale(material, layers, share)[0])


def enter(tile: Tile, layers: Layers, context: Context, step: Step, channel: int, values: np.ndarray,
          form: Format) -> None:  # fmt: skip
    """Enter the true values (n,) of a step into the tile."""
    linear = predict_mean(layers.mean, context, form.limits(channel))
    tile.update(step, channel, values.astype(form.kind), linear)


def start_layers(step: Step, others: int) -> Layers:
    """Weights before any fit: the reference as the mean, an expected error of 2 levels."""
    values, activity = bounds(step, others, 8)
    scale = np.zeros(len(activity), np.int16)
    scale[0] = (2 << SCALE_BITS) // CONSTANT
    return Layers(np.zeros(len(values), np.int16), scale)
