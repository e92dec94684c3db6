"""Local alignment: the displacement left after a rough alignment, from the lattice's own dither.

In overlapping windows the agreement of the coefficients with the dither is measured for shifts of a fraction
of a pixel up to a few. The clear peaks determine a smooth displacement (a P-spline, stiff at first), the
received picture is resampled with it, and the next round measures smaller windows round what is known; so the
fit grows from where the agreement is clear to rims that are many pixels off.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.alignment_score import periodic_view
from underdrawing.carriers.lattice.displacement import fit
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.parameters import FREQUENCIES, STEPS, EmbeddingLevel, KeyTables
from underdrawing.ops.dct import basis


class _Round(NamedTuple):
    window: float
    """Deviation of the Gaussian window, blocks."""
    every: int
    """Blocks between windows."""
    step: float
    """Of the shifts, px."""
    reach: int
    """Largest shift, px."""
    slope: float
    """Change of the shift between neighbouring windows that costs half a nat, px."""
    spacing: int
    """Of the control points, px."""
    stiffness: float
    """See displacement.fit; in windows of unit weight."""


_SCHEDULES = {
    # a rest of large slope, as of a wave
    "narrow": (
        _Round(1.2, 3, 0.5, 3, 1.0, 64, 0.3),
        _Round(1.2, 3, 0.5, 3, 1.0, 48, 0.1),
        _Round(1.4, 3, 0.5, 2, 0.7, 48, 0.1),
        _Round(1.75, 2, 0.25, 1, 0.5, 48, 0.1),
    ),
    # a nearly rigid rest: wide windows find it after strong compression too
    "wide": (
        _Round(4.0, 3, 0.5, 3, 0.5, 128, 3.0),
        _Round(3.0, 3, 0.5, 3, 0.5, 96, 1.0),
        _Round(2.2, 3, 0.5, 2, 0.5, 64, 0.3),
        _Round(1.75, 2, 0.25, 1, 0.5, 48, 0.1),
    ),
}
_SIGNIFICANT = {"narrow": 3.5, "wide": 3.9}
"""Score that the best windows of the first round must reach; unmarked photographs stay below."""
_BEST = 0.018
"""Share of windows that these are."""
_CLEAR = 2.0  # standard deviations of chance from which a shift counts
_TOLERANCE = 1.0  # px: residual at which the weight of a window is halved
_REWEIGHTED = 4
_BUSY = 24.0  # activity, levels, at which the weight of a block is halved, at strength 1


def refine_locally(alignment: Alignment, received: np.ndarray, tables: KeyTables) -> Alignment | None:
    """The alignment with a displacement fitted to the received luma (H, W).

    None where too few windows agree with the dither at any shift.
    """
    measured = None
    for name, (first, *rest) in _SCHEDULES.items():
        measured = measured or _agreement(alignment, received, tables, first)
        windows = _best_shifts(measured, first)
        if np.quantile(windows.score, 1 - _BEST) < _SIGNIFICANT[name]:
            continue
        for r in rest:
            alignment = _displaced(alignment, windows, r)
            windows = _best_shifts(_agreement(alignment, received, tables, r), r)
        return _displaced(alignment, windows, rest[-1])
    return None


class _Windows(NamedTuple):
    place: np.ndarray
    """(k, 2) centre (y, x), px in view."""
    shift: np.ndarray
    """(k, 2) (y, x) px."""
    score: np.ndarray
    """(k,) agreement at that shift, standard deviations of chance."""


def _displaced(alignment: Alignment, windows: _Windows, r: _Round) -> Alignment:
    """The alignment with the smooth displacement through its own and the shifts of the windows."""
    place, shift, score = windows
    rows, cols = alignment.blocks
    if alignment.displacement is not None:
        shift = shift + alignment.displacement.at_points(place)
    weight = np.maximum(score - _CLEAR, 0) * r.every**2 / (12 * r.window**2)
    robust = weight
    for _ in range(_REWEIGHTED):
        found = fit(place, shift, robust, (8 * rows, 8 * cols), r.spacing, r.stiffness)
        left = found.at_points(place) - shift
        robust = weight / (1 + (left**2).sum(1) / _TOLERANCE**2) ** 2
    return alignment.moved(displacement=found)


def _best_shifts(measured: tuple[np.ndarray, np.ndarray], r: _Round) -> _Windows:
    """The best shift in each window, supported by its neighbours, from the agreement and its variance."""
    agreement, variance = measured
    n, _, rows, cols = agreement.shape
    i, j = (np.arange(r.every // 2, count, r.every) for count in (rows, cols))
    here = i[:, None], j[None]
    deviation = np.sqrt(_smoothed(variance, r.window / np.sqrt(2)) / (4 * np.pi * r.window**2) + 1e-6)
    score = np.stack(
        [_smoothed(a, r.window)[here] / deviation[here] for a in agreement.reshape(-1, rows, cols)]
    )
    score = score.reshape(n, n, len(i), len(j))
    best = _with_neighbours(score, r.slope / r.step).reshape(n * n, -1).argmax(0)
    score = score.reshape(n, n, -1)
    y, x = np.unravel_index(best, (n, n))
    k = np.arange(len(best))
    up, down, left, right = (np.clip(a, 0, n - 1) for a in (y - 1, y + 1, x - 1, x + 1))
    dy = _vertex(score[up, x, k], score[y, x, k], score[down, x, k])
    dx = _vertex(score[y, left, k], score[y, x, k], score[y, right, k])
    shift = (np.stack([y + dy, x + dx], axis=1) - n // 2) * r.step
    place = 8 * np.stack(np.meshgrid(i, j, indexing="ij"), axis=2).reshape(-1, 2) + 3.5
    return _Windows(place, shift, score[y, x, k])


def _with_neighbours(scores: np.ndarray, slope: float) -> np.ndarray:
    """Scores (n, n, rows, cols) with the support of the neighbours for each shift, by semi-global matching.

    From four directions the best path of shifts to each window is added (Hirschmueller 2008), where a change
    of the shift by `slope` steps costs half a nat.
    """
    steps = np.arange(len(scores))
    cost = (0.5 * ((steps[:, None] - steps[None]) / slope) ** 2).astype(np.float32)
    total = -3 * scores
    for axis in (2, 3):
        for flipped in (False, True):
            lines = np.moveaxis(scores, axis, 0)[:: -1 if flipped else 1]
            paths = np.empty_like(lines)
            paths[0] = lines[0]
            for t in range(1, len(lines)):
                before = (paths[t - 1][None] - cost[:, :, None, None]).max(1)
                before = (before[:, None] - cost[None, :, :, None]).max(2)
                paths[t] = lines[t] + before - before.max((0, 1))
            total = total + np.moveaxis(paths[:: -1 if flipped else 1], 0, axis)
    return total


def _vertex(before: np.ndarray, at: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Place of the maximum of the parabola through three values, in -.5 to .5."""
    bend = np.minimum(before - 2 * at + after, -1e-6)
    return np.clip(0.5 * (after - before) / -bend, -0.5, 0.5)


