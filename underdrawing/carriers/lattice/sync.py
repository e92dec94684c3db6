"""Synchronization without a pilot: candidate alignments from the lattice itself.

At the correct offset and scale the angles 2 theta of the coefficients agree with the dither of the key. Over
all block positions of a tile this is a cross-correlation of two fields of unit phasors: one small FFT per
pixel offset gives pixel offset and origin in the tile. Candidates come in order of probability, with a score
in standard deviations of chance; the caller stops at the first whose base layer passes its checksum.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise, product

import cv2
import numpy as np

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.alignment_score import best_offset, score_alignment
from underdrawing.carriers.lattice.dense import DensePlanes, Texture, likely_density
from underdrawing.carriers.lattice.equalize import sharpen
from underdrawing.carriers.lattice.grid import Alignment, grid_size, resize
from underdrawing.carriers.lattice.parameters import (
    CANONICAL_SIDE,
    STRENGTHS,
    EmbeddingLevel,
    KeyTables,
    default_strength_for_size,
    nearest_strength,
)

_WINDOW = 384  # grid px used by a search over offsets
_FEW_WINDOW = 256  # the same where offsets and scales are searched together
THRESHOLD = 5.6
"""Least score of a candidate of a wide search."""
_KNOWN_THRESHOLD = 3.0  # the same where place and scale are given
_SCALES = (0.38, 2.6)
_USUAL_FACTORS = 1 / np.array([0.8, 0.75, 0.5, 0.7, 0.6, 0.9, 2, 1.25, 1.5])  # common resize factors
_USUAL_THRESHOLD = 4.5  # lower, because few scales are tried
_SAME_FILTER = 0.045  # range of the log scale that one filtered picture serves
_SAME_TEXTURE = 4  # such ranges that one measurement of the texture serves
_CORNER, _MARGIN = 384, 1.05  # grid px in which sizes of a whole picture are compared
_MOST_SIZES = 8  # of a whole picture that are compared on all of it
_NO_SHIFT = ((0.0, 0.0),)
_HALF_SHIFTS = tuple((y, x) for y in (0.0, 0.5) for x in (0.0, 0.5))
_LEAST_PART, _PART_STEP = 0.68, 0.004  # of the long side of a large picture; in log scale
_SHRUNK = 0.8  # a large picture may have been shrunk by about so much before it was cut
_ANGLES = tuple(a for k in range(1, 14) for a in (0.25 * k, -0.25 * k))


def _window(plane: np.ndarray, side: int, place: tuple[float, float]) -> tuple[np.ndarray, int, int]:
    """At most side x side px of a plane, and their start (y, x); place: (y, x) in 0..1, .5 the middle."""
    y, x = (int(max(0, have - side) * at) for have, at in zip(plane.shape, place, strict=True))
    return plane[y : y + side, x : x + side], y, x


def _presharpened(plane: np.ndarray, factor: float) -> np.ndarray:
    """Sharpen a plane that will be enlarged by `factor`, by the blur measured for bicubic shrinking."""
    blur = min(1.0, 1.25 * (1 - 1 / factor)) if factor > 1.05 else 0.0
    return sharpen(plane, blur) if blur else np.ascontiguousarray(plane)


def align_offset(
    whole: Alignment,
    plane: np.ndarray,
    tables: KeyTables,
    side: int,
    shift: tuple[float, float] = (0.0, 0.0),
    place: tuple[float, float] = (0.5, 0.5),
) -> Alignment:
    """The alignment of highest score over all pixel offsets, for one scale, angle and flip.

    plane: the received luma, already rotated and resized. shift: (y, x), fraction of a pixel added to every
    offset. place: see _window.
    """
    window, y, x = _window(plane, side, place)
    if any(shift):
        matrix = np.array([[1, 0, shift[1]], [0, 1, shift[0]]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        window = cv2.warpAffine(
            window, matrix, window.shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT
        )
    window = _presharpened(window, whole.scaled[0] / whole.height)
    score, (dy, dx), origin = best_offset(window, tables, whole.level.strength)
    # from the first block of the window to the first block of the picture
    top, left = y + dy, x + dx
    first = (origin[0] - top // 8) % tables.period, (origin[1] - left // 8) % tables.period
    offset = float(top % 8) + shift[0], float(left % 8) + shift[1]
    return whole.moved(offset=offset, origin=first, score=score)


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
            # noise can hide the agreement although the code of the base layer is still decodable
            likely = likely_strengths(max(received.shape))
            yield from (a for a in found if a not in clear and a.level.strength in likely)
    for size in sizes:
        yield from _reoriented(Alignment(*received.shape, size), received, tables)


def unchanged(received: np.ndarray, tables: KeyTables) -> Iterator[Alignment]:
    """Whole pictures at their own size and upright, with a clear score: milliseconds without a mark."""
    whole = Alignment(*received.shape, grid_size(*received.shape))
    plane = whole.sample(received)
    found = [score_alignment(whole, plane, tables, s) for s in STRENGTHS]
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


def candidates(received: np.ndarray, tables: KeyTables) -> Iterator[Alignment]:
    """Candidates for cropped, resized, mirrored and rotated pictures, the most probable first.

    All searches run at the size of the grid: a picture of many megapixels is shrunk once.
    """
    long_side = max(received.shape)
    strengths = likely_strengths(long_side)
    work = resize(received, grid_size(*received.shape))
    searches = (_cropped, _resized_and_cropped, _turned)
    if long_side > CANONICAL_SIDE:  # parts of a large picture are enlarged on the grid
        searches = (partial(_cropped_from_larger, long_side=long_side), _turned)
    for search in searches:
        for candidate in search(work, tables, strengths):
            best = refined(candidate, work, tables)
            yield best.moved(height=received.shape[0], width=received.shape[1])


def _cropped(work: np.ndarray, tables: KeyTables, strengths: tuple[float, ...]) -> Iterator[Alignment]:
    """Crops at the scale of the grid."""
    others = tuple(s for s in STRENGTHS if s not in strengths)
    yield from _over_strengths(work, tables, Alignment(*work.shape, work.shape), strengths + others)


def _turned(work: np.ndarray, tables: KeyTables, strengths: tuple[float, ...]) -> Iterator[Alignment]:
    """Mirrored pictures and crops, and rotations by up to 3.25 degrees, at the scale of the grid."""
    whole = Alignment(*work.shape, work.shape)
    for mirrored, upside_down in ((True, False), (True, True), (False, True)):
        flipped = whole.moved(mirrored=mirrored, upside_down=upside_down)
        yield from _over_strengths(work, tables, flipped, strengths)
    found = [
        a for angle in _ANGLES for a in _over_strengths(work, tables, whole.moved(angle=angle), strengths[:1])
    ]
    yield from sorted(found, key=lambda a: -a.score)[:3]


def _over_strengths(
    work: np.ndarray, tables: KeyTables, whole: Alignment, strengths: tuple[float, ...]
) -> Iterator[Alignment]:
    plane = resize(whole.oriented(work), whole.scaled)
    found = [align_offset(whole.moved(level=EmbeddingLevel(s)), plane, tables, _WINDOW) for s in strengths]
    clear = (a for a in found if a.score > THRESHOLD and min(a.blocks) > 2)
    yield from sorted(clear, key=lambda a: -a.score)


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


def _resized_and_cropped(
    work: np.ndarray, tables: KeyTables, strengths: tuple[float, ...]
) -> Iterator[Alignment]:
    """Crops at an unknown scale, common scales first; stops at a clear score."""
    grid = np.exp(np.arange(np.log(_SCALES[0]), np.log(_SCALES[1]), 0.0045))
    order = grid[np.argsort(np.abs(np.log(grid)), kind="stable")]
    plan = ((_USUAL_FACTORS, _HALF_SHIFTS, _USUAL_THRESHOLD, 12), (order, _NO_SHIFT, THRESHOLD, 3))
    for factors, shifts, threshold, most in plan:
        found = []
        for whole in _at_scales(work, factors, strengths[0]):
            plane = resize(work, whole.scaled)
            tried = [align_offset(whole, plane, tables, _FEW_WINDOW, shift) for shift in shifts]
            found += [a for a in tried if a.score > threshold]
            if tried[0].score > 1.6 * THRESHOLD:
                break
        yield from sorted(found, key=lambda a: -a.score)[:most]


def _cropped_from_larger(
    work: np.ndarray, tables: KeyTables, strengths: tuple[float, ...], long_side: int
) -> Iterator[Alignment]:
    """Crops of pictures larger than the grid: the smaller the crop, the fewer grid pixels it has."""
    found, place = [], _promising(work, _WINDOW, strengths[0])
    for factor in np.exp(np.arange(0, np.log(_LEAST_PART), -_PART_STEP)):
        originals = (long_side / factor, long_side / factor / _SHRUNK)
        for strength in dict.fromkeys(
            nearest_strength(default_strength_for_size(side)) for side in originals
        ):
            for whole in _at_scales(work, np.array([factor]), strength):
                plane = resize(work, whole.scaled)
                tried = [align_offset(whole, plane, tables, _WINDOW, shift, place) for shift in _HALF_SHIFTS]
                found += [a for a in tried if a.score > THRESHOLD - 0.4]
        if any(a.score > 1.5 * THRESHOLD for a in found):
            break
    yield from sorted(found, key=lambda a: -a.score)[:8]


def _promising(work: np.ndarray, side: int, strength: float) -> tuple[float, float]:
    """(y, x) in 0..1 of the window of `side` px with the largest expected density."""
    rows, cols = work.shape[0] // 8, work.shape[1] // 8
    density = likely_density(activity(work[: 8 * rows, : 8 * cols]), strength)[..., 0]
    total = np.pad(density.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def within(place: tuple[float, float]) -> float:
        (y, x), n = (
            (int(max(0, m - side // 8) * at) for m, at in zip((rows, cols), place, strict=True)),
            side // 8,
        )
        top, left, bottom, right = y, x, min(y + n, rows), min(x + n, cols)
        return float(total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left])

    steps = (0.5, 0.25, 0.75, 0.0, 1.0)
    return max(((y, x) for y in steps for x in steps), key=within)


def _at_scales(work: np.ndarray, factors: np.ndarray, strength: float) -> Iterator[Alignment]:
    height, width = work.shape
    for factor in factors:
        whole = Alignment(height, width, _scaled(height, width, factor), level=EmbeddingLevel(strength))
        if min(whole.scaled) >= 72 and max(whole.scaled) <= 2 * CANONICAL_SIDE:
            yield whole


def _scaled(height: int, width: int, factor: float) -> tuple[int, int]:
    return max(8, round(height * factor)), max(8, round(width * factor))


def refined(alignment: Alignment, received: np.ndarray, tables: KeyTables) -> Alignment:
    """Hill-climb the score from a candidate, over size (1 px), offset (.25 px) and angle (.05 degrees)."""

    def scored(candidate: Alignment) -> Alignment:
        return score_alignment(candidate, candidate.sample(received), tables, candidate.level.strength)

    best = scored(alignment)
    for step in (2, 1, 0.5):
        while True:
            candidate = max((scored(best.moved(**m)) for m in _moves(best, step)), key=lambda a: a.score)
            if candidate.score < best.score + 0.1:
                break
            best = candidate
    return best


def _moves(best: Alignment, step: float) -> Iterator[dict]:
    (h, w), (y, x), pixel = best.scaled, best.offset, max(1, round(step))
    for a, b in ((1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
        yield {"scaled": (h + a * pixel, w + b * pixel)}
    for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        if y + a * step / 2 >= 0 and x + b * step / 2 >= 0:
            yield {"offset": (y + a * step / 2, x + b * step / 2)}
    if best.angle:
        yield from ({"angle": best.angle + a * step * 0.1} for a in (1, -1))
