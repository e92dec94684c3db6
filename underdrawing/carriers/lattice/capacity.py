"""Capacity: how many bits each layer of a marked picture still carries after a JPEG, measured by doing it."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS, EmbeddingLevel
from underdrawing.carriers.lattice.quantizer import find_quantizer
from underdrawing.carriers.lattice.soft_bits import Reading, read_soft_bits, soft_bits
from underdrawing.ops.dct import analyse


def information(reading: Reading, place: slice, bits: np.ndarray) -> np.ndarray:
    """Bits of mutual information, by block (rows, cols), between a layer's true `bits` (rows, cols,
    frequencies) and its soft bits.

    The generalized mutual information of the reader's own likelihood ratios, so a wrong model counts against
    itself.
    """
    llr = soft_bits(reading, place)
    right = np.where(bits, -llr, llr)
    return (1 - np.logaddexp(0, -right) / np.log(2)).sum(2)


_OBJECT = 3 / 32  # of the frame's sides: deviation of the Gaussian that makes what an edit hits coherent


def left_by_edit(carried: np.ndarray, share: float) -> float:
    """The bits, of those that each block (r, c) carries, that the worst edit of so large a share of the frame
    leaves: it hits the places that carry most. People alter objects, and where the surroundings are flat
    these carry most of the mark."""
    down, across = (side * _OBJECT for side in carried.shape)
    values = carried.astype(np.float64)
    near = cv2.GaussianBlur(values, (0, 0), across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    order = np.argsort(near, axis=None, kind="stable")
    return float(carried.ravel()[order[: round((1 - share) * carried.size)]].sum())


_MANY_ROWS = 48
_TEXTURES = np.log([2.0, 4.0, 8.0, 16.0, 32.0])  # activity, levels
_RESIZED = (0.72, 0.64, 0.5, 0.3, 0.2)  # bits that a coefficient in use there carries through a resize by .7


def after_resize(used: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Bits that the coefficients in use (r, c, n) of each block carry through a resize by .7, (r, c), by its
    activity (r, c)."""
    share = np.interp(np.log(np.maximum(texture, 1e-3)), _TEXTURES, _RESIZED)
    return used.sum(2) * share


def after_jpeg(
    marked: np.ndarray,
    quality: int,
    bits: np.ndarray,
    tables: tuple[np.ndarray, np.ndarray],
    level: EmbeddingLevel,
    aligned: bool,
) -> dict[str, np.ndarray]:
    """Bits that middle and top of each block (r, c) carry through a JPEG of the marked luma plane (8 r, 8 c);
    `bits` (r, c, n).

    Of a large plane every second row of blocks is read and counted twice, the others not at all.
    aligned: whether a codec's blocks will be the grid's own; they are not where a picture was shrunk to it.
    """
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.rint(marked), 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    plane = np.asarray(Image.open(buffer), np.float32)
    quantizer = find_quantizer(analyse(plane, FREQUENCIES)) if aligned else None
    each = 2 if len(bits) > _MANY_ROWS else 1
    reading = read_soft_bits(plane, *tables, level, quantizer=quantizer).crop(
        slice(None, None, each), slice(None)
    )
    shape, bits, result = bits.shape[:2], bits[::each], {}
    nothing = np.zeros(bits.shape[:2], np.float32)
    for name, before in (("middle", "base"), ("top", "middle")):
        reading = reading.with_known(bits[..., : LAYERS[before].stop], nothing)
        result[name] = np.zeros(shape)
        result[name][::each] = each * information(reading, LAYERS[name], bits[..., LAYERS[name]])
    return result
