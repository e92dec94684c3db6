"""The plain code that the networks start from: every bit in the signs of two coefficients that JPEG keeps.

    x_j = <read_j, bands 1 and 3>      coefficient (0, 2) of an 8x8 block of halved chroma: 16 px of the face
    s_j = sign to be written           x_j <- s_j max(a_j, s_j x_j), by the change write_j of the bands
    beside the face   coefficient i has bit i;      inside it   coefficient i has bit i + L/2, modulo L
    w     agreement of both, 1 where the inside is whole and 0 where it has nothing of the mark
    v     amplitude inside with the signs beside, over that beside
    tracer    beside + g(w) inside                  detector    relu(v - WHOLE) (beside + inside)

A coefficient that is not above half a step of the quantization becomes zero, so the energy goes to few large
ones. A forgery replaces or moves the face: what it leaves inside has other signs, or is weaker than beside.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from underdrawing.core.errors import UsageError
from underdrawing.nets.leaving import Leaving
from underdrawing.ops.dct import BLOCK, basis
from underdrawing.ops.dual_tree import Level, cumulated

CELL = 2 * BLOCK
"""Pixels of the picture under a block of JPEG's chroma, which is half as wide and high."""
STEP = 24.0
"""Step of the coefficients (0, 2) and (2, 0) of chroma at JPEG 50: the unit of x."""
U_LEVELS = 127.5
"""Levels in the unit of U."""
CB_PER_U = 0.564 / 0.492
"""JPEG's Cb is 0.564 (B - Y), and U is 0.492 (B - Y)."""
AMPLITUDE = 20.2 / STEP
"""At the start, of all coefficients: JPEG 30 keeps those above 20."""
ADDED = 0.3, 0.5
"""Agreements at which the tracer begins to add what is inside the face, and adds all of it."""
WHOLE = 0.79
"""Amplitude up to which the detector has no bits: a third of the authentic faces are below it after JPEG 30,
none after JPEG 50 in 4:4:4."""
_GAINS = 6.0, 24.0  # of the logits of tracer and detector


def coefficients(side: int, count: int) -> list[tuple[int, int, int, int]]:
    """2 `count` of (row, column, vertical, horizontal frequency): those beside the face, then those inside.

    UsageError where a square of that side has too few.
    """
    cells = side // CELL
    places = [(row, column) for row in range(cells) for column in range(cells)]
    inner = [(y, x) for y, x in places if cells <= 4 * y < 3.5 * cells and cells <= 4 * x < 3 * cells]
    outer = [place for place in places if place not in inner]
    outer.sort(key=lambda at: (min(at[1], cells - 1 - at[1]), at[0] >= cells - 2, at[0]))
    inside = [(y, x, *waves) for y, x in inner for waves in ((0, 2), (2, 0))]
    inside.sort(key=lambda at: abs(at[0] - cells / 2) + abs(at[1] - (cells - 1) / 2))
    if min(len(outer), len(inside)) < count:
        raise UsageError(f"the plain code has no room for {count} bits in {side} px")
    return [(y, x, 0, 2) for y, x in outer[:count]] + inside[:count]


