"""Two bits in the last bits of three samples, by at most one change or by two that cost less.

    bits = (l0 ^ l2, l1 ^ l2),   l = last bits of the group

This is matrix embedding with the binary Hamming code [3, 1] (Crandall 1998). A wanted change of the syndrome
has two solutions, one sample or the two others; the cheaper one is taken. A change is p ^ 1, so that all
other bits stay and the reader makes the same patch codes; a ternary change would carry more and lose this.
"""

from __future__ import annotations

import numpy as np

_PULL = 0.25
"""Weight of the direction: a change towards the original repairs some of the protection's own change. At 1
the cost is the squared error, and so many changes are repairs that the mark of the lattice weakens."""


def costs(samples: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Cost of changing the last bit of each sample uint8, float32; originals: before protection."""
    difference = samples.astype(np.int16) - originals
    step = np.where(samples & 1, -1, 1)
    return (1 + 2 * _PULL * difference * step).astype(np.float32)


def embed(samples: np.ndarray, bits: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Samples (N, G, 3) uint8 that carry the bits (N, G, 2)."""
    wanted = read(samples) ^ bits
    first, second = wanted[..., 0] == 1, wanted[..., 1] == 1
    # one change solves each syndrome: none, sample 0, 1 or 2; the complement solves it, too
    single = np.stack([first & ~second, ~first & second, first & second], -1)
    change_cost = np.where(single, cost, 0).sum(-1)
    other_cost = np.where(single, 0, cost).sum(-1)
    changed = single ^ (other_cost < change_cost)[..., None]
    return samples ^ changed


def read(samples: np.ndarray) -> np.ndarray:
    """The bits (N, G, 2) in samples (N, G, 3)."""
    return (samples[..., :2] ^ samples[..., 2:]) & np.uint8(1)
