"""Alignment score: agreement of received coefficients with the dither of the key, in standard deviations."""

from __future__ import annotations

import numpy as np

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.dense import BASE_COUNT, base_agreement
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.parameters import (
    FREQUENCIES,
    PERIODIC,
    STEPS,
    TEXTURE_GAINS,
    EmbeddingLevel,
    KeyTables,
)
from underdrawing.ops.dct import analyse

_TUNED = FREQUENCIES[:PERIODIC]
_WEIGHTS = (STEPS[:PERIODIC] / STEPS[0]) ** 2  # larger steps tolerate more noise


def score_alignment(alignment: Alignment, plane: np.ndarray, tables: KeyTables, strength: float) -> Alignment:
    """The alignment with the score of its sampled plane (8 r, 8 c) and the level of the highest score.

    strength: assumed; the texture gain is the one of the highest score.
    """
    origin, n = alignment.origin, tables.searched
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    dither, rank = (
        periodic_view(tables, table, origin, rows, cols) for table in (tables.dither, tables.rank)
    )
    texture = activity(plane)
    ratio = analyse(plane, _TUNED[:n]) / EmbeddingLevel(strength).steps[:n]
    gathered = np.cos(np.float32(4 * np.pi) * (ratio - dither))
    best = -np.inf, alignment.level._replace(strength=strength)
    for texture_gain in TEXTURE_GAINS:
        level = alignment.level._replace(strength=strength, texture_gain=texture_gain)
        weight = (rank < level.density(texture, n)) * _WEIGHTS[:n]
        score = float((gathered * weight).sum() / np.sqrt((weight**2).sum() / 2 + 1))
        best = max(best, (score, level))
    score, level = best
    score = max(score, base_agreement(ratio[..., :BASE_COUNT], texture, tables, origin, strength))
    return alignment.moved(level=level, score=score)


def periodic_view(
    tables: KeyTables, table: np.ndarray, origin: tuple[int, int], rows: int, cols: int
) -> np.ndarray:
    """Searched frequencies of a key table for rows x cols blocks from `origin`, (rows, cols, searched)."""
    i = (origin[0] + np.arange(rows)) % tables.period
    j = (origin[1] + np.arange(cols)) % tables.period
    return table[i[:, None], j[None], : tables.searched]
