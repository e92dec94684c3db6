"""Inputs of the probability network for one mask: neighbours on all sides, the base, channels coded before.

All values are integers in float32 (16-bit pictures: float64), which holds every sum of the network exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdrawing.nets.masked_schedule import (
    AROUND,
    FAR,
    MARGIN,
    NEAR,
    Step,
    neighbour,
    phases,
)

FRACTION_BITS = 3
"""Means and errors are in eighths of a level."""
LARGEST_ERROR = 1023
"""Errors are limited to this, in eighths of a level at 8 bits."""
CONSTANT = 8
"""The constant input of the scale, so that its weight fits int16."""
_UNITS = (0.5, 0.5, 0.25, 0.125, 2**-4, 2**-6, 0.5)
_UNITS_OF_OTHERS = (0.125, 0.5)
"""Factors that bring the inputs of the scale, without the constant, to the order of one expected error."""


@dataclass
class Context:
    """Of one mask and channel; n = h w pixels."""

    reference: np.ndarray
    """(n,) mean of the nearest known pixels; the mean is predicted relative to it."""
    values: np.ndarray
    """(K, n) inputs of the mean."""
    activity: np.ndarray
    """(J, n) inputs of the scale."""
    half: int
    """Distance to the nearest known pixels, px."""
    depth: int
    """Bits of a sample."""


@dataclass
class Tile:
    """The state that both sides have of a tile, with sides padded to multiples of the largest stride."""

    planes: list[np.ndarray]
    """Known values (H, W) of each channel; others are not read."""
    base: list[np.ndarray]
    """Lossy reconstruction (H, W) of each channel."""
    depth: int
    """Bits of a sample."""
    luma_alone: tuple[bool, ...]
    """Channels that are predicted without those before them: alpha."""
    errors: list[np.ndarray] = field(default_factory=list)
    """Absolute errors (H, W) of the linear means, in eighths of a level."""
    missed: list[np.ndarray] = field(default_factory=list)
    """Errors (H, W) of the means that the pixels were coded with, in eighths of a level."""
    signed: dict[int, np.ndarray] = field(default_factory=dict)
    """Errors (n,) of the current step by channel, in eighths of a level."""
    _phases: dict[tuple[int, str], dict[tuple[int, int], np.ndarray]] = field(default_factory=dict)
    _step: Step | None = None

    def __post_init__(self) -> None:
        self.errors, self.missed = ([np.zeros_like(plane) for plane in self.planes] for _ in range(2))

    def channels_before(self, channel: int) -> range:
        """Whose values at the same pixels are known."""
        return range(0) if self.luma_alone[channel] else range(channel)

    def update(self, step: Step, channel: int, values: np.ndarray, mean: np.ndarray) -> None:
        """Enter decoded values (n,), and the errors of their predicted means (n,) in eighths."""
        view = self.planes[channel][step.pixels]
        view[...] = values.reshape(view.shape)
        limit = LARGEST_ERROR << (self.depth - 8)
        error = np.clip(values * (1 << FRACTION_BITS) - mean, -limit, limit)
        self.signed[channel] = error
        self.errors[channel][step.pixels] = np.abs(error).reshape(view.shape)

    def enter_missed(self, step: Step, channel: int, missed: np.ndarray) -> None:
        """Enter the errors (n,) of the means that a step was coded with, in eighths."""
        view = self.missed[channel][step.pixels]
        view[...] = missed.reshape(view.shape)

    def missed_around(self, step: Step, channel: int) -> np.ndarray:
        """(M, n) errors, in eighths, at the nearest neighbours, and here of the channels before."""
        around = [self.missed[other][step.pixels] for other in self.channels_before(channel)]
        if step.kind != "seed":
            grid = self._grid(step, channel, "missed")
            around = [neighbour(grid, step, offset) for offset in NEAR[step.kind]] + around
        return _stack(around) if around else np.zeros((0, 0), self.planes[0].dtype)

    def context(self, step: Step, channel: int) -> Context:
        """Inputs of the network for a step."""
        if self._step is not step:
            self._step, self._phases = step, {}
        if step.kind == "seed":
            return self._seed(step, channel)
        return self._between(step, channel)

    def _grid(self, step: Step, channel: int, name: str) -> dict[tuple[int, int], np.ndarray]:
        """Phases of one of "planes", "base", "errors", "missed", computed once a step."""
        key = channel, name
        if key not in self._phases:
            self._phases[key] = phases(getattr(self, name)[channel], step.half)
        return self._phases[key]

    def _seed(self, step: Step, channel: int) -> Context:
        rows, columns = step.pixels
        base = self.base[channel]
        padded = np.pad(base, MARGIN, mode="edge")
        here = base[rows, columns]
        around = [
            padded[MARGIN + dy : MARGIN + dy + len(base), MARGIN + dx : MARGIN + dx + base.shape[1]][
                rows, columns
            ]
            for dy, dx in AROUND
        ]
        values = [near - here for near in around]
        contrast = sum(np.abs(value) for value in values)
        activity = [np.full_like(here, CONSTANT), contrast]
        for other in self.channels_before(channel):
            distance = self.planes[other][rows, columns] - self.base[other][rows, columns]
            values.append(distance)
            activity += [np.abs(distance), self.errors[other][rows, columns]]
        return Context(here.ravel(), _stack(values), _stack(activity), step.half, self.depth)

    def _between(self, step: Step, channel: int) -> Context:
        grid = self._grid(step, channel, "planes")
        near = [neighbour(grid, step, offset) for offset in NEAR[step.kind]]
        reference = _mean(near)
        base = self._grid(step, channel, "base")
        base_here = neighbour(base, step, (0, 0))
        close = [value - reference for value in near]
        far = [neighbour(grid, step, offset) - reference for offset in FAR[step.kind]]
        base_near = _mean([neighbour(base, step, offset) for offset in NEAR[step.kind]])
        values = [*close, *far, base_here - reference, base_near - reference]
        contrast = sum(np.abs(value) for value in close)
        across, along = _directions(near, step.kind == "center")
        errors = self._grid(step, channel, "errors")
        activity = [
            np.full_like(reference, CONSTANT), across, along, contrast, sum(np.abs(value) for value in far),
            sum(neighbour(errors, step, offset) for offset in NEAR[step.kind]),
            sum(neighbour(errors, step, offset) for offset in FAR[step.kind]),
            np.abs(base_here - reference),
        ]  # fmt: skip
        for other in self.channels_before(channel):
            others = self._grid(step, other, "planes")
            other_near = [neighbour(others, step, offset) for offset in NEAR[step.kind]]
            other_reference = _mean(other_near)
            here = self.planes[other][step.pixels] - other_reference
            values += [here, *(value - other_reference for value in other_near)]
            values.append(self.signed[other].reshape(here.shape))
            activity += [self.errors[other][step.pixels], np.abs(here)]
        return Context(reference.ravel(), _stack(values), _stack(activity), step.half, self.depth)


def bounds(step: Step, others: int, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest inputs with `others` channels before: (K,) values and (J,) activity, float64."""
    level, error = float((2 << depth) - 1), float(LARGEST_ERROR << (depth - 8))
    if step.kind == "seed":
        values = [level] * (len(AROUND) + others)
        return np.array(values), np.array([CONSTANT, level * len(AROUND), *([level, error] * others)])
    near, far = len(NEAR[step.kind]), len(FAR[step.kind])
    values = [level] * (near + far + 2) + ([level] * (near + 1) + [error]) * others
    sums = [CONSTANT, level, level, near * level, far * level, near * error, far * error, level]
    return np.array(values), np.array(sums + [error, level] * others)


def activity_units(inputs: int) -> np.ndarray:
    """(inputs - 1,) float32 factors of the inputs of the scale, without the constant; not of a seed."""
    units = [*_UNITS, *(_UNITS_OF_OTHERS * ((inputs - 1 - len(_UNITS)) // len(_UNITS_OF_OTHERS)))]
    return np.array(units, np.float32)


def _mean(values: list[np.ndarray]) -> np.ndarray:
    """The rounded mean of two or four planes."""
    share = 1.0 / len(values)
    return np.floor(sum(values) * values[0].dtype.type(share) + values[0].dtype.type(0.5))


def _directions(near: list[np.ndarray], diagonal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Differences of opposite neighbours along the two axes; of two neighbours: their own, and 0."""
    first, second, third = (3, 1, 2) if diagonal else (1, 2, 3)
    if len(near) == 2:
        across = np.abs(near[0] - near[1])
        return across, np.zeros_like(across)
    return np.abs(near[0] - near[first]), np.abs(near[second] - near[third])


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    return np.stack(rows).reshape(len(rows), -1)
