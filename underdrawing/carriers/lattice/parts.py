"""Search for parts of a marked picture: cropped, resized, turned by small angles, stretched, mirrored.

Every try is one scale, angle and flip, over all offsets (offsets.OffsetSearch). Tries near each other share a
filtered picture. What passes a low threshold is climbed on the whole picture, where a true candidate gains
and a false one does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np

from underdrawing.carriers.lattice.dense import DensePlanes
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.offsets import OffsetSearch
from underdrawing.carriers.lattice.parameters import (
    CANONICAL_SIDE,
    STRENGTHS,
    TILE,
    KeyTables,
    default_strength_for_size,
    nearest_strength,
)

_LEAST_SIDE = 250  # grid px of the longer side of a part at any scale
_SCALES = (0.38, 2.6)
_COMMON = (1, *(1 / np.array([0.8, 0.75, 0.5, 0.7, 0.6, 0.9, 2, 1.25, 1.5])))
"""Factors back to the grid from common sizes, all that is tried where the key does not repeat."""
_FEW_TILES = 180, 400
"""Grid px of the longer side of parts in which the tile hardly repeats: their agreement is lost within a
quarter of a pixel, so common scales are tried by quarter pixels first. Smaller parts: their own scale."""
_MOST_PLACES, _MOST_CLIMBED = 8, 2
"""At each of these: places that are compared on the whole, and that are climbed."""
_WINDOW = 512  # grid px used by the search over scales
_TURNED_WINDOW = 320  # the same over angles and stretches
_PRECISION = 1.6  # px by which the far ends of the window move between two tries
_SAME_FILTER = 0.045  # range of the log scale that one filtered picture serves
_ANGLES = 5.2  # degrees
_STRETCH = 0.055
_TRIED, _PROMISING, _THRESHOLD, _CLEAR = 4.6, 3.4, 5.7, 9.0
"""Scores: of the window, to be compared on the whole; of the whole, to be climbed; after that, to be decoded,
and to be decoded at once."""
_AS_GOOD = 0.93  # share of the score that whole pixels may cost
_MOST = 6  # candidates of one search that are decoded


def part_candidates(
    work: np.ndarray, long_side: int, tables: KeyTables, thorough: bool
) -> Iterator[Alignment]:
    """Candidate alignments of a luma plane at the size of the grid, the most probable first.

    long_side: of the received picture, px. thorough: also combinations of scale with angles, flips and
    stretches.
    """
    upright = Alignment(*work.shape, work.shape)
    if tables.period == TILE:
        yield from _at_common_scales(work, upright, tables)
    if tables.period > TILE and not thorough:  # a correlation costs sixteen times as much
        groups = iter([([_scaled(upright, factor)] for factor in _COMMON)])
    else:
        groups = _searches(upright, thorough)
    for group in groups:
        weak = []
        for tries in group:
            for found in _search(work, long_side, tries, tables):
                if found.score > _CLEAR:
                    yield found
                else:
                    weak.append(found)
        yield from sorted(weak, key=lambda a: -a.score)[:_MOST]


def _at_common_scales(work: np.ndarray, upright: Alignment, tables: KeyTables) -> Iterator[Alignment]:
    """The candidates of a small part at common scales, over all offsets by quarter pixels."""
    for factor in _COMMON:
        whole = _scaled(upright, factor)
        least = _FEW_TILES[0] if factor != 1 else 0
        if not least <= max(whole.scaled) <= _FEW_TILES[1]:
            continue
        dense = DensePlanes.around(whole, work)
        search = OffsetSearch(dense, STRENGTHS[0])
        found = search.highest(whole, tables, _window(search, whole, _WINDOW), _MOST_PLACES)
        found = [a.moved(score=dense.score(a, tables)) for a in found]
        for place in sorted(found, key=lambda a: -a.score)[:_MOST_CLIMBED]:
            if place.score > _TRIED:
                yield from _climbed_to(place, dense, tables)


def _searches(upright: Alignment, thorough: bool) -> Iterator[Iterator[list[Alignment]]]:
    if thorough or max(upright.scaled) >= _LEAST_SIDE:
        yield _scales(upright)
    yield _angles(upright)
    flips = list(_flips(upright))
    yield ([flip] for flip in flips)
    yield _stretches(upright)
    if thorough:
        yield (tries for flip in flips for tries in _scales(flip))
        yield (
            [whole.moved(angle=whole.angle + turn) for whole in tries]
            for turn in np.arange(-_ANGLES, _ANGLES, 0.3)
            for tries in _scales(upright, _TURNED_WINDOW)
        )


def _scaled(whole: Alignment, down: float, across: float | None = None) -> Alignment:
    """Resized by factors of height and width."""
    height, width = whole.scaled
    return whole.moved(scaled=(round(height * down), round(width * (down if across is None else across))))


def _scales(whole: Alignment, window: int = _WINDOW) -> Iterator[list[Alignment]]:
    """All scales, from that of the grid outward, in groups that share a filtered picture."""
    own = max(whole.scaled)
    start = float(max(own, _LEAST_SIDE))
    for direction in (-1, 1):
        side, group, first = start, [], start
        while max(_LEAST_SIDE, own * _SCALES[0]) <= side <= min(CANONICAL_SIDE, own * _SCALES[1]):
            if abs(np.log(side / first)) > _SAME_FILTER:
                yield group
                group, first = [], side
            group.append(_scaled(whole, side / own))
            side += direction * max(1.0, _PRECISION * side / min(side, window))
        if group:
            yield group


def _angles(whole: Alignment) -> Iterator[list[Alignment]]:
    """Small rotations, with the size kept, and cut to a rectangle within and resized back."""
    step = np.degrees(_PRECISION / _TURNED_WINDOW)
    long, short = max(whole.scaled), min(whole.scaled)
    for angle in step * np.arange(1, _ANGLES / step):
        radians = np.radians(angle)
        inside = 1 / (np.cos(radians) + np.sin(radians) * long / short)
        for sign, factor in product((1, -1), (inside, 1.0)):
            yield [_scaled(whole, factor).moved(angle=sign * float(angle))]


def _flips(whole: Alignment) -> Iterator[Alignment]:
    for transposed, mirrored, upside_down in list(product((False, True), repeat=3))[1:]:
        size = whole.scaled[::-1] if transposed else whole.scaled
        yield whole.moved(scaled=size, transposed=transposed, mirrored=mirrored, upside_down=upside_down)


def _stretches(whole: Alignment) -> Iterator[list[Alignment]]:
    """One side changed by some per cent, the other kept."""
    step = _PRECISION / _TURNED_WINDOW
    for factor in 1 + step * np.arange(1, _STRETCH / step):
        for one, other in ((factor, 1.0), (1.0, factor), (1 / factor, 1.0), (1.0, 1 / factor)):
            yield [_scaled(whole, one, other)]


def _strengths(long_side: int, factor: float) -> tuple[float, ...]:
    """Strengths of a part of a picture that covers `factor` of the largest grid, the most probable first."""
    if long_side <= CANONICAL_SIDE:
        return STRENGTHS[:1]
    originals = (long_side / factor, 1.25 * long_side / factor)  # as it is, or shrunk before it was cut
    return tuple(dict.fromkeys(nearest_strength(default_strength_for_size(side)) for side in originals))


def _search(
    work: np.ndarray, long_side: int, tries: list[Alignment], tables: KeyTables
) -> Iterator[Alignment]:
    """The candidates among some tries of one flip and nearly one scale and angle."""
    middle = tries[len(tries) // 2]
    dense = DensePlanes.around(middle, work)
    side = _WINDOW if len(tries) > 1 else _TURNED_WINDOW
    for strength in _strengths(long_side, max(middle.scaled) / CANONICAL_SIDE):
        search = OffsetSearch(dense, strength)
        for whole in tries:
            found = search.best(whole, tables, _window(search, whole, side))
            if found.score < _TRIED:
                continue
            yield from _climbed_to(found.moved(score=dense.score(found, tables)), dense, tables)


def _climbed_to(found: Alignment, dense: DensePlanes, tables: KeyTables) -> Iterator[Alignment]:
    """The candidate that climbing leads to from an alignment with its score of the whole, if it is one."""
    if found.score > _PROMISING:
        found = climbed(_strongest(found, dense, tables), dense, tables)
    if found.score > _THRESHOLD and min(found.blocks) > 2:
        yield found.moved(origin=tuple(at % tables.period for at in found.origin))


def _strongest(found: Alignment, dense: DensePlanes, tables: KeyTables) -> Alignment:
    """The alignment at the strength of the highest score: at strength 1 a stronger mark has weak maxima at
    wrong places."""
    if found.level.strength < 1:
        return found
    levels = (found.level._replace(strength=s) for s in STRENGTHS if s >= 1)
    tried = (found.moved(level=level) for level in levels)
    return max((a.moved(score=dense.score(a, tables)) for a in tried), key=lambda a: a.score)


def _window(search: OffsetSearch, whole: Alignment, side: int) -> tuple[int, int, int, int]:
    """Top, left, rows and cols in blocks of the window of `side` px in which most coefficients are in use."""
    rows, cols = whole.blocks[0] - 1, whole.blocks[1] - 1
    height, width = min(rows, side // 8), min(cols, side // 8)
    if (height, width) == (rows, cols):
        return 0, 0, rows, cols
    used = search.dense.expected(search.strength)[0].sum(2)
    weight = cv2.resize(used, (cols, rows), interpolation=cv2.INTER_AREA)
    total = cv2.integral(weight)
    inside = total[height:, width:] - total[:-height, width:]
    inside = inside - total[height:, :-width] + total[:-height, :-width]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(top), int(left), height, width


def climbed(best: Alignment, dense: DensePlanes, tables: KeyTables) -> Alignment:
    """Hill-climb the score of the whole over size (1 px), offset (.25 px) and angle (.05 degrees)."""
    for step in (2.0, 1.0, 0.5):
        while True:
            moved = [pivoted(best, *move) for move in _moves(best, step)]
            scored = [a.moved(score=dense.score(a, tables)) for a in moved]
            candidate = max(scored, key=lambda a: a.score)
            if candidate.score < best.score + 0.1:
                break
            best = candidate
    return _simplest(best, dense, tables)


def _simplest(best: Alignment, dense: DensePlanes, tables: KeyTables) -> Alignment:
    """The alignment without interpolation that is nearly as good, if there is one."""
    (height, width), (h, w) = best.oriented_size, best.scaled
    if max(abs(height - h), abs(width - w)) >= 3 or abs(best.angle) > 0.3:
        return best
    still = pivoted(best, height - h, width - w, 0.0, 0.0, -best.angle)
    whole = [float(np.rint(at)) - at for at in still.offset]
    near = [pivoted(still, 0, 0, whole[0] + y, whole[1] + x, 0.0) for y in (0, 1, -1) for x in (0, 1, -1)]
    simple = max((a.moved(score=dense.score(a, tables)) for a in near), key=lambda a: a.score)
    return simple if simple.score > _AS_GOOD * best.score else best


def _moves(best: Alignment, step: float) -> Iterator[tuple[int, int, float, float, float]]:
    """Changes of height, width, offset (y, x) and angle."""
    pixel = max(1, round(step))
    for down, across in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
        yield down * pixel, across * pixel, 0.0, 0.0, 0.0
    for down, across in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        yield 0, 0, down * step / 2, across * step / 2, 0.0
    for sign in (1, -1):
        yield 0, 0, 0.0, 0.0, sign * step * 0.1


def pivoted(
    alignment: Alignment, height: int, width: int, down: float, across: float, angle: float
) -> Alignment:
    """The alignment with its size, offset and angle changed about the centre of the picture.

    The offset stays within a block; the origin moves with it.
    """
    offset, origin = [], []
    for at, first, grown, shift in zip(
        alignment.offset, alignment.origin, (height, width), (down, across), strict=True
    ):
        place = at + shift + grown / 2
        blocks = int(place // 8)
        offset.append(place - 8 * blocks)
        origin.append(first - blocks)
    size = alignment.scaled[0] + height, alignment.scaled[1] + width
    return alignment.moved(
        scaled=size, offset=tuple(offset), origin=tuple(origin), angle=alignment.angle + angle
    )
