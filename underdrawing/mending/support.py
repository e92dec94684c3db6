"""Which flagged areas are borne out: by the evidence of their blocks, or by what the hidden code tells."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.ops.color import luma

_CONTRADICTION = -2.0  # log-likelihood ratio from which a block contradicts what was written there
_LEAST_SHARE = 0.15  # of an area's blocks, and those beside it, that have to contradict
_VOID = 0.35  # clipped share from which an area holds no mark
_FAR, _FAR_LEVELS = 2.5, 30.0  # times the usual gap, and levels, that mean another content
_WHITE = 253  # levels of the brightest channel
_LEAST_AREA_BLOCKS = 2.0  # a flagged area smaller than this is no alteration but an error of the reader


def supported(
    probability: np.ndarray, evidence: np.ndarray, clipped: np.ndarray, gap: np.ndarray | None = None
) -> np.ndarray:
    """The probability (8 r, 8 c), taken below the threshold in flagged areas that are no alteration.

    An area counts only if it is of two blocks or more. One that is cut off at black or white (`clipped`,
    share of a block) has lost the mark that could be missing: it has to be far from what the signed content
    tells (`gap`, (8 r, 8 c) levels). Where no content was read, some of its blocks or of those beside it have
    to contradict what was written (`evidence`, (r, c) log-likelihood ratios "untouched over altered").
    """
    flagged = (probability > 0.5).astype(np.uint8)
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
        if void or stats[area, cv2.CC_STAT_AREA] < _LEAST_AREA_BLOCKS * 64:
            result[here] = np.minimum(result[here], 0.49)
    return result


def gap_levels(image: np.ndarray, told: np.ndarray) -> np.ndarray:
    """(H, W) float32 levels between the picture and its signed content, mean of the channels."""
    return np.abs(image.astype(np.float32) - told).mean(2)


def _is_far(gap: np.ndarray | None, here: np.ndarray, flagged: np.ndarray) -> bool:
    """Whether an area is farther from the signed content than the places that are not flagged usually are."""
    if gap is None or flagged.mean() > 0.9:
        return False
    usual = float(np.median(gap[flagged == 0]))
    return float(np.median(gap[here])) > max(_FAR_LEVELS, _FAR * usual)


def extreme(image: np.ndarray) -> np.ndarray:
    """(H, W) float32: the brightest channel of a pixel where that is cut off at white, else the luma."""
    brightest = image.max(2).astype(np.float32)
    return np.where(brightest > _WHITE, brightest, luma(image))
