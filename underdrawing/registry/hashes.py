"""Hashes of a picture: of its file, of its pixels, and perceptual."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from underdrawing.ops.color import luma

_SIDE = 32
_LOW = 8


def file_hash(data: bytes) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def pixel_hash(pixels: np.ndarray) -> str:
    """SHA-256 over shape, type and values of pixels (H, W, 3) uint8 or uint16; equal for lossless copies."""
    head = f"{pixels.shape} {pixels.dtype.newbyteorder('<').str}\n".encode()
    values = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False))
    return hashlib.sha256(head + values.tobytes()).hexdigest()


def perceptual_hash(image: np.ndarray) -> str:
    """64 bits as 16 hex digits: the lowest 8x8 DCT coefficients of a 32x32 luma that exceed their median.

    image: (H, W, 3) uint8. The DC coefficient is excluded from the median, and its bit is 0.
    Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, sec. 3.2.1.
    """
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(luma(small))[:_LOW, :_LOW].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    return np.packbits(bits).tobytes().hex()