@lru_cache(maxsize=2)
def patterns(side: int, levels: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """read and write, (2 count, 2 m m) float32 each, for bands b of U: x = read b, and b + write^T d changes
    x by d with the least change of the picture."""
    filters = cumulated(side, levels)
    forwards, backwards = (
        _factors(filters.low.T, filters.high.T),
        _factors(filters.low_back, filters.high_back),
    )
    wanted = np.stack([_bands(filters, _picture(side, *place)) for place in coefficients(side, count)])
    read = np.linalg.solve(_gram(forwards, forwards), wanted.T).T
    effect = read @ _gram(forwards, backwards)
    least = np.linalg.solve(_gram(backwards, backwards), effect.T)
    write = np.linalg.solve(effect @ least, least.T)
    return read.astype(np.float32), write.astype(np.float32)


def _picture(side: int, row: int, column: int, vertical: int, horizontal: int) -> np.ndarray:
    """Gradient (side, side) of a coefficient of JPEG's chroma by U of the picture, per STEP."""
    wave = basis(((vertical, horizontal),)).reshape(BLOCK, BLOCK).astype(np.float64)
    block = np.kron(wave, np.full((2, 2), 0.25))
    picture = np.zeros((side, side))
    picture[CELL * row : CELL * (row + 1), CELL * column : CELL * (column + 1)] = block
    return picture * CB_PER_U * U_LEVELS / STEP


def _factors(low: np.ndarray, high: np.ndarray) -> list[list[tuple[float, np.ndarray, np.ndarray]]]:
    """Of each written band its two trees: sign, and filters (side, m) of rows and columns."""
    trees = ((1.0, slice(0, None, 2)), (-1.0, slice(1, None, 2)))
    return [
        [(sign, rows[:, tree], columns[:, tree]) for sign, tree in trees]
        for rows, columns in ((high, low), (low, high))
    ]


def _gram(left: list, right: list) -> np.ndarray:
    """(2 m m, 2 m m) inner products of the pictures of two sets of `_factors`."""
    return np.block([
        [
            0.5 * sum(s * t * np.kron(a.T @ c, b.T @ d) for s, a, b in one for t, c, d in other)
            for other in right
        ]
        for one in left
    ])  # fmt: skip


def _bands(filters: Level, picture: np.ndarray) -> np.ndarray:
    """(2 m m,) real parts of bands 1 and 3."""
    quads = filters.high @ picture @ filters.low.T, filters.low @ picture @ filters.high.T
    return np.concatenate([(one[0::2, 0::2] - one[1::2, 1::2]).ravel() for one in quads]) * np.sqrt(0.5)


class PlainReader(nn.Module):
    """Bands 1 and 3 -> logits of the tracer or of the detector."""

    def __init__(self, side: int, levels: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.read = nn.Parameter(torch.from_numpy(patterns(side, levels, count)[0].copy()))
        self.gains = nn.Parameter(torch.tensor(_GAINS))

    def coefficients(self, bands: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, L) beside the face and inside it, by the bit, of bands (B, 2, m, m)."""
        beside, inside = (bands.flatten(1) @ self.read.T).split(self.count, 1)
        return beside, inside.roll(self.count // 2, 1)


def agreement(beside: Tensor, inside: Tensor) -> Tensor:
    """w (B, 1) in -1..1: mean of the products of both, clipped at the mean size beside the face, where a
    coefficient counts as far as the one beside the face is certain."""
    size = beside.abs().mean(1, keepdim=True) + 1e-3
    expected = (beside / size).clamp(-1, 1)
    found = (inside / size).clamp(-1, 1)
    return (expected * found).sum(1, keepdim=True) / (expected.abs().sum(1, keepdim=True) + 1e-3)


def amplitude(beside: Tensor, inside: Tensor) -> Tensor:
    """v (B, 1): as the agreement, with the sizes inside the face as they are: forgeries that leave the signs
    reduce them."""
    size = beside.abs().mean(1, keepdim=True) + 1e-3
    expected = (beside / size).clamp(-1, 1)
    return (expected * inside / size).sum(1, keepdim=True) / (expected.abs().sum(1, keepdim=True) + 1e-3)


class PlainTracer(PlainReader):
    """The coefficients beside the face; those inside as far as they agree."""

    def forward(self, bands: Tensor) -> Tensor:
        beside, inside = self.coefficients(bands)
        first, last = ADDED
        share = ((agreement(beside, inside) - first) / (last - first)).clamp(0, 1)
        return self.gains[0] * (beside + share * inside)


class PlainDetector(PlainReader):
    """The same where the inside is whole; no bits elsewhere."""

    def forward(self, bands: Tensor) -> Tensor:
        beside, inside = self.coefficients(bands)
        return self.gains[1] * torch.relu(amplitude(beside, inside) - WHOLE) * (beside + inside)


class PlainWriter(PlainReader):
    """Bands 1 and 3 and bits -> their change; none where the signs beside and inside agree that there is a
    mark, once that is learned (nets.leaving)."""

    def __init__(self, side: int, levels: int, count: int) -> None:
        super().__init__(side, levels, count)
        del self.gains
        self.write = nn.Parameter(torch.from_numpy(patterns(side, levels, count)[1].copy()))
        self.amplitudes = nn.Parameter(torch.full((2 * count,), AMPLITUDE))
        self.leaving = Leaving()

    def forward(self, bands: Tensor, bits: Tensor) -> Tensor:
        signs, found = torch.cat([bits, bits], 1), self.coefficients(bands)
        change = signs * torch.relu(self.amplitudes - signs * torch.cat(found, 1))
        change = self.leaving(agreement(*found)) * change
        beside, inside = change.split(self.count, 1)
        return (torch.cat([beside, inside.roll(-(self.count // 2), 1)], 1) @ self.write).view_as(bands)
