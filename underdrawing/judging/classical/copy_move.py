"""Parts of a picture that occur twice in it: one may have been copied over something.

    keypoints (SIFT) --> each with its nearest other one, if that is much nearer than the second
    --> affine map that most of these pairs agree on (RANSAC) --> picture warped by it
    --> where both correlate, around the pairs: the part and its copy

The ratio to the second neighbour (Lowe 2004) leaves out what occurs many times, such as bricks and letters.
Mirrored copies, and flat ones without keypoints, are not found.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import Evidence, to_pixels
from underdrawing.judging.classical.view import View

_LONG_SIDE_PX = 640
"""Of the picture that is searched."""
_KEYPOINTS = 1200
_RATIO, _MOST_DISTANCE = 0.6, 0.35
"""Nearest over second nearest distance of unit descriptors, and the former itself; Lowe 2004 has 0.8."""
_APART_PX = 24.0
"""Between a part and its copy, in the searched picture: nearer keypoints are of the same object."""
_LEAST_PAIRS = 8
_OFF_PX = 2.0
_SCALES = (0.33, 3.0)
"""Linear scale of the copy."""
_CORRELATION, _LEAST_SPREAD = 0.9, 3.0
"""Of 9x9 px, and their standard deviation in levels, where both parts count as equal."""
_LEAST_SHARE = 0.001
"""Of the picture that is covered by the part."""
_INNOCENT = (
    "Products of one kind, printed patterns, windows of a facade and reflections can be as equal as copies."
)
_ABSENT = (
    "This proves nothing: mirrored copies, smooth ones and parts of other pictures are not found in this way."
)


def copy_move(view: View) -> Evidence:
    """Evidence of parts that occur twice. Score: pairs of keypoints that the affine map explains."""
    scale = min(1.0, _LONG_SIDE_PX / max(view.plane.shape))
    size = tuple(max(round(side * scale), 1) for side in view.plane.shape[::-1])
    small = cv2.resize(view.plane, size, interpolation=cv2.INTER_AREA)
    first, second = _pairs(small)
    nothing = Evidence(False, "No part of the picture was found a second time in it.", _ABSENT, 0.0)
    if len(first) < _LEAST_PAIRS:
        return nothing
    affine, inliers = cv2.estimateAffine2D(first, second, ransacReprojThreshold=_OFF_PX, maxIters=2000)
    if affine is None or not _plausible(affine, first, second, inliers[:, 0] > 0):
        return nothing
    kept = inliers[:, 0] > 0
    part = _equal(small, affine, first[kept])
    share = float(part.mean())
    if share < _LEAST_SHARE:
        return nothing
    moved = float(np.linalg.norm((second - first)[kept].mean(0))) / scale
    copy = cv2.warpAffine(part, affine, small.shape[::-1])
    text = (
        f"A part ({100 * share:.1f} % of the picture) occurs twice, {moved:.0f} px apart: "
        f"{int(kept.sum())} pairs of points agree on one movement, and the pixels correlate."
    )
    return Evidence(
        True, text, _INNOCENT, float(kept.sum()), to_pixels(np.maximum(part, copy), view.plane.shape)
    )


def _pairs(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) float32 places (x, y) of keypoints, and of the one that each resembles."""
    levels = np.clip(plane, 0, 255).astype(np.uint8)
    sift = cv2.SIFT_create(_KEYPOINTS)  # type: ignore[attr-defined]
    keypoints, descriptors = sift.detectAndCompute(levels, None)
    none = np.zeros((0, 2), np.float32)
    if len(keypoints) < 2 * _LEAST_PAIRS:
        return none, none
    places = np.array([point.pt for point in keypoints], np.float32)
    unit = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-6)
    cosine = unit @ unit.T
    apart = np.abs(places[:, None] - places[None]).max(2)
    cosine[apart < _APART_PX] = -1
    nearest = cosine.argmax(1)
    rows = np.arange(len(places))
    best = cosine[rows, nearest]
    cosine[apart[nearest] < _OFF_PX] = -1  # other orientations at the place of the nearest
    second = cosine.max(1)
    distance, next_one = (np.sqrt(np.maximum(2 - 2 * value, 0)) for value in (best, second))
    chosen = (distance < _MOST_DISTANCE) & (distance < _RATIO * next_one)
    return places[chosen], places[nearest[chosen]]


def _plausible(affine: np.ndarray, first: np.ndarray, second: np.ndarray, kept: np.ndarray) -> bool:
    """Whether an affine map is that of a copy: enough pairs that are not on a line, moved, not squeezed."""
    if kept.sum() < _LEAST_PAIRS:
        return False
    scales = np.linalg.svd(affine[:, :2], compute_uv=False)
    narrow = np.linalg.svd(first[kept] - first[kept].mean(0), compute_uv=False)[-1] / np.sqrt(kept.sum())
    moved = np.linalg.norm((second - first)[kept].mean(0))
    return bool(_SCALES[0] < scales[1] and scales[0] < _SCALES[1] and narrow > _OFF_PX and moved > _APART_PX)


def _equal(plane: np.ndarray, affine: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(h, w) float32, 1 in regions around the places that correlate with the plane after the affine map."""
    warped = cv2.warpAffine(plane, affine, plane.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    means = [cv2.blur(part, (9, 9)) for part in (plane, warped)]
    spreads = [
        np.sqrt(np.maximum(cv2.blur(part * part, (9, 9)) - mean * mean, 0))
        for part, mean in zip((plane, warped), means, strict=True)
    ]
    covariance = cv2.blur(plane * warped, (9, 9)) - means[0] * means[1]
    equal = covariance > _CORRELATION * spreads[0] * spreads[1]
    equal &= np.minimum(*spreads) > _LEAST_SPREAD
    closed = cv2.morphologyEx(equal.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    _, labels = cv2.connectedComponents(closed, connectivity=4)
    columns, rows = np.rint(places).astype(int).T
    height, width = plane.shape
    around = np.unique(labels[rows.clip(0, height - 1), columns.clip(0, width - 1)])
    return np.isin(labels, around[around > 0]).astype(np.float32)
