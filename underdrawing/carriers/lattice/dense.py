"""Agreement of a received picture with the key for many alignments near one, from one filtered picture.

A coefficient changes little where its block is a few per cent too large or turned by a degree about its own
centre; it changes fast where the block is displaced. So the coefficients are filtered once, at the resolution
of the received picture and at every pixel of it, and only the places where they are sampled move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.grid import Alignment, resize
from underdrawing.carriers.lattice.parameters import (
    LAYERS,
    STEPS,
    TEXTURE_GAINS,
    EmbeddingLevel,
    KeyTables,
)

BASE_COUNT = LAYERS["base"].stop
"""Frequencies of the base layer."""
_FLAT = 0.3  # share of coefficients in use below which a texture gain above 1 is assumed
_BUSY = 24.0  # activity, levels, at which the weight of a block is halved, at strength 1
_CLASSES = np.geomspace(0.7, 30, 12)  # of activity, levels
_TAPS = 64  # samples per pixel of a basis function that ends within a pixel


def likely_density(texture: np.ndarray, strength: float, count: int = BASE_COUNT) -> np.ndarray:
    """Share of coefficients in use (r, c, count), lowered in busy blocks, from the activity (r, c)."""
    level = EmbeddingLevel(strength)
    share = level.density(texture, count)
    if share.mean() < _FLAT:  # so flat a picture probably has a texture gain
        share = EmbeddingLevel(strength, TEXTURE_GAINS[2]).density(texture, count)
    # in busy blocks the error of a fraction of a pixel destroys the agreement
    larger = level.steps[0] / STEPS[0]
    return share / (1 + (texture / (_BUSY * larger)) ** 2)[..., None]


@lru_cache(maxsize=256)
def _taps(order: int, length: float) -> np.ndarray:
    """Basis function of an even order over `length` received px per block, for luma averaged over pixels."""
    count = int(np.ceil(length))
    t = (np.arange(count * _TAPS) + 0.5) / _TAPS
    wave = np.where(t < length, np.cos(np.pi * order * t / length), 0)
    norm = np.sqrt((2 if order else 1) / 8) * 8 / length / np.sinc(order / 16)
    enlarged = 8 / length
    if order and enlarged > 1.05:  # undo the blur measured for bicubic shrinking, at this frequency
        blur = min(1.0, 1.25 * (1 - 1 / enlarged))
        norm *= np.exp(2 * (np.pi * blur * order / 16) ** 2)
    return (wave.reshape(count, _TAPS).mean(1) * norm).astype(np.float32)


def base_coefficients(plane: np.ndarray, block: tuple[float, float], frequency: int) -> np.ndarray:
    """(H, W): coefficient at a frequency of the base of the block that starts at each pixel, levels.

    block: (height, width) of a block in pixels of the plane.
    """
    orders = ((0, 2), (2, 0))[frequency]
    down, across = (_taps(u, round(length, 4)) for u, length in zip(orders, block, strict=True))
    # anchor (0, 0): the value at a pixel is the coefficient of the block that starts there
    return cv2.sepFilter2D(plane, cv2.CV_32F, across, down, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class Texture:
    """Activity of a received picture."""

    activity: np.ndarray
    """(r, c) of blocks without overlap, levels."""
    block: tuple[float, float]
    """Height and width of these blocks in received pixels."""

    @classmethod
    def of(cls, plane: np.ndarray, block: tuple[float, float]) -> Texture:
        """Measure a luma plane (H, W) float32 on blocks of this size."""
        rows, cols = (max(1, round(side / length)) for side, length in zip(plane.shape, block, strict=True))
        exact = plane.shape[0] / rows, plane.shape[1] / cols
        return cls(activity(resize(plane, (8 * rows, 8 * cols))), exact)

    def index(self, places: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the blocks nearest to those that start at places (y, x) px."""
        return tuple(
            np.clip((place / length + 0.5).astype(np.intp), 0, count - 1)
            for place, length, count in zip(places, self.block, self.activity.shape, strict=True)
        )


