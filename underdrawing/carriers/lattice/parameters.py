"""Parameters of the lattice: frequencies, steps, densities and key tables of the three layers.

Three layers share the 8x8 block DCT of the luma on a grid of at most 1024 px:

    base    two coefficients a block, large step     identity and grid; repeats in tiles, for crops
    middle  four mid-frequency coefficients, two     signature, first part of the content code; to JPEG 50
            low ones more where there is texture
    top     the rest of the low half of the block    rest of the content code; to JPEG 90, or in three parts
                                                     to JPEG 70, 80 and 90

The frequencies were selected by the SSIMULACRA2 cost and the capacity after each codec of each one alone
(docs/HOW_IT_WORKS.md). Basis functions of even order are continuous at block edges and cost a quarter of
(0,1), (1,0) and (1,1) at equal energy; the first two of those are used only where texture masks them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from underdrawing.coding.keystream import stream, uniforms

TILE = 32
"""Blocks after which the dither of the searched frequencies repeats in the public layout."""

CANONICAL_SIDE = 1024
"""Long side in pixels of the grid of every picture that is larger than that."""

SMALL_BLOCKS = 196
"""On grids of fewer blocks the base layer uses the middle layer's coefficients too, for lack of room."""

MAX_BLOCKS = CANONICAL_SIDE // 8

STRENGTHS = (1.0, 0.35, 0.5, 0.7, 1.45, 2.1)
"""Strengths in use, in the order of synchronization."""

TEXTURE_GAINS = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
"""Multipliers of the activity. A flat picture needs more coefficients of the middle layer, which holds the
signature; below strength 1 (large pictures) of the base layer too."""

BASE = ((0, 2), (2, 0))
MIDDLE = ((1, 2), (2, 1), (2, 2), (1, 1), (0, 1), (1, 0))
TOP = ((0, 3), (3, 0), (1, 3), (3, 1), (4, 0), (0, 4), (1, 4), (4, 1), (2, 3), (3, 2), (3, 3))
FREQUENCIES = BASE + MIDDLE + TOP
PERIODIC = 4
"""The first four frequencies have tiled dither in the public layout, for synchronization; the others give
the origin."""

LAYERS = {"base": slice(0, 2), "middle": slice(2, 8), "top": slice(8, len(FREQUENCIES))}
PARTS = {"top70": slice(8, 12), "top80": slice(12, 15), "top90": slice(15, len(FREQUENCIES))}
"""Parts of the top layer in payload layout 3, made for JPEG 70, 80 and 90, each with its own codeword."""
PLACES = LAYERS | PARTS
MADE_FOR = {"top70": 70, "top80": 80, "top90": 90}
"""Quality of the JPEG that each part survives, at strength 1."""

JPEG_STEPS = np.array(
    [10, 14, 14, 13, 16, 12, 11, 12, 16, 14, 19, 17, 18, 24, 26, 22, 24, 22, 29], np.float32
)
"""The luma quantizer of JPEG quality 50 at FREQUENCIES (ITU-T T.81, table K.1)."""

_BASE_SPREAD = LAYERS["middle"].stop

# Steps in 8-bit luma levels: at least twice the JPEG quantizer to be survived (base: quality 30, middle: 50,
# top: 90).
_TOP_STEP = 2.4 * np.array([3, 3, 4, 3, 4, 5, 5, 4, 5, 4, 6], np.float32)
STEPS = np.concatenate([np.full(2, 52.0), np.full(4, 26.5), np.full(2, 23.0), _TOP_STEP]).astype(np.float32)

MOVES = np.concatenate([np.full(8, 0.84), np.ones(len(TOP))]).astype(np.float32)
"""Fraction of the distance to the nearest lattice point that a coefficient is moved (distortion compensation,
Chen and Wornell 2001): with coding noise the rest costs more energy than it gains."""

# In parts: steps over the quantizer of JPEG 50, moves, and exponents of growth with strengths above 1.
_PART_STEPS = {"top70": 1.08, "top80": 0.76, "top90": 0.46}
_PART_MOVES = {"top70": 0.70, "top80": 0.76, "top90": 0.90}
_PART_GROWTH = {"top70": 0.5, "top80": 0.95, "top90": 1.5}


