"""Weak labels of a manipulated picture, derived from its mask as an annotator would draw them.

Boxes are loose, and regions that lie close together share one; strokes lie inside the classes, near their
medial axes. Errors of people are not modelled: but specks, no region is overlooked, no stroke is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from underdrawing.data.manipulated_set import IGNORED

Box = tuple[int, int, int, int]
"""x, y, width, height in px; inside the picture."""
_NEAR = 0.04
"""Regions nearer than twice this share of the short side get one box."""
_SPECK = 0.0004
"""Regions with a smaller share of the picture get no box, unless there are no others; 6 x 6 of 320 px."""
_MARGIN, _MARGIN_DEVIATION, _LEAST_MARGIN = 0.035, 0.03, -0.01
"""Distances of the edges of a loose box from the region, in sides of the region: an IoU of .88 with the tight
box, about the agreement of two people (Papadopoulos et al., Extreme clicking, 2017)."""
_STROKE = 1 / 100  # width of a stroke in short sides: 3 px at 320
_STEP = 4.0  # px between points of a stroke
_TURN = 0.5  # most turn at a point of a stroke, rad
_MOST_REGIONS = 4  # with strokes of their own, largest first


def tight_boxes(mask: np.ndarray) -> list[Box]:
    """Boxes that enclose the manipulated regions of a label map (H, W), largest region first."""
    manipulated = (mask == 1).astype(np.uint8)
    reach = max(1, round(_NEAR * min(mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    _, groups = cv2.connectedComponents(cv2.dilate(manipulated, disc))
    sizes = np.bincount(groups[manipulated == 1], minlength=groups.max() + 1)
    order = [int(group) for group in np.argsort(-sizes, kind="stable") if sizes[group]]
    large = [group for group in order if sizes[group] >= _SPECK * mask.size] or order[:1]
    return [cv2.boundingRect(((groups == group) & (manipulated == 1)).astype(np.uint8)) for group in large]


def boxes(mask: np.ndarray, rng: np.random.Generator) -> list[Box]:
    """Boxes around the manipulated regions of a label map (H, W), as loose as people draw them."""
    height, width = mask.shape
    found = []
    for x, y, w, h in tight_boxes(mask):
        margins = np.maximum(rng.normal(_MARGIN, _MARGIN_DEVIATION, 4), _LEAST_MARGIN)
        left, top, right, bottom = margins * (w, h, w, h)
        x0, y0 = max(0, round(x - left)), max(0, round(y - top))
        x1, y1 = min(width, round(x + w + right)), min(height, round(y + h + bottom))
        found.append((x0, y0, x1 - x0, y1 - y0))
    return found


def box_map(shape: tuple[int, int], found: list[Box] | list[list[int]]) -> np.ndarray:
    """(H, W) bool: inside one of the boxes."""
    inside = np.zeros(shape, bool)
    for x, y, w, h in found:
        inside[y : y + h, x : x + w] = True
    return inside


def scribbles(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) uint8 label map of strokes for a label map (H, W): one or two for each manipulated region, one
    beside them and one to three elsewhere; IGNORED where nothing is drawn."""
    drawn = np.full(mask.shape, IGNORED, np.uint8)
    width = max(1, round(_STROKE * min(mask.shape)))
    for label, strokes in ((0, _around(mask, rng)), (1, _inside(mask, rng))):
        for points in strokes:
            fixed = np.rint(points).astype(np.int32)
            cv2.polylines(drawn, [fixed[:, None]], isClosed=False, color=label, thickness=width)
            drawn[fixed[:, 1], fixed[:, 0]] = label  # polylines leaves out a stroke of one point
    drawn[drawn != mask] = IGNORED
    return drawn


def _inside(mask: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Strokes along the manipulated regions."""
    _, regions, stats, _ = cv2.connectedComponentsWithStats((mask == 1).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    for region in 1 + np.argsort(-areas, kind="stable")[:_MOST_REGIONS]:
        depth = _depth(regions == region)
        yield _stroke(depth, np.unravel_index(np.argmax(depth), depth.shape), rng)
        if areas[region - 1] > 0.05 * mask.size:
            yield _stroke(depth, _drawn(depth**2, rng), rng)


def _around(mask: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Strokes in what is authentic: one near the manipulated regions, some anywhere."""
    authentic = mask == 0
    if not authentic.any():
        return
    depth = _depth(authentic)
    near = cv2.distanceTransform((mask != 1).astype(np.uint8), cv2.DIST_L2, 5)
    beside = depth * (near < 0.12 * min(mask.shape))
    yield _stroke(depth, _drawn(beside if beside.any() else depth, rng), rng)
    for _ in range(rng.integers(1, 4)):
        yield _stroke(depth, _drawn(depth**2, rng), rng)


def _depth(region: np.ndarray) -> np.ndarray:
    """(H, W) float32 distance to the border of a region, or of the picture, px; 0 outside."""
    padded = np.pad(region.astype(np.uint8), 1)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]


def _drawn(weights: np.ndarray, rng: np.random.Generator) -> tuple[np.intp, ...]:
    """(row, column) drawn in proportion to weights (H, W)."""
    total = np.cumsum(weights, dtype=np.float64)
    return np.unravel_index(np.searchsorted(total, rng.uniform(0, total[-1]), "right"), weights.shape)


def _stroke(depth: np.ndarray, start: tuple[np.intp, ...], rng: np.random.Generator) -> np.ndarray:
    """Points (n, 2) x, y of a stroke through a point (row, column), towards both sides of it."""
    origin = np.array(start[::-1], np.float64)
    length = rng.uniform(0.25, 0.6) * min(depth.shape)
    angles = rng.uniform(0, np.pi) + np.pi * np.arange(8) / 8
    lines = [_depth_at(depth, origin + side * 3 * _STEP * _unit(angles)) for side in (-1, 1)]
    angle = angles[np.argmax(np.minimum(*lines))]
    back, forth = (_walk(depth, origin, turned, length / 2, rng) for turned in (angle + np.pi, angle))
    return np.array([*back[::-1], origin, *forth])


def _walk(
    depth: np.ndarray, origin: np.ndarray, angle: float, length: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Points of a half of a stroke: each step turns a little, towards the deeper side; ends near a border."""
    points, at = [], origin
    deepest, turns = float(depth.max()), np.linspace(-_TURN, _TURN, 7)
    for _ in range(int(length / _STEP)):
        ahead = at + _STEP * _unit(angle + turns)
        found = _depth_at(depth, ahead)
        score = 4 * found / deepest - np.abs(turns) / _TURN + rng.normal(0, 0.2, len(turns))
        best = int(np.argmax(np.where(found >= 2, score, -np.inf)))
        if found[best] < 2:
            break
        at, angle = ahead[best], angle + turns[best]
        points.append(at)
    return points


def _unit(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def _depth_at(depth: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Depth at the pixels of points (n, 2) x, y; 0 outside of the picture."""
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < depth.shape[1]) & (y < depth.shape[0])
    return np.where(inside, depth[np.where(inside, y, 0), np.where(inside, x, 0)], 0.0)
