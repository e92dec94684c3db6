"""Where the lattice lives: frequencies, steps, densities and key tables of the three layers.

Three layers share the 8x8 block DCT of the luma on a grid of at most 1024 px:

    base    one coefficient a block, large step      identity and grid; repeats in tiles, so that a crop still reads
    middle  a few mid-frequency coefficients         signature and the first part of the hidden code; to JPEG 50
    top     the rest of the low half of the block    the remainder of the hidden code; to JPEG 90

The frequencies were chosen by measuring, for each alone, what it costs in SSIMULACRA2 and what it carries after each
codec (docs/HOW_IT_WORKS.md). Basis pictures of even order join their neighbours without a jump at block edges, so they
cost a quarter of what (0,1), (1,0) and (1,1) cost at equal energy; those three carry only the small steps of the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from underdrawing.coding.keystream import stream, uniforms

TILE = 32
"""Blocks after which the dither of the base and of the synchronizing coefficients repeats."""

MAX_BLOCKS = 128
"""Largest grid side in blocks: 1,024 px."""

STRENGTHS = (1.0, 2.1, 1.45, 0.7)
"""Step multipliers a reader knows, in the order it tries them."""

BASE = ((0, 2),)
MIDDLE = ((2, 0), (1, 2), (2, 1), (2, 2), (1, 1))
TOP = ((0, 1), (1, 0), (0, 3), (3, 0), (1, 3), (3, 1), (4, 0), (0, 4), (1, 4), (4, 1), (2, 3), (3, 2), (3, 3))
FREQUENCIES = BASE + MIDDLE + TOP
PERIODIC = 3
"""The first three frequencies have tiled dither: they find the grid. The others know their absolute place."""

LAYERS = {"base": slice(0, 1), "middle": slice(1, 6), "top": slice(6, len(FREQUENCIES))}

JPEG_STEPS = np.array([10, 14, 14, 13, 16, 12, 11, 12, 16, 14, 19, 17, 18, 24, 26, 22, 24, 22, 29], np.float32)
"""The luma quantizer of JPEG quality 50 at FREQUENCIES (ITU-T T.81, table K.1)."""

# Steps in 8-bit luma levels: at least twice the JPEG quantizer to be survived (base: quality 30, middle: 50, top: 90).
_TOP_STEP = 2.4 * np.array([2, 2, 3, 3, 4, 3, 4, 5, 5, 4, 5, 4, 6], np.float32)
STEPS = np.concatenate([[46.0], np.full(5, 33.0), _TOP_STEP]).astype(np.float32)

# Density: the share of a layer's coefficients in use, linear in log activity between these points (activity in levels).
# Tuned for less than 1.1 levels of change where the photo is smooth and SSIMULACRA2 above 80 at 512x512.
_ACTIVITY_POINTS = np.log([2.0, 4.0, 6.0, 8.0])
_DENSITY = {
    "base": [0.20, 0.30, 0.60, 1.0],
    "middle": [0.03, 0.10, 0.40, 1.0],
    "top": [0.06, 0.15, 0.40, 1.0],
}


def density(activity: np.ndarray) -> np.ndarray:
    """Share of coefficients in use, (r, c) activity -> (r, c, n) float32 for the n FREQUENCIES."""
    loga = np.log(np.maximum(activity, 1e-3))
    result = np.empty((*activity.shape, len(FREQUENCIES)), np.float32)
    for name, place in LAYERS.items():
        result[..., place] = np.interp(loga, _ACTIVITY_POINTS, _DENSITY[name])[..., None]
    return result


@dataclass(frozen=True)
class KeyTables:
    """Everything that a key fixes, for the largest grid."""

    dither: np.ndarray
    """(128, 128, n) float32 in [0, 1): offset of each coefficient's lattice in steps; the first PERIODIC ones tiled."""
    rank: np.ndarray
    """(128, 128, n) float32 in [0, 1): a coefficient is in use where its rank is below the density. Tiled likewise."""
    base_index: np.ndarray
    """(32, 32) int64: which coded bit of the base layer each block of a tile carries."""


def _tables(secret: bytes, label: str) -> np.ndarray:
    n = len(FREQUENCIES)
    whole = uniforms(secret, label, (MAX_BLOCKS, MAX_BLOCKS, n)).copy()
    tiled = uniforms(secret, label + " tile", (TILE, TILE, PERIODIC))
    whole[..., :PERIODIC] = np.tile(tiled, (MAX_BLOCKS // TILE, MAX_BLOCKS // TILE, 1))
    whole.setflags(write=False)
    return whole


@lru_cache(maxsize=8)
def key_tables(secret: bytes, base_bits: int) -> KeyTables:
    """Tables of a key; `base_bits` is the length of the base layer's codeword (at most 1,024)."""
    order = np.argsort(stream(secret, "base order", 8 * TILE * TILE).view("<u8"), kind="stable")
    base_index = (order % base_bits).reshape(TILE, TILE)
    return KeyTables(_tables(secret, "dither"), _tables(secret, "rank"), base_index)
