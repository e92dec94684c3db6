"""Division of a picture's room: level, and rates of middle and top layer, by the measured capacity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.carriers.lattice import rates
from underdrawing.carriers.lattice.lattice import Lattice, is_small
from underdrawing.carriers.lattice.parameters import PARTS, TEXTURE_GAINS, EmbeddingLevel
from underdrawing.coding import payload

_MANY_BLOCKS = 2000  # above, a texture gain of 1 is not tried
_LARGE_ROOM = 2.0  # room for large pictures, whose capacity is measured on the grid only
_NEARLY = 0.95  # of the largest room, from which a lower level is preferred


@dataclass(frozen=True)
class Division:
    """Level and rates of the layers of one picture."""

    level: EmbeddingLevel
    middle_rate: int
    """Index into MIDDLE_RATES."""
    parts: tuple[int, ...]
    """Index into PART_RATES of each part of the top layer; into TOP_RATES where it has none."""
    rows: int
    cols: int

    @property
    def index(self) -> int:
        """Rates that the base layer names: middle << 6 | first part, or middle << 4 | top."""
        return self.middle_rate << (6 if self.level.split else 4) | self.parts[0]

    @property
    def middle(self) -> int:
        """Information bits of the middle layer; 0: no such layer."""
        return rates.middle_size(self.index, self.rows, self.cols, self.level.split)

    @property
    def top(self) -> tuple[int, ...]:
        """Information bits of the top layer, or of each part; empty: no such layer."""
        if self.level.split:
            named = zip(PARTS, self.parts, strict=True)
            return tuple(rates.part_size(name, index, self.rows, self.cols) for name, index in named)
        _, top = rates.sizes(self.index, self.rows, self.cols)
        return (top,) if top else ()

    @property
    def sizes(self) -> dict[str, int]:
        """Information bits of each layer behind the base, by name."""
        return dict(zip(self.level.layers, (self.middle, *self.top), strict=False))


def divide(lattice: Lattice, plane: np.ndarray, strength: float, ease: float, least_middle: int) -> Division:
    """Level and sizes of the layers for this luma plane: the top layer in parts where they have room.

    least_middle: information bits that the middle layer needs. See Lattice.capacity for `ease`.
    """
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    if not is_small(rows, cols):
        level, index = _fitted(lattice, plane, EmbeddingLevel(strength, split=True), ease, least_middle)
        capacity = lattice.capacity_of_parts(plane, level, ease) if index >> 4 else {}
        parts = rates.choose_parts(capacity, rows, cols)
        division = Division(level, index >> 4, parts, rows, cols)
        if min(division.top, default=0) >= payload.LEAST_PART_BITS:
            return division
    level, index = _fitted(lattice, plane, EmbeddingLevel(strength), ease, least_middle)
    return Division(level, index >> 4, (index & 15,), rows, cols)


def _fitted(
    lattice: Lattice, plane: np.ndarray, least: EmbeddingLevel, ease: float, least_middle: int
) -> tuple[EmbeddingLevel, int]:
    """The lowest level from `least` on with enough capacity for the payload, and its rate index."""
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    tried = []
    for texture_gain in TEXTURE_GAINS[1:] if rows * cols > _MANY_BLOCKS and ease == 1 else TEXTURE_GAINS:
        level = least._replace(texture_gain=texture_gain)
        capacity = lattice.capacity(plane, level, ease)
        index = rates.choose(capacity, rows, cols, least_middle)
        if is_small(rows, cols):  # the middle layer's place is taken
            return level, index & 15
        tried.append((rates.room(capacity, least_middle), level, index))
        if tried[-1][0] >= (1 if ease == 1 else _LARGE_ROOM):
            break
    enough = _NEARLY * max(room for room, _, _ in tried)
    return next((level, index) for room, level, index in tried if room >= enough)
