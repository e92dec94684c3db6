"""Short messages in carriers of a fixed length: copies in turn, every second one inverted.

Networks are trained on messages with as many ones as zeros; a single bit repeated is hidden badly.
"""

from __future__ import annotations

import numpy as np


def repeated(bits: np.ndarray, length: int) -> np.ndarray:
    """(length,) uint8 that a message of at most so many bits is written as; itself where it is as long."""
    return np.resize(bits, length).astype(np.uint8) ^ _inverted(len(bits), length)


def gathered(llr: np.ndarray, count: int) -> np.ndarray:
    """(count,) float32: the soft bits of the message from those of its copies."""
    signed = np.where(_inverted(count, len(llr)), -llr, llr)
    return np.bincount(np.arange(len(llr)) % count, signed, count).astype(np.float32)


def _inverted(count: int, length: int) -> np.ndarray:
    return (np.arange(length) // count % 2).astype(np.uint8)
