"""Synchronization without a pilot: candidate alignments from the lattice itself.

Whole pictures at their own size, turned by quarters or mirrored; whole pictures of any size, compared by the
first corner; then parts (parts.py). Candidates come in order of probability, with a score in standard
deviations of chance; the caller stops at the first whose base layer passes its checksum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np

from underdrawing.carriers.lattice.alignment_score import score_alignment
from underdrawing.carriers.lattice.dense import DensePlanes, Texture
from underdrawing.carriers.lattice.grid import Alignment, grid_size, resize
from underdrawing.carriers.lattice.parameters import (
    CANONICAL_SIDE,
    STRENGTHS,
    EmbeddingLevel,
    KeyTables,
    default_strength_for_size,
    nearest_strength,
)
from underdrawing.carriers.lattice.parts import part_candidates

_KNOWN_THRESHOLD = 3.0  # least score of a whole picture at a known size
_SCALES = (0.38, 2.6)
_USUAL_THRESHOLD = 4.5  # the same where every size is tried
_SAME_FILTER = 0.045  # range of the log scale that one filtered picture serves
_SAME_TEXTURE = 4  # such ranges that one measurement of the texture serves
_CORNER, _MARGIN = 384, 1.05  # grid px in which sizes of a whole picture are compared
_MOST_SIZES = 8  # of a whole picture that are compared on all of it


def likely_strengths(long_side_px: int) -> tuple[float, ...]:
    """Strengths for long searches: the defaults of `protect` for a picture of this size, and 2.1."""
    return tuple(dict.fromkeys((nearest_strength(default_strength_for_size(long_side_px)), 1.0, 2.1)))[:2]


def intact(received: np.ndarray, tables: KeyTables) -> Iterator[Alignment]:
    """Whole pictures: at their own size, shrunk from a large original, or turned by quarters or mirrored."""
    own = grid_size(*received.shape)
    enlarged = _enlarged(received.shape)
    sizes = (own,) if enlarged is None else (own, enlarged)
    for size in sizes:
        whole = Alignment(*received.shape, size)
        if min(whole.blocks) < 1:
            continue
        plane = whole.sample(received)
        found = [score_alignment(whole, plane, tables, s) for s in STRENGTHS]
        found.sort(key=lambda a: -a.score)
        if size != received.shape:
            found[0] = _adjust_short_side(found[0], received, tables)
        clear = [a for a in found if a.score > _KNOWN_THRESHOLD]
        yield from clear
        if size == own:
            # noise or a local displacement can hide the agreement
            likely = likely_strengths(max(received.shape))
            yield from (a for a in found if a not in clear and a.level.strength in likely)
    for size in sizes:
        yield from _reoriented(Alignment(*received.shape, size), received, tables)


def unchanged(
    received: np.ndarray, tables: KeyTables, strengths: Sequence[float] = STRENGTHS
) -> Iterator[Alignment]:
    """Whole pictures at their own size and upright, with a clear score: milliseconds without a mark."""
    whole = Alignment(*received.shape, grid_size(*received.shape))
    plane = whole.sample(received)
    found = [score_alignment(whole, plane, tables, s) for s in strengths]
    found.sort(key=lambda a: -a.score)
    if whole.scaled != received.shape and found[0].score > _KNOWN_THRESHOLD:
        found[0] = _adjust_short_side(found[0], received, tables)
    yield from (a for a in found if a.score > _KNOWN_THRESHOLD)


def _enlarged(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Size on the largest grid, of a picture that is smaller."""
    if max(shape) >= CANONICAL_SIDE:
        return None
    factor = CANONICAL_SIDE / max(shape)
    return round(shape[0] * factor), round(shape[1] * factor)


def _reoriented(whole: Alignment, received: np.ndarray, tables: KeyTables) -> Iterator[Alignment]:
    """Quarter turns and mirror images of a whole picture."""
    found = []
    work = resize(received, whole.scaled)
    for transposed, mirrored, upside_down in list(product((False, True), repeat=3))[1:]:
        flags = {"transposed": transposed, "mirrored": mirrored, "upside_down": upside_down}
        size = whole.scaled[::-1] if transposed else whole.scaled
        turned = whole.moved(scaled=size, **flags)
        plane = Alignment(*work.shape, size, **flags).sample(work)
        scored = (score_alignment(turned, plane, tables, s) for s in likely_strengths(max(received.shape)))
        found += [a for a in scored if a.score > _KNOWN_THRESHOLD + 1]
    yield from sorted(found, key=lambda a: -a.score)


