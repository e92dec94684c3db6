"""Patch code: each block of a picture as 288 bits of its own, of which every beginning is a coarser picture.

    block --> 8x8 luma, 4x4 + 4x4 chroma --> integer DCT --> bit planes, the highest first

A plane holds the next bit of the significant coefficients, then the newly significant ones in scan order: a
bit "one more follows", bits up to it, and its sign (the pass structure is that of group testing, Hong and
Ladner, "Group testing for image compression", IEEE TIP 2002, with a group of all that remain). Transform and
quantization are exact in integers: whoever has the same pixels makes the same bits.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WORD_BITS = 16
WORDS = 18
"""Words of a block, 288 bits."""
_SIDE = 8
_PLANES = 11  # coefficients are below 2^11
_LAST_PLANE = 1  # a step of 2 levels: finer than any use
_ROWS_8 = (64, 83, 64, 36), (89, 75, 50, 18)  # H.265, 8.6.4.2: the even and odd bases of the integer DCT
_CHROMA_RANK = 2.0  # by which a chroma coefficient comes later in the scan than luma of its frequency


def encode(blocks: np.ndarray, words: int = WORDS) -> np.ndarray:
    """(N, 8, 8, 3) uint8 RGB -> the first so many words (N, words) uint16. The last bit of a sample does not
    count."""
    values = _forward(blocks)
    magnitude, negative = np.abs(values), values < 0
    bits = np.zeros((len(blocks), WORD_BITS * words), np.uint8)
    at = np.zeros(len(blocks), np.int32)
    for plane in range(_PLANES - 1, _LAST_PLANE - 1, -1):
        live = np.flatnonzero(at < bits.shape[1]).astype(np.int32)
        if not len(live):
            break
        _write_plane(bits, at, live, magnitude[live] >> plane, negative)
    return np.packbits(bits, axis=1).view(">u2").astype(np.uint16)


def _write_plane(
    bits: np.ndarray, at: np.ndarray, live: np.ndarray, part: np.ndarray, negative: np.ndarray
) -> None:
    """Write one plane of the blocks `live`, whose magnitudes above it are (n, 96) `part`; advances `at`.

    Only ones are written, as the bits are zero before.
    """
    count, start, old = part.shape[1], at[live], part > 1
    rank = np.cumsum(old, 1, dtype=np.int16)
    rows, cols = _places(old & (part & 1 == 1))
    _set(bits, live[rows], start[rows] + rank[rows, cols] - 1)
    start = start + rank[:, -1]

    new = part == 1
    rows, cols = _places(new)
    waiting_before = cols - rank[rows, cols]  # of the insignificant ones, those that come earlier in the scan
    sizes = np.bincount(rows, minlength=len(part)).astype(np.int32)
    turn = np.arange(len(rows), dtype=np.int32) - (np.cumsum(sizes, dtype=np.int32) - sizes)[rows]
    here = start[rows] + waiting_before + 2 * turn + 1
    asked = np.empty_like(here)
    asked[1:] = here[:-1] + 2
    asked[turn == 0] = start[rows[turn == 0]]
    blocks = live[rows]
    _set(bits, blocks, asked)
    _set(bits, blocks, here)
    minus = negative[blocks, cols]
    _set(bits, blocks[minus], here[minus] + 1)

    closing = start.copy()  # where the bit "none follows" stands
    closing[rows[turn == sizes[rows] - 1]] = here[turn == sizes[rows] - 1] + 2
    last = np.where(sizes > 0, count - 1 - np.argmax(new[:, ::-1], 1), -1)
    end = np.where(rank[:, -1] < count, count - 1 - np.argmin(old[:, ::-1], 1), -1)
    at[live] = closing + (last < end)


def _places(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the true elements, in their order, int32."""
    rows, cols = np.divmod(np.flatnonzero(flags).astype(np.int32), np.int32(flags.shape[1]))
    return rows, cols


def _set(bits: np.ndarray, rows: np.ndarray, at: np.ndarray) -> None:
    inside = at < bits.shape[1]
    bits[rows[inside], at[inside]] = 1


