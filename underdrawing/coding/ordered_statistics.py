"""Ordered-statistics decoding of a short code (Fossorier and Lin 1995), of order 2."""

from __future__ import annotations

import numpy as np


def likely_codeword(generator: np.ndarray, llr: np.ndarray, beliefs: np.ndarray) -> np.ndarray:
    """The codeword (n,) uint8 that correlates most with `llr`, of those that differ from the hard decisions
    in at most two of the k most reliable independent bits.

    generator: (k, n) uint8 of full rank; llr: (n,) soft bits, positive for 0; beliefs: (n,) those of belief
    propagation, for the order and the hard decisions.
    """
    order = np.argsort(-np.abs(beliefs), kind="stable")
    basis, rows = _systematic(np.ascontiguousarray(generator[:, order]))
    hard = beliefs[order] < 0
    word = np.bitwise_xor.reduce(rows[hard[basis]], axis=0, initial=0)
    gain = (1.0 - 2.0 * word) * llr[order]
    signs = (1.0 - 2.0 * rows).astype(np.float32)
    pairs = (signs * gain.astype(np.float32)) @ signs.T  # correlation after flips of i and j; diagonal: none
    singles = signs @ gain.astype(np.float32)
    i, j = np.unravel_index(pairs.argmax(), pairs.shape)
    if singles.max() > pairs[i, j]:
        word = word ^ rows[singles.argmax()]
    elif i != j:
        word = word ^ rows[i] ^ rows[j]
    found = np.empty_like(word)
    found[order] = word
    return found


def _systematic(generator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the first k independent columns, and the rows (k, n) with the identity there."""
    count, length = generator.shape
    packed = np.packbits(generator, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)
    bits = packed.view(np.uint8)
    basis: list[int] = []
    for column in range(length):
        has = bits[:, column >> 3] >> (7 - (column & 7)) & 1
        row = len(basis)
        below = int(has[row:].argmax())
        if not has[row + below]:
            continue
        if below:
            packed[[row, row + below]] = packed[[row + below, row]]
            has[row + below] = has[row]
        has[row] = 0
        packed ^= packed[row] * has[:, None].astype(np.uint64)
        basis.append(column)
        if len(basis) == count:
            break
    return np.array(basis), np.unpackbits(bits, axis=1)[:, :length]
