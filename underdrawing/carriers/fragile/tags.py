"""Tags: a keyed authenticator of 24 bits for each block, over all of its bits but those that hold the tag.

    tag = first bits of  sum_i k_i x_i + pad_b  mod 2^64     x: samples as 32-bit words, k: key of the picture

The sum is the strongly universal hash "multilinear" (Lemire and Kaser, "Strongly universal string hashing is
fast", 2014), the pad differs by block: a Wegman-Carter authenticator. Without the key a changed block passes
with probability 2^-24; with the public key anybody can write tags.
"""

from __future__ import annotations

import numpy as np

from underdrawing.carriers.fragile.blocks import TAG_BITS
from underdrawing.coding.keystream import stream

_CHUNK = 1024  # blocks at a time, to bound the memory


def tags(flat: np.ndarray, places: np.ndarray, key: bytes, label: str) -> np.ndarray:
    """(N, bytes) uint8 samples of each block -> (N, TAG_BITS) uint8 bits; places: those of the tag."""
    words = flat.shape[1] // 4
    keys = stream(key, f"fragile tag key {label}", 8 * words).view("<u8")
    pads = stream(key, f"fragile tag pads {label}", 8 * len(flat)).view("<u8")
    sums = np.empty(len(flat), np.uint64)
    for start in range(0, len(flat), _CHUNK):
        part = flat[start : start + _CHUNK].copy()
        part[:, places] &= np.uint8(254)
        sums[start : start + _CHUNK] = np.einsum("ij,j->i", part.view("<u4").astype(np.uint64), keys)
    top = ((sums + pads) >> np.uint64(64 - TAG_BITS)).astype(">u4").view(np.uint8).reshape(-1, 4)
    return np.unpackbits(top, axis=1)[:, 32 - TAG_BITS :]