def _agreement(
    alignment: Alignment, received: np.ndarray, tables: KeyTables, r: _Round
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted agreement of each block for each shift (y, x), (n, n, rows, cols) float32, and its variance by
    chance, (rows, cols)."""
    rows, cols = alignment.blocks
    parts, margin = round(1 / r.step), r.reach + 2
    plane = alignment.window(received, -margin, -margin, 8 * rows + 2 * margin, 8 * cols + 2 * margin)
    weight = _weights(np.ascontiguousarray(plane[margin:-margin, margin:-margin]), alignment, tables)
    expected = (4 * np.pi) * periodic_view(tables, tables.dither, alignment.origin, rows, cols)
    expected, weight = (np.ascontiguousarray(a.transpose(2, 0, 1)) for a in (expected, weight))
    n = 2 * parts * r.reach + 1
    agreement = np.empty((n, n, rows, cols), np.float32)
    for fy in range(parts):
        for fx in range(parts):
            kernels = _kernels(alignment.level.strength, tables.searched, fy / parts, fx / parts)
            filtered = (cv2.sepFilter2D(plane, cv2.CV_32F, x, y, anchor=(1, 1)) for y, x in kernels)
            angles = np.stack(list(filtered))
            for y in range(fy, n, parts):
                for x in range(fx, n, parts):
                    top, left = margin - r.reach + y // parts, margin - r.reach + x // parts
                    angle = angles[:, top : top + 8 * rows : 8, left : left + 8 * cols : 8]
                    agreement[y, x] = (np.cos(angle - expected) * weight).sum(0)
    return agreement, (weight**2).sum(0) / 2


def _weights(plane: np.ndarray, alignment: Alignment, tables: KeyTables) -> np.ndarray:
    """(rows, cols, searched) float32 weight of each coefficient of a plane (8 rows, 8 cols)."""
    rank = periodic_view(tables, tables.rank, alignment.origin, *alignment.blocks)
    texture, level, n = activity(plane), alignment.level, tables.searched
    weight = (rank < level.density(texture)[..., :n]) * (STEPS[:n] / STEPS[0]) ** 2
    larger = level.steps[0] / STEPS[0]
    return (weight / (1 + (texture / (_BUSY * larger)) ** 2)[..., None]).astype(np.float32)


def _smoothed(field: np.ndarray, deviation: float) -> np.ndarray:
    return cv2.GaussianBlur(field, (0, 0), deviation, borderType=cv2.BORDER_CONSTANT)


@lru_cache(maxsize=64)
def _kernels(strength: float, count: int, down: float, across: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Separable filters whose response is the angle 2 theta of the first `count` frequencies, `down` and
    `across` px further, by Catmull-Rom interpolation."""
    ones = basis(tuple((u, 0) for u in range(8))).reshape(8, 8, 8)[:, :, 0] * np.sqrt(8)
    at_y, at_x = ([np.convolve(one, _interpolation(f)) for one in ones] for f in (down, across))
    steps = EmbeddingLevel(strength).steps
    return [
        (at_y[u], at_x[v] * np.float32(4 * np.pi / step))
        for (u, v), step in zip(FREQUENCIES[:count], steps[:count], strict=True)
    ]


def _interpolation(f: float) -> np.ndarray:
    """(4,) weights of the pixels -1, 0, 1, 2 for a place at f in [0, 1)."""
    return np.array(
        [
            -0.5 * f + f**2 - 0.5 * f**3,
            1 - 2.5 * f**2 + 1.5 * f**3,
            0.5 * f + 2 * f**2 - 1.5 * f**3,
            -0.5 * f**2 + 0.5 * f**3,
        ],
        np.float32,
    )
