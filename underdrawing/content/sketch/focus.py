"""Focus: more latent cells, and so more bits, for the important rows and columns of a picture.

    importance map --> a span of each axis --> picture resampled with a higher density inside --> code
    code --> picture of unequal density --> resampled to equal density

The resampling is separable: an axis has density `1` outside its spans and `density` inside, scaled to the
grid's length. The codec itself is unchanged, and a focus costs `FIELDS` bits of the first layer:

    axis (vertical, then horizontal):  density (2 bits) | second span? (1) | first, last (4, 4) [x 2]
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.content.sketch.parameters import put, take
from underdrawing.core.errors import CodeError

STRIPES = 16
"""Parts of an axis; a span is a range of them."""
DENSITIES = (1.5, 2.0, 3.0, 4.0)
"""Density inside a span over that outside."""
_HEAD, _SPAN = (2, 1), (4, 4)
_SECOND_SPAN_NATS = 0.03
"""Least gain of a second span of an axis, whose ends cost 8 bits."""


@dataclass(frozen=True)
class Axis:
    """Density along one axis."""

    level: int
    """Index of DENSITIES."""
    spans: tuple[tuple[int, int], ...]
    """One or two ranges of stripes: first and last, both included, in ascending order with a gap between."""

    def edges(self, cells: int, length: int) -> np.ndarray:
        """(cells + 1,) positions in pixels of `length` that cut the axis into `cells` samples."""
        filled = np.concatenate(([0.0], np.cumsum(self._stripes())))
        return np.interp(np.linspace(0, filled[-1], cells + 1), filled, np.linspace(0, length, STRIPES + 1))

    def relative(self, count: int) -> np.ndarray:
        """(count,) float32: samples at equal parts of the axis over those of equal density; mean about 1."""
        stripes = self._stripes()
        at = (np.arange(count) + 0.5) * STRIPES / count
        return (stripes / stripes.mean())[at.astype(np.int64)].astype(np.float32)

    def _stripes(self) -> np.ndarray:
        density = np.ones(STRIPES)
        for first, last in self.spans:
            density[first : last + 1] = DENSITIES[self.level]
        return density

    def bits(self) -> np.ndarray:
        """The axis as bits, uint8 0/1."""
        values = (self.level, len(self.spans) - 1, *(end for span in self.spans for end in span))
        return put(values, _HEAD + _SPAN * len(self.spans))


EVEN = Axis(0, ((0, STRIPES - 1),))
"""The same density everywhere."""


@dataclass(frozen=True)
class Focus:
    """Density along both axes."""

    vertical: Axis
    horizontal: Axis

    def bits(self) -> np.ndarray:
        """The focus as bits, uint8 0/1."""
        return np.concatenate((self.vertical.bits(), self.horizontal.bits()))

    def relative(self, rows: int, columns: int) -> np.ndarray:
        """(rows, columns) float32: samples at equal parts of the picture over those of equal density."""
        return self.vertical.relative(rows)[:, None] * self.horizontal.relative(columns)

    def gather(self, planes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """(h, w, ...) resampled to `size` (rows, columns) of unequal density, float32: means of areas."""
        down = _means(planes, self.vertical.edges(size[0], planes.shape[0]))
        return _means(down.swapaxes(0, 1), self.horizontal.edges(size[1], planes.shape[1])).swapaxes(0, 1)

    def spread(self, picture: np.ndarray, height: int, width: int) -> np.ndarray:
        """The (height, width, 3) uint8 picture of equal density from one of unequal density."""
        rows = _positions(self.vertical.edges(picture.shape[0], height), height)
        columns = _positions(self.horizontal.edges(picture.shape[1], width), width)
        x, y = np.meshgrid(columns, rows)
        return cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def read_focus(bits: np.ndarray) -> tuple[Focus, np.ndarray]:
    """The focus at the start of `bits`, and the bits behind it. CodeError where none was ever written so."""
    axes = []
    for _ in range(2):
        (level, more), bits = take(bits, _HEAD)
        ends, bits = take(bits, _SPAN * (1 + more))
        if any(b < a for a, b in zip(ends[::2], ends[1::2], strict=True)) or (
            more and ends[2] <= ends[1] + 1
        ):
            raise CodeError("a sketch's focus has ends that were never written: its bits are damaged")
        axes.append(Axis(level, tuple(zip(ends[::2], ends[1::2], strict=True))))
    return Focus(*axes), bits


def choose_focus(importance: np.ndarray, finest: tuple[float, float], room: int) -> Focus | None:
    """The focus for an importance map; None where it gains less than its own bits would bring.

    importance: (h, w) non-negative, any unit. finest: for each axis the highest share of a sample of equal
    density that a sample may have (a finer one holds no more than the picture). room: bits of the code.

    An axis gains E[log density] under the importance: m log d - log(1 + p (d - 1)) for a span with share p of
    the axis and m of the importance, the logarithm of the samples that important places get more.
    """
    total = float(importance.sum())
    if total <= 0:
        return None
    gain, axes = 0.0, []
    for axis, limit in enumerate(finest):
        marginal = importance.sum(1 - axis, dtype=np.float64) / total
        share = cv2.resize(marginal[:, None], (1, STRIPES), interpolation=cv2.INTER_AREA)[:, 0]
        best, chosen = _best_axis(share / share.sum(), limit)
        gain += best
        axes.append(chosen)
    focus = Focus(*axes)
    return focus if gain > -np.log1p(-min(0.9, len(focus.bits()) / room)) else None


def _best_axis(share: np.ndarray, limit: float) -> tuple[float, Axis]:
    """Gain in nats and axis: the best span, and a second one beside it where that gains enough."""
    one = _best_span(share, limit, ())
    if one is None:
        return 0.0, EVEN
    two = _best_span(share, limit, one[1].spans)
    return two if two is not None and two[0] > one[0] + _SECOND_SPAN_NATS else one


def _best_span(
    share: np.ndarray, limit: float, beside: tuple[tuple[int, int], ...]
) -> tuple[float, Axis] | None:
    """The best axis that has one span more than `beside`; None where no span gains."""
    filled = np.concatenate(([0.0], np.cumsum(share)))
    known = sum(filled[b + 1] - filled[a] for a, b in beside), sum(b + 1 - a for a, b in beside)
    best = None
    for first in range(STRIPES):
        for last in range(first, STRIPES):
            if any(first <= b + 1 and a <= last + 1 for a, b in beside):
                continue
            mass = known[0] + filled[last + 1] - filled[first]
            part = (known[1] + last + 1 - first) / STRIPES
            for level, density in enumerate(DENSITIES):
                spread = 1 + part * (density - 1)
                gain = float(mass * np.log(density) - np.log(spread))
                if density / spread <= limit and gain > (best[0] if best else 0.0):
                    best = gain, Axis(level, tuple(sorted((*beside, (first, last)))))
    return best


def _means(planes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Means of the rows (n, ...) between the edges (m + 1,), parts of rows included: (m, ...) float32."""
    rows, (first, last) = np.arange(len(planes)), (edges[:-1, None], edges[1:, None])
    inside = np.clip(np.minimum(last, rows + 1) - np.maximum(first, rows), 0, None)
    weights = (inside / (last - first)).astype(np.float32)
    flat = planes.reshape(len(planes), -1).astype(np.float32)
    return (weights @ flat).reshape(len(weights), *planes.shape[1:])


def _positions(edges: np.ndarray, length: int) -> np.ndarray:
    """Place among the samples between `edges` of each pixel's centre, float32 (length,)."""
    return (np.interp(np.arange(length) + 0.5, edges, np.arange(len(edges))) - 0.5).astype(np.float32)
