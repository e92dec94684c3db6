"""The 8x8 block DCT as one matrix product, for any subset of frequencies."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

BLOCK = 8


@lru_cache(maxsize=32)
def basis(frequencies: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Orthonormal 8x8 DCT-II basis functions, (len(frequencies), 64) float32; a frequency is (vertical,
    horizontal)."""
    n = np.arange(BLOCK)
    one = np.cos(np.pi * (2 * n[None] + 1) * n[:, None] / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    one[0] /= np.sqrt(2)
    pictures = [np.outer(one[u], one[v]).ravel() for u, v in frequencies]
    result = np.asarray(pictures, np.float32)
    result.setflags(write=False)
    return result


def to_blocks(plane: np.ndarray) -> np.ndarray:
    """(8 r, 8 c) -> (r, c, 64)."""
    rows, cols = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    return plane.reshape(rows, BLOCK, cols, BLOCK).transpose(0, 2, 1, 3).reshape(rows, cols, BLOCK * BLOCK)


def from_blocks(blocks: np.ndarray) -> np.ndarray:
    """(r, c, 64) -> (8 r, 8 c)."""
    rows, cols = blocks.shape[:2]
    return blocks.reshape(rows, cols, BLOCK, BLOCK).transpose(0, 2, 1, 3).reshape(rows * BLOCK, cols * BLOCK)


def analyse(plane: np.ndarray, frequencies: tuple[tuple[int, int], ...]) -> np.ndarray:
    """DCT coefficients of every block: (8 r, 8 c) float32 -> (r, c, len(frequencies))."""
    return to_blocks(plane) @ basis(frequencies).T


def synthesise(coefficients: np.ndarray, frequencies: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Inverse DCT, all other coefficients 0: (r, c, n) -> (8 r, 8 c)."""
    return from_blocks(coefficients @ basis(frequencies))