@dataclass(frozen=True)
class DensePlanes:
    """Base coefficients at every pixel of a received picture, for blocks of one size."""

    values: np.ndarray
    """(H, W, 2) float32: of the block that starts at each pixel, levels."""
    block: tuple[float, float]
    """Height and width of a block in received pixels."""
    texture: Texture
    angle: float = 0.0
    """Rotation that was already applied to the picture."""
    known: dict[float, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    """What `expected` found, by strength."""

    @classmethod
    def around(cls, alignment: Alignment, received: np.ndarray) -> DensePlanes:
        """Filter a received luma for the scale of an alignment, flipped and turned as it is."""
        plane = alignment.oriented(received)
        block = tuple(8 * have / grid for have, grid in zip(plane.shape, alignment.scaled, strict=True))
        return cls.of(plane, block, alignment.angle)

    @classmethod
    def of(
        cls,
        plane: np.ndarray,
        block: tuple[float, float],
        angle: float = 0.0,
        texture: Texture | None = None,
    ) -> DensePlanes:
        """Filter a luma plane (H, W) float32. texture: of the same plane, from blocks of a similar size."""
        values = cv2.merge([base_coefficients(plane, block, k) for k in range(BASE_COUNT)])
        return cls(values, block, texture or Texture.of(plane, block), angle)

    def matrix(self, alignment: Alignment) -> np.ndarray:
        """(2, 3): grid pixel centre (x, y, 1) of the part in view -> pixel centre (x, y) of these planes."""
        height, width = self.values.shape[:2]
        upright = Alignment(height, width, alignment.scaled, alignment.offset)
        return upright.moved(angle=alignment.angle - self.angle).matrix()

    def places(self, alignment: Alignment) -> tuple[np.ndarray, np.ndarray]:
        """(y, x) of the start of each block of an alignment, (r, c) px each."""
        rows, cols = alignment.blocks
        matrix = self.matrix(alignment)
        x, y = 8 * np.arange(cols) + 3.5, (8 * np.arange(rows) + 3.5)[:, None]
        return tuple(
            row[0] * x + row[1] * y + row[2] - (length - 1) / 2
            for row, length in zip(matrix[::-1], self.block, strict=True)
        )

    def score(self, alignment: Alignment, tables: KeyTables) -> float:
        """Agreement of one alignment, in standard deviations of chance."""
        y, x = self.places(alignment)
        found = self.scores((y[None], x[None]), alignment.origin, tables, (alignment.level.strength,))
        return float(found[0, 0])

    def scores(
        self,
        places: tuple[np.ndarray, np.ndarray],
        origin: tuple[int, int],
        tables: KeyTables,
        strengths: tuple[float, ...],
    ) -> np.ndarray:
        """(strengths, n) agreement of n sets of places (n, r, c), in standard deviations of chance.

        origin: of the first block of every set.
        """
        y, x = places
        n, rows, cols = y.shape
        flat = (n * rows, cols)
        maps = x.reshape(flat).astype(np.float32), y.reshape(flat).astype(np.float32)
        sampled = cv2.remap(self.values, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        sampled = sampled.reshape(n, -1)
        at = self.texture.index((y[n // 2], x[n // 2]))
        repeats = Repeats.at(tables, origin, rows, cols)
        found = []
        for strength in strengths:
            share, lean = (a[at].ravel() for a in self.expected(strength))
            ratio = sampled * np.tile(1 / EmbeddingLevel(strength).steps[:BASE_COUNT], rows * cols)
            found.append(repeats.agreement(ratio, share, lean))
        return np.stack(found)

    def expected(self, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Share of coefficients in use, and mean of cos(2 pi c / step) without a mark, of the blocks of
        texture, (r, c, 2) each."""
        if strength not in self.known:
            step = max(1, int(min(self.block) / 2.5))
            values = self.values[::step, ::step] / EmbeddingLevel(strength).steps[:BASE_COUNT]
            here = np.ix_(*self.texture.index(tuple(step * np.arange(side) for side in values.shape[:2])))
            activity = self.texture.activity
            lean = lean_of(values, activity[here])(activity)
            self.known[strength] = likely_density(activity, strength).astype(np.float32), lean
        return self.known[strength]


@dataclass(frozen=True)
class Groups:
    """A partition of elements."""

    order: np.ndarray
    """Elements, group by group."""
    starts: np.ndarray
    """First of each group in that order."""

    @classmethod
    def of(cls, group: np.ndarray) -> Groups:
        """Elements with equal numbers are together."""
        order = np.argsort(group, kind="stable")
        return cls(order, np.flatnonzero(np.diff(group[order], prepend=-1)))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(n, elements) -> (n, groups)."""
        return np.add.reduceat(values[:, self.order], self.starts, axis=1)


@dataclass(frozen=True)
class Repeats:
    """The coefficients of the base in view, by place in the tile and by the coded bit they carry."""

    places: Groups
    """Coefficients by their place in the tile."""
    bits: Groups
    """Places by the coded bit that they carry."""
    dither: np.ndarray
    """(m,) of the coefficients (r, c, 2), flattened."""
    rank: np.ndarray
    """(m,) likewise."""

    @classmethod
    @lru_cache(maxsize=64)
    def at(cls, tables: KeyTables, origin: tuple[int, int], rows: int, cols: int) -> Repeats:
        """Those of rows x cols blocks from `origin`."""
        i = ((origin[0] + np.arange(rows)) % tables.period)[:, None, None]
        j = ((origin[1] + np.arange(cols)) % tables.period)[None, :, None]
        place = ((i * tables.period + j) * BASE_COUNT + np.arange(BASE_COUNT)).ravel()
        used, place = np.unique(place, return_inverse=True)
        bit = tables.base_index[..., :BASE_COUNT].ravel()[used]
        dither, rank = (table[i, j, np.arange(BASE_COUNT)].ravel() for table in (tables.dither, tables.rank))
        return cls(Groups.of(place), Groups.of(bit), dither, rank)

    def agreement(self, ratio: np.ndarray, share: np.ndarray, lean: np.ndarray) -> np.ndarray:
        """(n,) agreement in standard deviations of chance of n readings (n, m), in steps.

        share: of coefficients in use, (m,); lean: mean of cos(2 pi c / step) without a mark, (m,).
        The phasors of one place are summed over all tiles, for they carry the same bit. Then each place
        agrees with its lattice in cos 2 theta, and places that carry the same coded bit agree with each
        other in cos theta, whichever bit it is. The second is the larger where noise is strong.
        """
        turn = np.float32(2 * np.pi)
        weight = np.where(self.rank < share, share, 0).astype(np.float32)
        angle = turn * (ratio - self.dither)
        real = self.places.sums((np.cos(angle) - lean * np.cos(turn * self.dither)) * weight)
        imaginary = self.places.sums((np.sin(angle) + lean * np.sin(turn * self.dither)) * weight)
        power = real**2 + imaginary**2
        own = ((real**2 - imaginary**2) / np.sqrt(power + 1e-6)).sum(1) / np.sqrt(power.sum(1) / 2 + 1)
        total, chance = self.bits.sums(real), self.bits.sums(power)
        pairs = (total**2).sum(1) - (real**2).sum(1)
        pairs /= np.sqrt(((chance**2).sum(1) - (power**2).sum(1)) / 2 + 1)
        return np.maximum(np.maximum(pairs, own), (pairs + own) / np.sqrt(2))


def lean_of(ratio: np.ndarray, texture: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The mean of cos(2 pi c / step) without a mark, (r, c, 2), as a function of the activity (r, c).

    Coefficients of flat blocks are small against the step: where the dither repeats they agree by chance.
    ratio: coefficients (m, n, 2) in steps of blocks of activity `texture` (m, n), at any places.
    """
    level = np.digitize(texture, _CLASSES).ravel()
    cosine = np.cos(np.float32(2 * np.pi) * ratio)
    count = np.bincount(level, minlength=len(_CLASSES) + 1) + 1
    means = [np.bincount(level, cosine[..., k].ravel(), len(count)) / count for k in range(BASE_COUNT)]
    table = np.stack(means, -1).astype(np.float32)
    return lambda activity: table[np.digitize(activity, _CLASSES)]


def base_agreement(
    ratio: np.ndarray, texture: np.ndarray, tables: KeyTables, origin: tuple[int, int], strength: float
) -> float:
    """Agreement of the base coefficients (r, c, 2) of an aligned plane, in steps; see Repeats.agreement."""
    share, lean = likely_density(texture, strength), lean_of(ratio, texture)(texture)
    repeats = Repeats.at(tables, origin, *texture.shape)
    return float(repeats.agreement(ratio.reshape(1, -1), share.ravel(), lean.ravel())[0])