def _in_parts(values: np.ndarray, parts: dict[str, float], scale: np.ndarray | float = 1.0) -> np.ndarray:
    """(n,) values with those of the top layer's parts, times `scale` (n,)."""
    result = np.array(values, np.float32)
    for name, value in parts.items():
        result[PARTS[name]] = (value * np.broadcast_to(scale, result.shape))[PARTS[name]]
    return result


SPLIT_STEPS = _in_parts(STEPS, _PART_STEPS, JPEG_STEPS)
_SPLIT_MOVES = _in_parts(MOVES, _PART_MOVES)
_SPLIT_MOVES[LAYERS["base"]] = 0.80

# Density: the share of coefficients in use, linear in log activity between these points (levels). Tuned for
# less than 1.1 levels of change where the photo is smooth, SSIMULACRA2 above 80 and SSIM .985 at 512x512.
_ACTIVITY_POINTS = np.log([1.0, 2.0, 4.8, 8.2, 12.0])
_DENSITY = {
    "base": [0.06, 0.12, 0.20, 0.40, 0.92],
    "middle": [0.00, 0.00, 0.05, 0.70, 1.0],
    "top": [0.06, 0.06, 0.07, 0.50, 1.0],
    "top70": [0.00, 0.00, 0.00, 0.38, 1.0],
    "top80": [0.00, 0.00, 0.00, 0.38, 1.0],
    "top90": [0.06, 0.06, 0.07, 0.50, 1.0],
}
"""In flat blocks a large step is visible: only the small steps of the top layer remain, for localization."""

_FILL = 3.4
_GROWTH = np.repeat(np.float32([0.5, 0.5, 1.5]), [2, 6, len(TOP)])
_SPLIT_GROWTH = _in_parts(_GROWTH, _PART_GROWTH)
"""Above strength 1 the density grows first: the activity is multiplied by strength ** _FILL. The steps of
base and middle, which are large enough, grow more slowly than those of the top."""


