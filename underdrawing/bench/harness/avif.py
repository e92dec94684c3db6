"""The bar for a code of the content: AVIF at equal bits, header not counted, at its best scale."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from underdrawing.metrics.quality import psnr_db

SCALES = (1.0, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125)


def avif_at(image_u8: np.ndarray, bits: int) -> np.ndarray:
    """The best picture (by PSNR of the whole) that AVIF gives with at most `bits` of picture data."""
    height, width = image_u8.shape[:2]
    best, best_db = np.full_like(image_u8, image_u8.mean(axis=(0, 1)).astype(np.uint8)), -1.0
    for scale in SCALES:
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        small = Image.fromarray(image_u8).resize(size, Image.Resampling.LANCZOS)
        coded = _largest_within(small, bits)
        if coded is None:
            continue
        decoded = np.asarray(coded.resize((width, height), Image.Resampling.BICUBIC))
        if (score := psnr_db(image_u8, decoded)) > best_db:
            best, best_db = decoded, score
    return best


def _largest_within(small: Image.Image, bits: int) -> Image.Image | None:
    low, high, found = 0, 90, None
    while low <= high:
        quality = (low + high) // 2
        data = _encode(small, quality)
        if picture_bits(data) <= bits:
            found, low = data, quality + 1
        else:
            high = quality - 1
    return None if found is None else Image.open(io.BytesIO(found)).convert("RGB")


def _encode(small: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    small.save(buffer, "AVIF", quality=quality, speed=6)
    return buffer.getvalue()


def picture_bits(avif: bytes) -> int:
    """Bits of the picture data (the mdat box) of an AVIF file."""
    at = 0
    while at + 8 <= len(avif):
        length = int.from_bytes(avif[at : at + 4], "big") or len(avif) - at
        if avif[at + 4 : at + 8] == b"mdat":
            return 8 * (length - 8)
        at += length
    return 8 * len(avif)