def decode(words: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, WORDS) uint16, of which the first known (N,) words are valid -> (N, 8, 8, 3) float32 RGB, and the
    expected error (N,) of a level in it, root mean square of a rough model."""
    bits = np.unpackbits(words.astype(">u2").view(np.uint8).reshape(len(words), -1), axis=1)
    reader = _Reader(bits, known.astype(np.int64) * WORD_BITS)
    count = len(_scan())
    magnitude = np.zeros((len(words), count), np.int64)
    step = np.full((len(words), count), 1 << _PLANES, np.int64)
    negative = np.zeros((len(words), count), bool)
    for plane in range(_PLANES - 1, _LAST_PLANE - 1, -1):
        if not reader.more.any():
            break
        for column in range(count):
            rows = np.flatnonzero(reader.more & (magnitude[:, column] > 0))
            bit, read = reader.take(rows)
            magnitude[rows, column] = np.where(
                read, magnitude[rows, column] | bit << plane, magnitude[rows, column]
            )
            step[rows[read], column] = 1 << plane
        _read_new(reader, magnitude, step, negative, plane)
    middle = np.where(magnitude > 0, magnitude + 0.5 * step - 0.5 * (step == 1), 0.0)
    values = np.where(negative, -middle, middle)
    doubt = np.where(magnitude > 0, step / np.sqrt(12.0), np.minimum(step * 0.3, 12.0))
    return _inverse(values), np.sqrt((doubt**2).sum(1) / (_SIDE * _SIDE)).astype(np.float32)


def _read_new(reader, magnitude, step, negative, plane: int) -> None:
    """Read the newly significant coefficients of one plane."""
    count = magnitude.shape[1]
    old = magnitude > 0
    ended = ~reader.more
    asking = np.ones(len(magnitude), bool)
    for column in range(count):
        rows = np.flatnonzero(~ended & ~old[:, column] & asking & reader.more)
        bit, read = reader.take(rows)
        asking[rows] = False
        ended[rows[read & (bit == 0)]] = True
        rows = np.flatnonzero(~ended & ~old[:, column] & reader.more)
        bit, read = reader.take(rows)
        step[rows[read], column] = 1 << plane
        rows = rows[read & (bit == 1)]
        bit, read = reader.take(rows)
        # a coefficient whose sign is cut off stays at zero
        magnitude[rows[read], column] = 1 << plane
        negative[rows[read], column] = bit[read] == 1
        asking[rows] = True
    step[ended & reader.more] = np.where(
        magnitude[ended & reader.more] > 0, step[ended & reader.more], 1 << plane
    )


class _Reader:
    """Positions in the bits of many blocks."""

    def __init__(self, bits: np.ndarray, limits: np.ndarray):
        self._bits, self._limits = bits, limits
        self._at = np.zeros(len(bits), np.int64)
        self.more = limits > 0
        """(N,) bool: rows with unread bits."""

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One bit of each of these rows, and whether there was one."""
        at = self._at[rows]
        read = at < self._limits[rows]
        bit = self._bits[rows, np.minimum(at, self._bits.shape[1] - 1)].astype(np.int64)
        self._at[rows] = at + read
        self.more[rows] = at + 1 < self._limits[rows]
        return bit, read


def _forward(blocks: np.ndarray) -> np.ndarray:
    """Coefficients (N, 96) int32 in scan order, of unit step; exact."""
    red, green, blue = ((blocks[..., c] & np.uint8(254)).astype(np.int16) for c in range(3))
    luma = ((red + 2 * green + blue + 2) >> 2) - 128
    orange, verdant = red - blue, (2 * green - red - blue) >> 1
    found = [_transformed(luma, _SIDE)]
    for plane in (orange, verdant):
        small = plane.reshape(len(blocks), 4, 2, 4, 2).sum((2, 4), dtype=np.int16)
        found.append(_transformed(small, 4))
    return np.concatenate(found, 1)[:, _scan()]


def _transformed(planes: np.ndarray, side: int) -> np.ndarray:
    """(N, side, side) integers -> (N, side^2) int32 coefficients of the orthonormal DCT, chroma over 4."""
    matrix = _matrix(side)
    exact = matrix @ planes.astype(np.float64) @ matrix.T  # below 2^53: exact
    unit = 2.0**15 if side == _SIDE else 2.0**16
    return np.trunc(exact.reshape(len(planes), -1) / unit).astype(np.int32)


def _inverse(values: np.ndarray) -> np.ndarray:
    coefficients = np.empty_like(values)
    coefficients[:, _scan()] = values
    luma = _restored(coefficients[:, :64], _SIDE, 2.0**15) + 128
    half = [_restored(coefficients[:, start : start + 16], 4, 2.0**14) for start in (64, 80)]
    orange, verdant = (plane.repeat(2, 1).repeat(2, 2) for plane in half)
    mixed = luma - verdant / 2
    rgb = np.stack([mixed + orange / 2, luma + verdant / 2, mixed - orange / 2], -1)
    return (rgb + 0.5).astype(np.float32)


def _restored(coefficients: np.ndarray, side: int, unit: float) -> np.ndarray:
    matrix = _matrix(side)
    return matrix.T @ coefficients.reshape(-1, side, side) @ matrix / unit


@lru_cache(maxsize=2)
def _matrix(side: int) -> np.ndarray:
    """The integer DCT of H.265, (side, side) float64; rows of norm 2^7.5 or 2^7."""
    if side == 4:
        return np.array([[64, 64, 64, 64], [83, 36, -36, -83], [64, -64, -64, 64], [36, -83, 83, -36]], float)
    a, b, c, d = _ROWS_8[1]
    half = [
        [64, 64, 64, 64],
        [a, b, c, d],
        [83, 36, -36, -83],
        [b, -d, -a, -c],
        [64, -64, -64, 64],
        [c, -a, d, b],
        [36, -83, 83, -36],
        [d, -c, b, -a],
    ]
    first = np.array(half, float)
    signs = np.where(np.arange(8) % 2 == 0, 1.0, -1.0)[:, None]
    return np.hstack([first, signs * first[:, ::-1]])


@lru_cache(maxsize=1)
def _scan() -> np.ndarray:
    """(96,) order of the coefficients, the most energetic first."""
    row, col = np.divmod(np.arange(64), 8)
    small_row, small_col = np.divmod(np.arange(16), 4)
    luma = np.hypot(row, col)
    chroma = np.hypot(small_row, small_col) + _CHROMA_RANK
    return np.argsort(np.concatenate([luma, chroma, chroma + 0.01]), kind="stable")
