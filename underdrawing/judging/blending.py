"""Where a picture is written anew, and how what is written joins what is left."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.core.types import ALTERED_PROBABILITY

_SUSPECT = 0.1  # probability from which it is written anew beside an altered one
_RIM_PX = 5  # of the grid around these that are written anew too
_REACH_PX = 5  # that inpainting looks around a pixel


def recovery_region(probability: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 1 where a picture is to be written anew, from the probability that a pixel was altered.

    A rim around the mask belongs to it: a pixel of the edit that stays is far worse than an untouched one
    that is told a little softer.
    """
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM_PX + 1,) * 2)
    return cv2.dilate(_beside(probability > ALTERED_PROBABILITY, probability > _SUSPECT), rim)


def inpainted(image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 with the hidden places filled in from around them: a guess (Telea 2004)."""
    return cv2.inpaint(image, hidden.astype(np.uint8), _REACH_PX, cv2.INPAINT_TELEA)


def _beside(altered: np.ndarray, suspect: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the suspect areas that an altered pixel lies in."""
    _, labels = cv2.connectedComponents(suspect.astype(np.uint8), connectivity=8)
    return (np.isin(labels, np.unique(labels[altered])) & suspect).astype(np.uint8)


def blend(received: np.ndarray, written: np.ndarray, region: np.ndarray) -> np.ndarray:
    """What is written (H, W, 3) float inside the region (H, W) bool, the received uint8 elsewhere: uint8.

    The outermost pixels fade into the picture, so that no seam is seen.
    """
    inner = cv2.erode(region.astype(np.float32), np.ones((3, 3), np.uint8))
    share = cv2.GaussianBlur(inner, (0, 0), 1.0)[..., None] * region[..., None]
    return np.rint(received + share * (written - received)).astype(np.uint8)


def spread(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values (h, w, c) known where weight (h, w) is 1 (and 0 elsewhere), carried into the rest.

    A pyramid of normalized averages; far from anything known they fade, since a difference says little there.
    """
    levels = [(values, weight)]
    while min(levels[-1][1].shape) > 2:
        v, w = levels[-1]
        levels.append((cv2.pyrDown(v), cv2.pyrDown(w)))
    v, w = levels[-1]
    result = v / np.maximum(w, 1e-2)[..., None]
    for depth, (v, w) in reversed(list(enumerate(levels[:-1]))):
        above = cv2.resize(result, (w.shape[1], w.shape[0]), interpolation=cv2.INTER_LINEAR)
        fade = np.float32(1.0 if depth < 4 else 0.6)
        result = v + above * ((1 - w) * fade)[..., None]
    return result
