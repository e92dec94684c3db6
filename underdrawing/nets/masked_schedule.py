"""Order of coding: T rounds of masks over the pixels of a tile, from coarse to fine.

The first round codes a grid of stride 2^L from the lossy base alone. Each level then halves the stride in
one, two or three rounds: all new pixels at once; the centres, then both edges; or the centres, then one edge
after the other. Every pixel has known neighbours on all sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MOST_ROUNDS = 16
_SPLITS = {
    1: (), 2: (1,), 3: (2,), 4: (1, 2), 5: (2, 2), 6: (1, 2, 2), 7: (2, 2, 2), 8: (2, 2, 3), 9: (2, 2, 2, 2),
    10: (2, 2, 2, 3), 11: (2, 2, 2, 2, 2), 12: (2, 2, 2, 2, 3), 13: (2, 2, 2, 3, 3), 14: (2, 2, 3, 3, 3),
    15: (2, 3, 3, 3, 3), 16: (3, 3, 3, 3, 3),
}  # fmt: skip
"""Rounds of each level, coarse to fine, by T; with the round of the first grid they add up to T."""


@dataclass(frozen=True)
class Step:
    """The pixels of one mask: rows `row` :: 2 `half`, columns `column` :: 2 `half`."""

    kind: str
    """Which neighbours are known: seed (none), center, quarter, upper, left, last; names the weights."""
    half: int
    """Distance to the nearest known pixels, px; for a seed half the stride, 0 for stride 1."""
    row: int
    column: int

    @property
    def name(self) -> str:
        """Of its weights."""
        return f"{self.kind}{self.half}"

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Of the mask in a plane."""
        stride = max(1, 2 * self.half)
        return slice(self.row * self.half, None, stride), slice(self.column * self.half, None, stride)


@lru_cache(maxsize=MOST_ROUNDS)
def rounds(count: int) -> tuple[tuple[Step, ...], ...]:
    """The steps of each of T = `count` rounds, 1 to MOST_ROUNDS; those of a round do not use each other."""
    splits = _SPLITS[count]
    stride = 1 << len(splits)
    found: list[tuple[Step, ...]] = [(Step("seed", stride // 2, 0, 0),)]
    for level, split in enumerate(splits):
        half = stride >> (level + 1)
        center, upper = Step("center", half, 1, 1), Step("upper", half, 0, 1)
        if split == 1:
            found.append((center, Step("quarter_upper", half, 0, 1), Step("quarter_left", half, 1, 0)))
        elif split == 2:
            found += [(center,), (upper, Step("left", half, 1, 0))]
        else:
            found += [(center,), (upper,), (Step("last", half, 1, 0),)]
    return tuple(found)


def stride_of(count: int) -> int:
    """Stride of the first grid, px: sides of tiles are padded to multiples of it."""
    return 1 << len(_SPLITS[count])


_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_CROSS = ((-1, 0), (1, 0), (0, -1), (0, 1))
_KNIGHT = ((-1, -2), (-1, 2), (1, -2), (1, 2), (-2, -1), (-2, 1), (2, -1), (2, 1))
_CROSS_FAR = ((-3, 0), (3, 0), (0, -3), (0, 3))
_DIAGONAL_FAR = (
    (-3, -1), (-3, 1), (3, -1), (3, 1), (-1, -3), (1, -3), (-1, 3), (1, 3),
    (-3, -3), (-3, 3), (3, -3), (3, 3),
)  # fmt: skip
NEAR: dict[str, tuple[tuple[int, int], ...]] = {
    "center": _DIAGONAL, "upper": _CROSS, "left": _CROSS, "last": _CROSS,
    "quarter_upper": ((0, -1), (0, 1)), "quarter_left": ((-1, 0), (1, 0)),
}  # fmt: skip
"""Nearest known pixels of each kind, (rows, columns) in units of `half`."""
FAR: dict[str, tuple[tuple[int, int], ...]] = {
    "center": _DIAGONAL_FAR, "upper": _KNIGHT + _CROSS_FAR, "left": _KNIGHT + _CROSS_FAR,
    "last": _DIAGONAL + _KNIGHT + _CROSS_FAR,
    "quarter_upper": ((-2, -1), (-2, 1), (2, -1), (2, 1), (0, -3), (0, 3)),
    "quarter_left": ((-1, -2), (1, -2), (-1, 2), (1, 2), (-3, 0), (3, 0)),
}  # fmt: skip
"""Further known pixels."""
AROUND = (*_CROSS, *_DIAGONAL)
"""Neighbours in the base, px."""


def neighbour(grid: dict[tuple[int, int], np.ndarray], step: Step, offset: tuple[int, int]) -> np.ndarray:
    """The pixel at `offset` from each of the step's, (h, w): a view of the four `phases` of a grid."""
    row, column = step.row + offset[0], step.column + offset[1]
    height, width = (side - 2 * MARGIN for side in grid[0, 0].shape)
    top, left = MARGIN + row // 2, MARGIN + column // 2
    return grid[row % 2, column % 2][top : top + height, left : left + width]


MARGIN = 2


def phases(plane: np.ndarray, half: int) -> dict[tuple[int, int], np.ndarray]:
    """The pixels of a plane on the grid of distance `half`, by the parities of row and column, each with its
    edge repeated MARGIN times."""
    grid = plane[::half, ::half]
    return {(row, column): _padded(grid[row::2, column::2]) for row in (0, 1) for column in (0, 1)}


def _padded(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    padded = np.empty((height + 2 * MARGIN, width + 2 * MARGIN), plane.dtype)
    padded[MARGIN:-MARGIN, MARGIN:-MARGIN] = plane
    padded[:MARGIN, MARGIN:-MARGIN], padded[-MARGIN:, MARGIN:-MARGIN] = plane[0], plane[-1]
    padded[:, :MARGIN], padded[:, -MARGIN:] = padded[:, MARGIN, None], padded[:, -MARGIN - 1, None]
    return padded
