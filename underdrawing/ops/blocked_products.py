"""Matrix products with many columns, block by block.

Each block is so small that BLAS starts no threads for it: where several threads of ours multiply side by
side, those of BLAS wait for each other most of the time.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 128


def product(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """weights (M, K) @ columns (K, n), (M, n)."""
    found = np.empty((len(weights), columns.shape[1]), columns.dtype)
    whole = columns.shape[1] // _BLOCK * _BLOCK
    np.matmul(weights, _blocks(columns[:, :whole]), out=_blocks(found[:, :whole]))
    found[:, whole:] = weights @ columns[:, whole:]
    return found


def outer_sum(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """first (M, n) @ second (K, n).T, (M, K); blocks are added in float64."""
    whole = first.shape[1] // _BLOCK * _BLOCK
    parts = _blocks(first[:, :whole]) @ _blocks(second[:, :whole]).transpose(0, 2, 1)
    return parts.sum(0, dtype=np.float64) + first[:, whole:] @ second[:, whole:].T


def _blocks(columns: np.ndarray) -> np.ndarray:
    """View (n / _BLOCK, K, _BLOCK) of columns (K, n)."""
    return columns.reshape(len(columns), -1, _BLOCK).transpose(1, 0, 2)
