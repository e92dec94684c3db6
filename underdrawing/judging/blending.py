"""Recovery region of a received picture, and blending of recovered pixels into it."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.core.types import ALTERED_PROBABILITY

_SUSPECT = 0.1  # probability from which a pixel connected to an altered one is recovered too
_RIM_PX = 5  # recovered around these
_INPAINT_RADIUS_PX = 5


def recovery_region(probability: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 1 where the picture is recovered, from the probability that a pixel was altered.

    Includes a rim: a remaining pixel of the edit is far worse than an unaltered pixel of lower resolution.
    """
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM_PX + 1,) * 2)
    return cv2.dilate(_connected(probability > ALTERED_PROBABILITY, probability > _SUSPECT), rim)


def inpainted(image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 with the hidden region filled from its surroundings (Telea 2004)."""
    return cv2.inpaint(image, hidden.astype(np.uint8), _INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)


def _connected(altered: np.ndarray, suspect: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the suspect regions that contain an altered pixel."""
    _, labels = cv2.connectedComponents(suspect.astype(np.uint8), connectivity=8)
    return (np.isin(labels, np.unique(labels[altered])) & suspect).astype(np.uint8)


def blend(received: np.ndarray, recovered: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Recovered (H, W, 3) float inside the region (H, W) bool, received uint8 elsewhere: uint8.

    The border of the region is cross-faded, to avoid a visible seam.
    """
    inner = cv2.erode(region.astype(np.float32), np.ones((3, 3), np.uint8))
    share = cv2.GaussianBlur(inner, (0, 0), 1.0)[..., None] * region[..., None]
    return np.rint(received + share * (recovered - received)).astype(np.uint8)


def spread(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Extrapolate values (h, w, c), known where weight (h, w) is 1 and 0 elsewhere, into the unknown part.

    A pyramid of normalized averages; values decay far from known pixels, where they are not reliable.
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


def match_surroundings(image: np.ndarray, content: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Content (h, w, 3) plus its difference from the image outside `hidden` (h, w) bool, spread into it."""
    known = (~hidden).astype(np.float32)
    difference = (image.astype(np.float32) - content) * known[..., None]
    return content + spread(difference, known)
