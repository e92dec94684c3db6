"""Capacity: bits that each layer of a marked picture carries after a channel, measured or estimated."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from underdrawing.carriers.lattice.parameters import FREQUENCIES, PLACES, EmbeddingLevel
from underdrawing.carriers.lattice.quantizer import estimate_quantizer
from underdrawing.carriers.lattice.soft_bits import Reading, read_soft_bits, soft_bits
from underdrawing.ops.dct import analyse


def information(reading: Reading, place: slice, bits: np.ndarray) -> np.ndarray:
    """Mutual information in bits, (rows, cols), of a layer's true `bits` (rows, cols, n) and its soft bits.

    Generalized mutual information of the likelihood ratios: a mismatch of the channel model lowers it.
    """
    llr = soft_bits(reading, place)
    right = np.where(bits, -llr, llr)
    return (1 - np.logaddexp(0, -right) / np.log(2)).sum(2)


_OBJECT = 3 / 32  # of the sides: deviation of the Gaussian that makes the simulated edit coherent


def bits_after_edit(carried: np.ndarray, share: float) -> float:
    """Bits left of those that each block (r, c) carries, after the worst edit of a share of the frame.

    The edit removes the neighbourhoods that carry most: edits hit objects, and objects carry most of the mark
    where the surroundings are flat.
    """
    down, across = (side * _OBJECT for side in carried.shape)
    values = carried.astype(np.float64)
    near = cv2.GaussianBlur(values, (0, 0), across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    order = np.argsort(near, axis=None, kind="stable")
    return float(carried.ravel()[order[: round((1 - share) * carried.size)]].sum())


_MANY_ROWS = 48
_TEXTURES = np.log([2.0, 4.0, 8.0, 16.0, 32.0])  # activity, levels
_RESIZED = (0.72, 0.64, 0.5, 0.3, 0.2)  # bits per coefficient in use after a resize by .7


def bits_after_resize(used: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Bits (r, c) after a resize by .7, from the coefficients in use (r, c, n) and the activity (r, c)."""
    share = np.interp(np.log(np.maximum(texture, 1e-3)), _TEXTURES, _RESIZED)
    return used.sum(2) * share


class MarkedPlane(NamedTuple):
    """A luma plane that carries known bits."""

    plane: np.ndarray
    """(8 r, 8 c) float32."""
    bits: np.ndarray
    """(r, c, n) uint8."""
    dither: np.ndarray
    """(r, c, n)."""
    rank: np.ndarray
    """(r, c, n)."""
    used: np.ndarray
    """(r, c, n) bool: the coefficients that carry their bit."""


def coarser_quality(quality: int, factor: float) -> int:
    """Quality of the JPEG whose quantizer is `factor` times that of `quality`, from 50 up."""
    scale = (100 - quality) / 50 * factor
    return round(100 - 50 * scale if scale <= 1 else 50 / scale)


def bits_after_jpeg(
    marked: MarkedPlane, quality: int, level: EmbeddingLevel, aligned: bool, layers: Sequence[str]
) -> dict[str, np.ndarray]:
    """Bits (r, c) of some layers after a JPEG, those before each of them known.

    aligned: whether the blocks of the JPEG are those of the grid, which they are not where the picture was
    shrunk to the grid. On large planes every second row of blocks counts twice.
    """
    buffer = io.BytesIO()
    pixels = np.clip(np.rint(marked.plane), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    plane = np.asarray(Image.open(buffer), np.float32)
    quantizer = estimate_quantizer(analyse(plane, FREQUENCIES)) if aligned else None
    each = 2 if len(marked.bits) > _MANY_ROWS else 1
    reading = read_soft_bits(plane, marked.dither, marked.rank, level, quantizer=quantizer).crop(
        slice(None, None, each), slice(None)
    )
    bits, result = marked.bits[::each], {}
    nothing = np.zeros(bits.shape[:2], np.float32)
    for name in layers:
        place = PLACES[name]
        reading = reading.with_known(bits[..., : place.start], nothing)
        result[name] = np.zeros(marked.bits.shape[:2])
        result[name][::each] = each * information(reading, place, bits[..., place])
    return result
