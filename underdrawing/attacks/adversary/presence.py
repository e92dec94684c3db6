"""Tests for a mark without its secret, on the luma of a picture.

    repetition   marks whose dither repeats in tiles: the phases of one block and of that a tile away agree
    grid_ratios  any change on the block grid: its frequencies differ on the grid from half a block off

The steps and frequencies are those that the source code states; the dither is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdrawing.ops.dct import analyse

Frequencies = tuple[tuple[int, int], ...]
_FLOOR = 1.0  # levels^2: energy of a block that counts as none
_NEARBY = (-3, -2, -1, 1, 2, 3)  # blocks beside a tile: the agreement that flat areas have anyway


def repetition(luma: np.ndarray, frequencies: Frequencies, steps: Sequence[float], tile: int) -> float:
    """Agreement of phases a tile apart over that at nearby distances, in standard deviations of chance.

    luma: (H, W) float32. steps: of the frequencies, levels. tile: blocks. 0 where the picture is smaller than
    a tile and its neighbourhood.
    """
    rows, cols = luma.shape[0] // 8, luma.shape[1] // 8
    coefficients = analyse(luma[: 8 * rows, : 8 * cols], frequencies)
    phase = np.exp(4j * np.pi * coefficients / np.asarray(steps, np.float32))
    total, count = 0.0, 0
    for turned in (phase, phase.swapaxes(0, 1)):
        if len(turned) <= tile + max(_NEARBY):
            continue
        at_tile = _agreement(turned, tile)
        total += at_tile.sum() - len(at_tile) * np.mean(
            [_agreement(turned, tile + n).mean() for n in _NEARBY]
        )
        count += len(at_tile)
    return float(total / np.sqrt(0.5 * count)) if count else 0.0


def _agreement(phase: np.ndarray, distance: int) -> np.ndarray:
    return (phase[:-distance] * phase[distance:].conj()).real.ravel()


def grid_ratios(luma: np.ndarray, frequencies: Frequencies) -> np.ndarray:
    """Mean log ratio of the energy at each frequency on the grid and half a block off, (n,); luma (H, W)."""
    rows, cols = luma.shape[0] // 8 - 1, luma.shape[1] // 8 - 1
    on, off = (
        np.square(analyse(np.ascontiguousarray(part), frequencies)) + _FLOOR
        for part in (luma[: 8 * rows, : 8 * cols], luma[4 : 4 + 8 * rows, 4 : 4 + 8 * cols])
    )
    return np.log(on / off).mean((0, 1))
