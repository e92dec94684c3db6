"""The 8x8 grid of JPEG compression in decoded pixels.

    Z(y, x) = number of zeros among 16 DCT coefficients of the 8x8 block with origin (y, x)
    vote of a tile of 8x8 origins: the one with most zeros, if it is the only one and a local maximum

JPEG rounds coefficients to 0, but only on its own grid: in a picture that was compressed, tiles vote for one
of 64 phases. Without compression votes are spread over all phases.

After ZERO (Nikoukhah et al., IPOL 2021), with votes of tiles in place of pixels and 16 of the 64 frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import log10_tail
from underdrawing.ops.bands import bands
from underdrawing.ops.dct import BLOCK

WINDOW = 12
"""Side of windows, in tiles."""
_FREQUENCIES = (1, 3, 5, 7)
"""Vertical and horizontal: of subsets of 16, the one with most right votes at qualities 90 to 98."""
_SHARE = 1 / 32
"""Of one phase among the votes without compression, at most: 1 / 64, doubled as no picture is white noise."""
_DEPENDENT = 4
"""Votes that count as one: blocks of neighbouring tiles overlap."""
_AGREES, _COMMON = 1.5, 0.3
"""A grid is that of the picture if so large a share of the windows with votes agrees so clearly (-log10)."""


@dataclass(frozen=True)
class Grid:
    """The JPEG grid of a picture."""

    origin: tuple[int, int] | None
    """(y, x) in 0..7 of the first block; None where no grid was found."""
    votes: np.ndarray
    """(h, w) int16: phase 8 y + x of every tile, -1 for none."""


def find_grid(plane: np.ndarray) -> Grid:
    """The grid of a luma plane (H, W) float32 in 0..255, sides of 64 px or more."""
    votes = _votes(_zeros(plane))
    main = int(np.bincount(votes[votes >= 0], minlength=64).argmax())
    window = min(WINDOW, *votes.shape)
    total = window_sums(votes >= 0, window)
    agree = strength(window_sums(votes == main, window), total) >= _AGREES
    judged = total >= window * window / 4
    whole = judged.any() and (agree & judged).sum() >= _COMMON * judged.sum()
    return Grid(divmod(main, 8) if whole else None, votes)


def strength(count: np.ndarray, total: np.ndarray) -> np.ndarray:
    """-log10 of the probability of so many votes for one phase without any grid."""
    return -log10_tail(count / _DEPENDENT, total / _DEPENDENT, _SHARE)


def window_sums(chosen: np.ndarray, window: int) -> np.ndarray:
    """Sums of all windows that lie inside, by their first tile."""
    whole = cv2.boxFilter(chosen.astype(np.float32), -1, (window, window), anchor=(0, 0), normalize=False)
    rows, cols = (side - window + 1 for side in chosen.shape)
    return np.rint(whole[:rows, :cols])


def _zeros(plane: np.ndarray) -> np.ndarray:
    """(H - 7, W - 7) uint8: zeros among the DCT coefficients of the block that begins at each pixel."""
    n, same = np.arange(BLOCK), np.ones(1)
    waves = [np.cos(np.pi * (2 * n + 1) * k / 16) / 2 for k in _FREQUENCIES]
    found = np.zeros([side - BLOCK + 1 for side in plane.shape], np.uint8)
    for band in bands(len(found)):
        part = plane[band.start : band.stop + BLOCK - 1]
        count = np.zeros(part.shape, np.uint8)
        for across in waves:
            along = cv2.sepFilter2D(part, cv2.CV_32F, across, same, anchor=(0, 0))
            for down in waves:
                response = cv2.sepFilter2D(along, cv2.CV_32F, same, down, anchor=(0, 0))
                np.subtract(count, cv2.inRange(response, -0.5, 0.5), out=count)  # 255 is -1 in 8 bits
        found[band] = count[: len(found[band]), : found.shape[1]]
    return found


def _votes(zeros: np.ndarray) -> np.ndarray:
    """(h, w) int16 phase that each tile votes for, or -1."""
    peaks = np.where(zeros == cv2.dilate(zeros, np.ones((3, 3), np.uint8)), zeros, 0)
    rows, cols = (side // BLOCK for side in zeros.shape)
    parts = peaks[: rows * BLOCK, : cols * BLOCK].reshape(rows, BLOCK, cols, BLOCK).transpose(0, 2, 1, 3)
    tiles = parts.reshape(rows, cols, 64)
    most = tiles.max(2)
    alone = (tiles == most[..., None]).sum(2) == 1
    return np.where(alone & (most > 0), tiles.argmax(2), -1).astype(np.int16)
