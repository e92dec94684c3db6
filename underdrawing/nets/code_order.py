"""Assignment of bit patterns to codes such that a single bit error has a small effect.

Zeger and Gersho, "Pseudo-Gray coding", 1990: exchange the indices of two codes as long as that lowers the
mean distance between codes whose indices differ in a single bit.
"""

from __future__ import annotations

import numpy as np


def pseudo_gray(codes: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Code of each index, (n,) int64, for codes (n, dim); n is a power of two.

    Starts with the order of the signs of principal components. Then each code, in the order of cost, is
    exchanged with the one that saves most; `rounds` times over all codes, or until nothing is saved.
    """
    count = len(codes)
    bits = count.bit_length() - 1
    if 1 << bits != count:
        raise ValueError(f"expected a power of two of codes, got {count}")
    distance = np.square(codes[:, None] - codes[None]).sum(-1, dtype=np.float64)
    order = _by_halves(codes, bits)
    beside = np.arange(count)[:, None] ^ (1 << np.arange(bits))[None]
    for _ in range(rounds):
        moved = 0
        cost = distance[order[:, None], order[beside]].sum(1)
        for index in np.argsort(-cost):
            saving = _savings(distance, order, beside, int(index))
            best = int(saving.argmax())
            if saving[best] > 1e-9:
                order[[index, best]] = order[[best, index]]
                moved += 1
        if not moved:
            break
    return order


def _savings(distance: np.ndarray, order: np.ndarray, beside: np.ndarray, index: int) -> np.ndarray:
    """(n,) reduction of the cost by exchanging `index` with every other index."""
    own, near = order[index], order[beside[index]]
    here_own = distance[own, near].sum()
    here_other = distance[order[:, None], near[None]].sum(1)  # the others at this index
    there = order[beside]
    there_other = distance[order[:, None], there].sum(1)  # the others at their own index
    there_own = distance[own][there].sum(1)
    saving = here_own + there_other - here_other - there_own
    linked = beside[index]  # neighbours: their mutual distance does not change
    saving[linked] -= 2 * distance[own, order[linked]]
    saving[index] = 0.0
    return saving


def _by_halves(codes: np.ndarray, bits: int) -> np.ndarray:
    """Recursive bisection along the first principal component: near codes share their leading bits."""
    order = np.arange(len(codes))
    for level in range(bits):
        size = len(codes) >> level
        for start in range(0, len(codes), size):
            part = order[start : start + size]
            centred = codes[part] - codes[part].mean(0)
            direction = np.linalg.svd(centred, full_matrices=False)[2][0]
            order[start : start + size] = part[np.argsort(centred @ direction, kind="stable")]
    return order