class EmbeddingLevel(NamedTuple):
    """Strength and texture gain of one picture; estimated by synchronization."""

    strength: float = 1.0
    """Multiplies the steps; above 1 it raises the density too; one of STRENGTHS."""
    texture_gain: float = 1.0
    """Multiplies the activity that decides how many coefficients of the middle, and under strength 1 of the
    base, are in use; one of TEXTURE_GAINS."""
    split: bool = False
    """Whether the top layer has PARTS."""

    @property
    def steps(self) -> np.ndarray:
        """(n,) float32 step of each of the n FREQUENCIES, luma levels."""
        steps = SPLIT_STEPS if self.split else STEPS
        if self.strength <= 1:
            return steps * np.float32(self.strength)
        return steps * np.float32(self.strength) ** (_SPLIT_GROWTH if self.split else _GROWTH)

    @property
    def moves(self) -> np.ndarray:
        """(n,) float32 fraction of the distance to the nearest lattice point that a coefficient is moved."""
        return _SPLIT_MOVES if self.split else MOVES

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers behind the base."""
        return ("middle", *PARTS) if self.split else ("middle", "top")

    def density(self, activity: np.ndarray, count: int = len(FREQUENCIES)) -> np.ndarray:
        """Share of coefficients in use at the first `count` frequencies, (r, c) activity -> (r, c, count)
        float32."""
        log_activity = np.log(np.maximum(activity, 1e-3)) + _FILL * max(0.0, np.log(self.strength))
        gains = {
            "base": self.texture_gain if self.strength < 1 else 1.0,
            "middle": self.texture_gain,
        }
        result = np.empty((*activity.shape, count), np.float32)
        for name in ("base", *self.layers):
            if PLACES[name].start < count:
                gained = log_activity + np.log(gains.get(name, 1.0))
                density = np.interp(gained, _ACTIVITY_POINTS, _DENSITY[name])
                result[..., PLACES[name]] = density[..., None]
        return result


def default_strength_for_size(long_side_px: int) -> float:
    """Default strength for a picture whose long side has so many pixels, at most 1.

    On a large picture the residual is enlarged: its frequencies are lower and less masked, while coding
    errors average out over the pixels of one grid pixel.
    """
    return min(1.0, (CANONICAL_SIDE / long_side_px) ** 0.72)


def nearest_strength(strength: float) -> float:
    """The nearest of STRENGTHS, by ratio."""
    return min(STRENGTHS, key=lambda s: abs(np.log(s / strength)))


@dataclass(frozen=True, eq=False)
class KeyTables:
    """Pseudo-random tables of a key, for the largest grid; equal and hashed by identity."""

    dither: np.ndarray
    """(128, 128, n) float32 in [0, 1): offset of each coefficient's lattice in steps; the first `searched`
    repeat after `period` blocks."""
    rank: np.ndarray
    """(128, 128, n) float32 in [0, 1): a coefficient is in use where its rank is below the density. Repeats
    likewise."""
    base_index: np.ndarray
    """(period, period, 8) int64: coded bits of the base layer in each block: at the first two frequencies, on
    small grids at those of the middle layer too."""
    period: int = TILE
    """Blocks after which the searched frequencies and the base layer repeat."""
    searched: int = PERIODIC
    """Number of the first frequencies that synchronization uses."""


def _tables(secret: bytes, label: str) -> np.ndarray:
    n = len(FREQUENCIES)
    whole = uniforms(secret, label, (MAX_BLOCKS, MAX_BLOCKS, n)).copy()
    tiled = uniforms(secret, label + " tile", (TILE, TILE, PERIODIC))
    whole[..., :PERIODIC] = np.tile(tiled, (MAX_BLOCKS // TILE, MAX_BLOCKS // TILE, 1))
    whole.setflags(write=False)
    return whole


def _base_order(secret: bytes, label: str, base_bits: int, count: int) -> np.ndarray:
    """(32, 32, count) int64: coded bits of the base layer at `count` frequencies of 32 x 32 blocks, each as
    often as any other."""
    order = np.argsort(stream(secret, label, 8 * count * TILE * TILE).view("<u8"), kind="stable")
    return (order % base_bits).reshape(TILE, TILE, count)


@lru_cache(maxsize=8)
def key_tables(secret: bytes, base_bits: int) -> KeyTables:
    """Tables of a key; `base_bits` is the length of the base layer's codeword (at most 6,144)."""
    base_index = _base_order(secret, "base order", base_bits, _BASE_SPREAD)
    return KeyTables(_tables(secret, "dither"), _tables(secret, "rank"), base_index)


@lru_cache(maxsize=8)
def private_tables(secret: bytes, base_bits: int) -> KeyTables:
    """Tables of a secret in private mode: nothing repeats, and only the base layer is searched."""
    shape, tiles = (MAX_BLOCKS, MAX_BLOCKS, len(FREQUENCIES)), MAX_BLOCKS // TILE
    dither, rank = (uniforms(secret, f"private {label}", shape) for label in ("dither", "rank"))
    base_index = np.empty((MAX_BLOCKS, MAX_BLOCKS, _BASE_SPREAD), np.int64)
    for i, j in np.ndindex(tiles, tiles):
        here = slice(TILE * i, TILE * (i + 1)), slice(TILE * j, TILE * (j + 1))
        for first, end in ((0, len(BASE)), (len(BASE), _BASE_SPREAD)):
            label = f"private base order {i} {j} {first}"
            base_index[(*here, slice(first, end))] = _base_order(secret, label, base_bits, end - first)
    return KeyTables(dither, rank, base_index, MAX_BLOCKS, len(BASE))


def picture_tables(tables: KeyTables, key: bytes, first: int) -> KeyTables:
    """The tables of one picture: those of its own key from frequency `first` on."""
    dither, rank = tables.dither.copy(), tables.rank.copy()
    for table, label in ((dither, "picture dither"), (rank, "picture rank")):
        table[..., first:] = uniforms(key, label, (*table.shape[:2], table.shape[2] - first))
    return replace(tables, dither=dither, rank=rank)
