"""Alignment score: agreement of received coefficients with the dither of the key, in standard deviations."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy import fft

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.dense import BASE_COUNT, base_agreement, likely_density
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.parameters import (
    FREQUENCIES,
    PERIODIC,
    STEPS,
    STRENGTHS,
    TEXTURE_GAINS,
    EmbeddingLevel,
    KeyTables,
)
from underdrawing.ops.dct import analyse, basis

_TUNED = FREQUENCIES[:PERIODIC]
_WEIGHTS = (STEPS[:PERIODIC] / STEPS[0]) ** 2  # larger steps tolerate more noise
_TEMPLATES: dict[int, tuple[KeyTables, np.ndarray]] = {}


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
    best = -np.inf, EmbeddingLevel(strength)
    for texture_gain in TEXTURE_GAINS:
        level = EmbeddingLevel(strength, texture_gain)
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


@lru_cache(maxsize=len(STRENGTHS))
def _separable(strength: float) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    ones = basis(tuple((u, 0) for u in range(8))).reshape(8, 8, 8)[:, :, 0] * np.sqrt(8)
    return tuple(
        (ones[u], ones[v] * np.float32(4 * np.pi / step))
        for (u, v), step in zip(_TUNED, EmbeddingLevel(strength).steps, strict=False)
    )


def _templates(tables: KeyTables) -> np.ndarray:
    """(searched, period, period) Fourier transform of the expected field of phasors."""
    found = _TEMPLATES.get(id(tables))
    if found is None or found[0] is not tables:
        part = slice(tables.period), slice(tables.period), slice(tables.searched)
        angle = 4 * np.pi * tables.dither[part]
        # blocks of low rank are in use most often
        field = _WEIGHTS[: tables.searched] * (1.2 - tables.rank[part]) * np.exp(1j * angle)
        found = tables, fft.fft2(field.transpose(2, 0, 1).astype(np.complex64))
        _TEMPLATES[id(tables)] = found
        while len(_TEMPLATES) > 8:
            _TEMPLATES.pop(next(iter(_TEMPLATES)))
    return found[1]


def best_offset(
    plane: np.ndarray, tables: KeyTables, strength: float
) -> tuple[float, tuple[int, int], tuple[int, int]]:
    """Highest score over all offsets of a plane (H, W) float32, pixel offset (y, x) in 0..7, and origin."""
    m, n = (plane.shape[0] - 7) // 8, (plane.shape[1] - 7) // 8
    height, width = 8 * m, 8 * n
    share = likely_density(activity(plane[:height, :width]), strength, PERIODIC)
    weight = cv2.resize(share, (width, height), interpolation=cv2.INTER_NEAREST)
    period = tables.period
    total = np.zeros((64, period, period), np.complex64)
    power = 0.0
    for k, template in enumerate(_templates(tables)):
        down, across = _separable(strength)[k]
        # anchor (0, 0): the value at a pixel is the coefficient of the block that starts there
        angle = cv2.sepFilter2D(plane, cv2.CV_32F, across, down, anchor=(0, 0))[:height, :width]
        real, imaginary = cv2.polarToCart(np.ascontiguousarray(weight[..., k]), np.ascontiguousarray(angle))
        phases = (
            (real + 1j * imaginary)
            .astype(np.complex64)
            .reshape(m, 8, n, 8)
            .transpose(1, 3, 0, 2)
            .reshape(64, m, n)
        )
        folded = _fold(phases, period)
        power += float((weight[::8, ::8, k] ** 2).sum()) * float(np.mean(np.abs(template) ** 2) / period**2)
        total += np.conj(fft.fft2(folded, workers=1)) * template
    correlation = fft.ifft2(total).real
    flat = int(correlation.argmax())
    phase, i, j = np.unravel_index(flat, correlation.shape)
    score = float(correlation[phase, i, j] / np.sqrt(power / 2 + 1e-9))
    return score, (int(phase) // 8, int(phase) % 8), (int(i), int(j))


def _fold(phases: np.ndarray, period: int) -> np.ndarray:
    count, m, n = phases.shape
    padded = np.zeros((count, -(-m // period) * period, -(-n // period) * period), np.complex64)
    padded[:, :m, :n] = phases
    return padded.reshape(count, -1, period, padded.shape[2] // period, period).sum((1, 3))
