"""Capacity: how many bits each layer of a marked picture still carries after a JPEG, measured by doing it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from underdrawing.carriers.lattice.layout import LAYERS
from underdrawing.carriers.lattice.read import Reading, read, soft_bits


def information(reading: Reading, place: slice, bits: np.ndarray) -> float:
    """Bits of mutual information between a layer's true `bits` (rows, cols, frequencies) and its soft bits.

    The generalized mutual information of the reader's own likelihood ratios, so a wrong model counts against
    itself.
    """
    llr = soft_bits(reading, place)
    right = np.where(bits, -llr, llr)
    return float((1 - np.logaddexp(0, -right) / np.log(2)).sum())


def after_jpeg(
    marked: np.ndarray, quality: int, bits: np.ndarray, tables: tuple[np.ndarray, np.ndarray], strength: float
) -> dict[str, float]:
    """Bits that middle and top carry through a JPEG of the marked luma plane (8 r, 8 c); `bits` (r, c, n)."""
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.rint(marked), 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    plane = np.asarray(Image.open(buffer), np.float32)
    nothing = np.zeros((plane.shape[0] // 8, plane.shape[1] // 8), np.float32)
    reading, result = read(plane, *tables, strength), {}
    for name, before in (("middle", "base"), ("top", "middle")):
        reading = reading.with_known(bits[..., : LAYERS[before].stop], nothing)
        result[name] = information(reading, LAYERS[name], bits[..., LAYERS[name]])
    return result
