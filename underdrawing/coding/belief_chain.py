"""Exact belief propagation along the chain of a repeat-accumulate code, in a logarithmic number of steps.

Beliefs are x = tanh(LLR / 2) in (-1, 1), positive for bit 0. With the beliefs c of a sum s_j, and l from the
channel of a parity bit p_j = p_(j-1) ^ s_j,

    forward    x_j     = (c x_(j-1) + l) / (c l x_(j-1) + 1)
    backward   y_(j-1) = (c y_j + c l) / (l y_j + 1)

are Moebius transformations with matrices that are each other's transposes; products of neighbours are formed
up a tree and applied down it (a parallel prefix sum, Blelloch 1990).
"""

from __future__ import annotations

import numpy as np

LARGEST = 1 - 2.0**-22
"""Largest belief, a log-likelihood ratio of 16."""
_LEAST_DENOMINATOR = 1e-7
_SERIAL = 16  # elements for which a loop is faster than a tree

Matrix = tuple[np.ndarray, np.ndarray, np.ndarray]
"""a, b, d of x -> (a x + b) / (d x + 1)."""


def chain_beliefs(sums: np.ndarray, channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs from the chain: of each sum, without its own, and of each parity bit, all (m,) float32.

    sums: beliefs of the m sums; channel: of the m parity bits. The bit before the first is 0.
    """
    tree = [(sums, channel, sums * channel)]
    while len(tree[-1][0]) > _SERIAL:
        tree.append(_paired(tree[-1]))
    before, after = _serial(tree[-1])
    for matrix in tree[-2::-1]:
        before, after = _unfolded(matrix, before, after)
    behind = both(after, channel)
    return before * behind, both(sums * before, behind)


def _serial(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs before and after each element of a short chain."""
    elements = list(zip(*(x.tolist() for x in matrix), strict=True))
    before, after = [1.0], [0.0]
    for a, b, d in elements[:-1]:
        x = (a * before[-1] + b) / max(d * before[-1] + 1, _LEAST_DENOMINATOR)
        before.append(min(max(x, -LARGEST), LARGEST))
    for a, b, d in elements[:0:-1]:
        y = (a * after[-1] + d) / max(b * after[-1] + 1, _LEAST_DENOMINATOR)
        after.append(min(max(y, -LARGEST), LARGEST))
    return np.array(before, np.float32), np.array(after[::-1], np.float32)


def both(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Belief from two independent beliefs about one bit."""
    return ((x + y) / np.maximum(1 + x * y, _LEAST_DENOMINATOR)).clip(-LARGEST, LARGEST)


def _paired(matrix: Matrix) -> Matrix:
    """Products of neighbours; of an odd number the last stays alone."""
    a, b, d = (x[: len(x) // 2 * 2 : 2] for x in matrix)
    a2, b2, d2 = (x[1::2] for x in matrix)
    scale = 1 / np.maximum(d2 * b + 1, _LEAST_DENOMINATOR)
    exact = (a2 * a + b2 * d) * scale, (a2 * b + b2) * scale, (d2 * a + d) * scale
    product = exact[0].clip(-1, 1), exact[1].clip(-LARGEST, LARGEST), exact[2].clip(-LARGEST, LARGEST)
    if len(matrix[0]) % 2:
        a, b, d = (np.append(x, y[-1]) for x, y in zip(product, matrix, strict=True))
        return a, b, d
    return product


def _unfolded(matrix: Matrix, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs before and after each element, from those before and after each pair."""
    count = len(matrix[0])
    whole = count // 2
    x, y = np.empty(count, np.float32), np.empty(count, np.float32)
    x[::2], y[-1], y[1::2] = before, after[-1], after[:whole]
    a, b, d = (part[: 2 * whole : 2] for part in matrix)
    x[1::2] = _applied(a, b, d, before[:whole])
    a, b, d = (part[1::2] for part in matrix)
    y[: 2 * whole : 2] = _applied(a, d, b, after[:whole])
    return x, y


def _applied(a: np.ndarray, b: np.ndarray, d: np.ndarray, x: np.ndarray) -> np.ndarray:
    return ((a * x + b) / np.maximum(d * x + 1, _LEAST_DENOMINATOR)).clip(-LARGEST, LARGEST)
