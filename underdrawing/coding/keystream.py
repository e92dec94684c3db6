"""Key streams: reproducible pseudo-random numbers for dither, positions and permutations.

In public mode the secret is a published constant: anybody can read, and only the signature protects. In
private mode it is the owner's secret: without it the mark is not detectable.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

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


def picture_key(secret: bytes, identity: bytes) -> bytes:
    """32 bytes, the key of one picture by HKDF-SHA256 (RFC 5869): no other picture's follows from it."""
    return HKDF(SHA256(), 32, None, b"underdrawing picture key 2\0" + identity).derive(secret)


def keyed_uniforms(key: bytes, inputs: np.ndarray, count: int) -> np.ndarray:
    """A pseudo-random function: inputs (m, 15) uint8 -> (m, count) float32 in [0, 1), 16 bits deep.

    AES-256 of each input and a counter; count: at most 2,048.
    """
    blocks = -(-count // 8)
    numbered = np.empty((len(inputs), blocks, 16), np.uint8)
    numbered[..., :15] = inputs[:, None]
    numbered[..., 15] = np.arange(blocks)
    cipher = Cipher(AES256(hashlib.sha256(b"underdrawing dither function\0" + key).digest()), ECB())
    raw = np.frombuffer(cipher.encryptor().update(numbered.tobytes()), "<u2")
    return (raw.reshape(len(inputs), -1)[:, :count].astype(np.float32) / np.float32(65536)).copy()
