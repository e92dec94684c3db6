"""Closed-form fit of the network's layers: weighted least squares of values and of absolute errors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdrawing.nets.masked_context import CLASSES, CONSTANT, Context, Tile, bounds
from underdrawing.nets.masked_network import (
    EXACT,
    FRACTIONS,
    SCALE_BITS,
    WEIGHT_BITS,
    Layers,
    Prediction,
    grouped,
    predict,
    predict_mean,
)
from underdrawing.nets.masked_schedule import Step
from underdrawing.systems.masked_lossless.tile import Format

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
        weighted = inputs * weight
        self.matrix += weighted @ inputs.T
        self.vector += weighted @ target
        self.count += len(target)

    def solve(self, start: np.ndarray) -> np.ndarray:
        """The weights, drawn to `start` as by PRIOR_SAMPLES pixels."""
        prior = np.diag(np.diag(self.matrix) * PRIOR_SAMPLES / max(self.count, 1) + 1e-6)
        return np.linalg.solve(self.matrix + prior, self.vector + prior @ start)


@dataclass
class StepEquations:
    """Of one step and channel."""

    mean: list[Normal] = field(default_factory=list)
    scale: list[Normal] = field(default_factory=list)


def add_mean(equations: StepEquations, context: Context, target: np.ndarray, depth: int) -> None:
    """Enter the values (n,) of pixels, each with a weight that falls with the contrast around it."""
    groups = CLASSES if len(context.activity) >= 8 else 1
    if not equations.mean:
        equations.mean = [Normal.empty(len(context.values)) for _ in range(groups)]
    contrast = context.activity[3] / 4 if groups > 1 else context.activity[1] / 8
    weight = 1.0 / (1.0 + contrast.astype(np.float64) / (1 << (depth - 8)))
    values, moved = context.values.astype(np.float64), target - context.reference.astype(np.float64)
    for group, normal in enumerate(equations.mean):
        part = np.flatnonzero(context.group == group)
        if len(part):
            normal.add(values[:, part], moved[part], weight[part])


def add_scale(equations: StepEquations, context: Context, error: np.ndarray, expected: np.ndarray) -> None:
    """Enter absolute errors (n,), in levels, with weights 1 / expected^2."""
    groups = CLASSES if len(context.activity) >= 8 else 1
    if not equations.scale:
        equations.scale = [Normal.empty(len(context.activity)) for _ in range(groups)]
    activity = context.activity.astype(np.float64)
    for group, normal in enumerate(equations.scale):
        part = np.flatnonzero(context.group == group)
        if len(part):
            normal.add(activity[:, part], error[part], 1 / expected[part] ** 2)


def solved(
    normals: list[Normal],
    start: np.ndarray,
    limits: np.ndarray,
    form: Format,
    unit: Unit,
    share: float | None,
) -> np.ndarray:
    """int16 (groups, K) weights. share: None fits every group by itself; else see `fit_mean`."""
    wanted = start / unit.one
    if share is not None and _is_enough(sum(normal.count for normal in normals), share, start.shape[1]):
        common = Normal.empty(start.shape[1])
        for normal, weights in zip(normals, wanted, strict=True):
            common.matrix += normal.matrix
            common.vector += normal.vector - normal.matrix @ weights
            common.count += normal.count
        wanted = wanted + common.solve(np.zeros(start.shape[1]))
    for group, normal in enumerate(normals):
        if normal.count and (share is None or _is_enough(normal.count, share, start.shape[1])):
            wanted[group] = normal.solve(wanted[group])
    quantum = 1 if share is None else unit.quantum
    weights = start + quantum * np.rint((wanted * unit.one - start) / quantum)
    exact = [is_exact(row, limits, form.kind, unit.one) for row in weights]
    return np.where(np.array(exact)[:, None], weights, start).astype(np.int16)


def _is_enough(count: int, share: float, weights: int) -> bool:
    return count / share >= PIXELS_PER_WEIGHT * weights


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


def fit_mean(
    material: Material, start: np.ndarray, share: float | None = None
) -> tuple[np.ndarray, list[Normal]]:
    """Weights of the mean, and their equations.

    share: of the picture's pixels that the material has. One change for all groups is fitted first, then each
    group with enough pixels; weights with too few stay. None: each group by itself.
    """
    equations = StepEquations()
    for context, values in zip(material.contexts, material.truth, strict=True):
        add_mean(equations, context, values, material.form.depth)
    weights = solved(equations.mean, start, material.limits[0], material.form, MEAN, share)
    return weights, equations.mean


def fit_scale(
    material: Material, start: Layers, share: float | None = None
) -> tuple[np.ndarray, list[Normal]]:
    """Weights of the scale for the means of `start`, and their equations, weighted by the expected errors."""
    scale, found = start.scale, StepEquations()
    for _ in range(2):
        found = StepEquations()
        for context, values in zip(material.contexts, material.truth, strict=True):
            error, expected = _errors(Layers(start.mean, scale), context, values, material)
            add_scale(found, context, error, expected)
        scale = solved(found.scale, start.scale, material.limits[1], material.form, SCALE, share)
    return scale, found.scale


def fit_layers(material: Material, start: Layers, share: float) -> Layers:
    """Layers fitted to a picture of which the material is a `share`, as far as that pays off."""
    mean, _ = fit_mean(material, start.mean, share)
    return Layers(mean, fit_scale(material, Layers(mean, start.scale), share)[0])


def _errors(layers: Layers, context: Context, values: np.ndarray,
            material: Material) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Absolute and expected absolute error of each pixel, in levels."""
    form = material.form
    mean = predict_mean(layers.mean, context, form.limits(material.channel))
    expected = grouped(layers.scale, context.activity.astype(np.float64), context.group) / 2**SCALE_BITS
    least = _SMALLEST_ERROR * (1 << (form.depth - 8))
    return np.abs(values - mean.astype(np.float64) / FRACTIONS), np.maximum(expected, least)


def enter(tile: Tile, layers: Layers, context: Context, step: Step, channel: int, values: np.ndarray,
          form: Format) -> Prediction:  # fmt: skip
    """Predict a step, enter its true values (n,) into the tile; the prediction."""
    prediction = predict(layers, context, form.limits(channel))
    tile.update(step, channel, values.astype(form.kind), prediction.mean)
    return prediction


def start_layers(step: Step, others: int) -> Layers:
    """Weights before any fit: the reference as the mean, an expected error of 2 levels."""
    values, activity = bounds(step, others, 8)
    groups = 1 if step.kind == "seed" else CLASSES
    scale = np.zeros((groups, len(activity)), np.int16)
    scale[:, 0] = (2 << SCALE_BITS) // CONSTANT
    return Layers(np.zeros((groups, len(values)), np.int16), scale)
