"""Which flagged areas are borne out: by the evidence of their blocks, or by what the hidden code tells."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.core.types import ALTERED_PROBABILITY
from underdrawing.ops.color import luma

_CONTRADICTION = -2.0  # log-likelihood ratio from which a block contradicts what was written there
_LEAST_SHARE = 0.15  # of an area's blocks, and those beside it, that have to contradict
_VOID = 0.35  # clipped share from which an area holds no mark
_FAR, _FAR_LEVELS = 2.5, 30.0  # times the usual gap, and levels, that mean another content
_NEAR = 0.95  # times the usual gap, under which an area shows what the code tells
_GRAINY = (
    1.45  # times the change from pixel to pixel that the code's own picture has; a blur leaves 1.2 or less
)
_MOSTLY = 0.9  # part of the frame flagged, from which nothing is left to say what is usual
_WHITE = 253  # levels of the brightest channel
_LEAST_AREA_BLOCKS = 2.0  # a flagged area smaller than this is no alteration but an error of the reader
_LEAST_REACH_PX = 3.0  # from an area's middle to its border: what is thinner is the frame's rim, or an edge


def drop_unsupported_regions(
    probability: np.ndarray,
    evidence: np.ndarray,
    clipped: np.ndarray,
    gap: np.ndarray | None = None,
    grain: np.ndarray | None = None,
) -> np.ndarray:
    """The probability (8 r, 8 c), taken below the threshold in flagged areas that are no alteration.

    An area counts only if it is of two blocks or more, and no mere line. One that is cut off at black or
    white (`clipped`, share of a block) has lost the mark that could be missing: it has to be far from what
    the signed content tells (`gap`, (8 r, 8 c) levels). Where no content was read, some of its blocks or of
    those beside it have to contradict what was written (`evidence`, (r, c) log-likelihood ratios "untouched
    over altered"). An area nearer to the content than untouched places usually are shows what it showed,
    unless it lost its grain (`grain`, see gradients), as under a blur.
    """
    flagged = (probability > ALTERED_PROBABILITY).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(flagged, connectivity=8)
    result = probability.astype(np.float32, copy=True)
    for area in range(1, count):
        here = labels == area
        blocks = cv2.resize(here.astype(np.float32), evidence.shape[::-1], interpolation=cv2.INTER_AREA) > 0
        near = cv2.dilate(blocks.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        if gap is None:
            borne_out = (evidence[near] < _CONTRADICTION).mean() >= _LEAST_SHARE
        else:
            borne_out = _is_far(gap, here, flagged)
        void = clipped[blocks].mean() > _VOID and not borne_out
        shown = False
        if gap is not None and grain is not None:
            seen, code = grain[:, here].mean(1)
            shown = _times_usual(gap, here, flagged) < _NEAR and seen > _GRAINY * code
        thin = cv2.distanceTransform(np.pad(here, 1).astype(np.uint8), cv2.DIST_L2, 5).max() < _LEAST_REACH_PX
        if shown or void or thin or stats[area, cv2.CC_STAT_AREA] < _LEAST_AREA_BLOCKS * 64:
            result[here] = np.minimum(result[here], 0.49)
    return result


def abs_error(image: np.ndarray, told: np.ndarray) -> np.ndarray:
    """(H, W) float32 levels between the picture and its signed content, mean of the channels."""
    return np.abs(image.astype(np.float32) - told).mean(2)


def _is_far(gap: np.ndarray | None, here: np.ndarray, flagged: np.ndarray) -> bool:
    """Whether an area is farther from the signed content than the places that are not flagged usually are."""
    if gap is None or flagged.mean() > _MOSTLY:
        return False
    far = float(np.median(gap[here])) > _FAR_LEVELS
    return far and _times_usual(gap, here, flagged) > _FAR


def gradients(image: np.ndarray, told: np.ndarray) -> np.ndarray:
    """(2, H, W) float32: how much the picture (H, W, 3) and its code's picture change from pixel to pixel."""
    grays = (picture.astype(np.float32).mean(2) for picture in (image, told))
    return np.stack([cv2.magnitude(cv2.Sobel(g, -1, 1, 0), cv2.Sobel(g, -1, 0, 1)) for g in grays])


def _times_usual(gap: np.ndarray, here: np.ndarray, flagged: np.ndarray) -> float:
    """An area's gap as a multiple of that of places not flagged; infinite where few of these are left."""
    if flagged.mean() > _MOSTLY:
        return np.inf
    return float(np.median(gap[here])) / max(float(np.median(gap[flagged == 0])), 1e-3)


def extreme(image: np.ndarray) -> np.ndarray:
    """(H, W) float32: the brightest channel of a pixel where that is cut off at white, else the luma."""
    brightest = image.max(2).astype(np.float32)
    return np.where(brightest > _WHITE, brightest, luma(image))