def _adjust_short_side(best: Alignment, received: np.ndarray, tables: KeyTables) -> Alignment:
    """The alignment with the short side a pixel longer or shorter, if its score is higher.

    The size of a shrunk picture and that of its grid were rounded.
    """
    rows, cols = best.scaled
    sizes = ((rows + d, cols) if rows < cols else (rows, cols + d) for d in (-1, 1))
    others = (best.moved(scaled=size) for size in sizes)
    scored = [score_alignment(a, a.sample(received), tables, best.level.strength) for a in others]
    return max((best, *scored), key=lambda a: a.score)


def candidates(received: np.ndarray, tables: KeyTables, thorough: bool = False) -> Iterator[Alignment]:
    """Candidates for parts of a picture: cropped, resized, mirrored, rotated or stretched; see parts.

    All searches run at the size of the grid: a picture of many megapixels is shrunk once.
    """
    work = resize(received, grid_size(*received.shape))
    for found in part_candidates(work, max(received.shape), tables, thorough):
        yield found.moved(height=received.shape[0], width=received.shape[1])


def resized(received: np.ndarray, tables: KeyTables) -> Iterator[Alignment]:
    """Whole pictures resized by an unknown factor: every length of the long side is tried."""
    work = resize(received, grid_size(*received.shape))
    long_side, strengths = max(work.shape), likely_strengths(max(received.shape))
    shortest, longest = max(64, int(long_side * _SCALES[0])), min(CANONICAL_SIDE, int(long_side * _SCALES[1]))
    edges = np.geomspace(shortest, longest + 1, max(2, round(np.log(longest / shortest) / _SAME_FILTER)))
    found, texture = [], None
    for index, (low, high) in enumerate(pairwise(edges)):
        sides = np.arange(np.ceil(low), np.ceil(high))
        if not len(sides):
            continue
        factor = float(np.sqrt(low * high)) / long_side
        if index % _SAME_TEXTURE == 0:
            texture = Texture.of(work, (8 / factor, 8 / factor))
        corner = work[tuple(slice(int(_CORNER * _MARGIN / factor) + 2) for _ in range(2))]
        dense = DensePlanes.of(corner, (8 / factor, 8 / factor), texture=texture)
        scores = dense.scores(*_corner_places(work.shape, sides, dense.block), tables, strengths)
        for strength, row in zip(strengths, scores, strict=True):
            for at in np.flatnonzero(row > _USUAL_THRESHOLD - 1):
                size = _scaled(*work.shape, sides[at] / long_side)
                level = EmbeddingLevel(strength)
                found.append(Alignment(*received.shape, size, level=level, score=float(row[at])))
    for candidate in sorted(found, key=lambda a: -a.score)[:_MOST_SIZES]:
        exact = score_alignment(candidate, candidate.sample(received), tables, candidate.level.strength)
        if exact.score > _USUAL_THRESHOLD:
            yield exact


def _corner_places(
    shape: tuple[int, int], sides: np.ndarray, block: tuple[float, float]
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[int, int]]:
    """Where the blocks of the first corner start, (y, x) px, for each length of the long side; the origin."""
    places = []
    for side, length in zip(shape, block, strict=True):
        factors = np.maximum(8, np.rint(side * sides / max(shape))) / side
        count = int(min(_CORNER, side * factors.min())) // 8
        places.append((8 * np.arange(count) + 4) / factors[:, None] - length / 2)
    y, x = places
    full = len(sides), y.shape[1], x.shape[1]
    return (np.broadcast_to(y[:, :, None], full), np.broadcast_to(x[:, None], full)), (0, 0)


def _scaled(height: int, width: int, factor: float) -> tuple[int, int]:
    return max(8, round(height * factor)), max(8, round(width * factor))
