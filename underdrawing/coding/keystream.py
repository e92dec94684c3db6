"""Key streams: reproducible pseudo-random numbers for dither, positions and permutations.

In public mode the secret is a published constant: anybody can read, and only the signature protects. In
private mode it is the owner's secret: without it the mark is not detectable.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

PUBLIC_SECRET = b"underdrawing public reading key, version 1"


def stream(secret: bytes, label: str, count: int) -> np.ndarray:
    """`count` bytes (uint8) of the ChaCha20 stream of `secret` and `label`."""
    key = hashlib.sha256(b"underdrawing keystream 1\0" + label.encode() + b"\0" + secret).digest()
    encryptor = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    return np.frombuffer(encryptor.update(bytes(count)), np.uint8)


def uniforms(secret: bytes, label: str, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform float32 numbers in [0, 1) of the given shape, 16 bits deep."""
    raw = stream(secret, label, 2 * int(np.prod(shape)))
    return (raw.view("<u2").astype(np.float32) / np.float32(65536)).reshape(shape)


@lru_cache(maxsize=16)
def permutation(secret: bytes, label: str, count: int) -> np.ndarray:
    """A permutation of range(count), int64; the same on every platform and every numpy."""
    raw = stream(secret, label, 8 * count).view("<u8")
    order = np.argsort(raw, kind="stable")
    order.setflags(write=False)
    return order
