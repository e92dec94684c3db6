"""Parameters of the sketch: its architecture, and the headers of the layers.

layer 0:  longer side in blocks - 1 (6 bits) | token scales (4) | step number (8, 0: tokens only) | groups (3)
          tokens, 10 bits each | range-coded symbols
layer j:  step number (8) | groups (3) | range-coded symbols, refining the layers before
"""

from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import CodeError

BLOCK = 16
"""Side of a latent cell in pixels."""
STEP_REFERENCE = 200.0
"""Step, in levels, in whose place a code without symbols is decoded."""
CONDITIONS = 4
"""Numbers that condition the decoder."""
SYMBOL_LIMIT = 15
"""Magnitude that the context of a symbol is clipped to."""
FIELDS_FIRST = (6, 4, 8, 3)
FIELDS_NEXT = (8, 3)
STEP_UNIT = 32
REFERENCE_NUMBER = 180
CONDITION_UNITS = np.array([1 / STEP_UNIT, 1 / STEP_UNIT, 1 / 8, 1.0, 1.0])
"""Scale of each condition number as input of the context networks."""


@dataclass(frozen=True)
class Config:
    """Architecture of the sketch; stored with the weights."""

    channels: int = 128
    """Latent channels at 1/16 of the side."""
    token_dim: int = 32
    """The first channels, which the token scales describe."""
    codes: int = 1024
    """Codes a scale: 10 bits a token."""
    sides: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 11, 16)
    """Tokens along the longer side, scale by scale."""
    decoder_width: int = 128
    """Channels inside the decoder at 1/16."""
    decoder_blocks: int = 4
    """Residual blocks of the decoder."""
    polish_width: int = 32
    """Channels of the last stage at 1/4."""
    groups: tuple[int, ...] = (2, 4, 8, 16, 34, 64)
    """Channels coded together, most energetic first; they sum to `channels`."""
    context_width: int = 48
    """Hidden channels of each context network."""


def step_size(number: int) -> float:
    """The quantizer's step in levels: 4 at 0, 64 at 128, thirty-two numbers an octave."""
    return 4.0 * 2.0 ** (number / STEP_UNIT)


def condition_numbers(number: int, ratio: int, prefix: int) -> np.ndarray:
    """Conditions of the context networks, int64 (5,): step, distance to the coarser layer (0: none), token
    scales, whether these are 0, whether a coarser layer exists."""
    return np.array([number - REFERENCE_NUMBER, ratio, prefix, prefix == 0, ratio > 0], np.int64)


# 2^(i/32) with eight fractional bits: integers, so that the result is the same on every machine.
_STRETCH = tuple(round(256 * 2 ** (i / STEP_UNIT)) for i in range(STEP_UNIT))


def stretch(base: np.ndarray, ratio: int) -> np.ndarray:
    """A coarser layer's int64 symbols in steps that are 2^(ratio/32) times finer, rounded; exact on every
    machine."""
    factor = _STRETCH[ratio % STEP_UNIT] << (ratio // STEP_UNIT)
    return np.sign(base) * ((np.abs(base) * factor + 128) >> 8)


@dataclass(frozen=True)
class Grid:
    """Latent cells (rows, columns) of a picture."""

    rows: int
    columns: int

    @classmethod
    def of(cls, blocks: int, height: int, width: int) -> "Grid":
        """The grid whose longer side has `blocks` cells, for a picture of the given pixels."""
        longest = max(height, width)
        return cls(*(max(1, (blocks * side + longest // 2) // longest) for side in (height, width)))


def put(values: tuple[int, ...], fields: tuple[int, ...]) -> np.ndarray:
    """Whole numbers as bits, most significant first."""
    parts = [(np.array([v]) >> np.arange(n - 1, -1, -1)) & 1 for v, n in zip(values, fields, strict=True)]
    return np.concatenate(parts).astype(np.uint8)


def take(bits: np.ndarray, fields: tuple[int, ...]) -> tuple[list[int], np.ndarray]:
    """Undo `put`: the numbers and the bits behind them. CodeError when there are too few bits."""
    if len(bits) < sum(fields):
        raise CodeError(f"a sketch layer of {len(bits)} bits is too short for its own head of {sum(fields)}")
    values, at = [], 0
    for n in fields:
        values.append(int(bits[at : at + n].astype(np.int64) @ (1 << np.arange(n - 1, -1, -1))))
        at += n
    return values, bits[at:]
