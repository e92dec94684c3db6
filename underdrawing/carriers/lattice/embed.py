"""Embedding: move each coefficient in use towards the nearest point of the sub-lattice of its bit."""

from __future__ import annotations

import numpy as np

from underdrawing.carriers.lattice.parameters import FREQUENCIES, PLACES, EmbeddingLevel, KeyTables
from underdrawing.coding.keystream import permutation

CODE_LIMITS = {"middle": 32768, "top": 65536, "top70": 24576, "top80": 16384, "top90": 24576}
"""Most coded bits of a layer; on larger grids every coded bit is carried by several coefficients."""


def code_length(layer: str, rows: int, cols: int) -> int:
    """Coded bits of the middle or top layer, or of a part of the top, on a grid of rows x cols blocks."""
    place = PLACES[layer]
    return min(rows * cols * (place.stop - place.start), CODE_LIMITS[layer])


def code_index(layer: str, rows: int, cols: int, secret: bytes) -> np.ndarray:
    """(rows, cols, frequencies of the layer) int64: the coded bit that each coefficient carries.

    A permutation over the whole frame: the bits that describe a region are stored all over the picture.
    """
    place = PLACES[layer]
    count = rows * cols * (place.stop - place.start)
    order = permutation(secret, f"{layer} order", count) % code_length(layer, rows, cols)
    return order.reshape(rows, cols, -1)


def symbols(
    base: np.ndarray, layers: dict[str, np.ndarray], grid: tuple[int, int], secret: bytes, tables: KeyTables
) -> np.ndarray:
    """The bit of every coefficient, (rows, cols, n) uint8, from the codewords of the layers."""
    rows, cols = grid
    tile = tables.base_index
    result = np.empty((rows, cols, len(FREQUENCIES)), np.uint8)
    index = np.tile(tile, (-(-rows // tile.shape[0]), -(-cols // tile.shape[1]), 1))[:rows, :cols]
    result[..., : index.shape[2]] = base[index]  # on larger grids the middle layer overwrites its part
    for name, codeword in layers.items():
        result[..., PLACES[name]] = codeword[code_index(name, rows, cols, secret)]
    return result


def change(
    coefficients: np.ndarray, bits: np.ndarray, dither: np.ndarray, level: EmbeddingLevel
) -> np.ndarray:
    """Change of the coefficients towards the nearest points of the lattice step * (Z + dither + bit / 2).

    All arrays (rows, cols, n).
    """
    offset = dither + np.float32(0.5) * bits
    nearest = (np.rint(coefficients / level.steps - offset) + offset) * level.steps
    return level.moves * (nearest - coefficients)
