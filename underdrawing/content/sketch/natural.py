"""The natural recovery: the faithful one with detail from the untouched surroundings.

    outside:  patches of the sketch, and what the sketch lacks there (received - sketch, without its tone)
    inside:   patch of the sketch -> the nearest patch outside -> its detail, laid over the faithful picture

After image analogies (Hertzmann et al., SIGGRAPH 2001): the code of the whole picture is known, so the
surroundings show what places lack that look alike in the code. Water gets waves and grass gets blades; they
are those of another place, and nobody recorded that they were here. Where nothing outside looks alike, little
is added.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.content.sketch.fusion import ALTERED, Fusion

_PATCH, _STRIDE, _OUTSIDE_STRIDE = 16, 8, 4  # px
_COARSE = 4  # px of a patch that are one sample of its description
_TONE_PX = 6.0  # standard deviation, above which a difference from the sketch is tone and no detail
_RIM_PX = 5  # around altered places, not used
_FAR_LEVELS = 8.0  # root mean square difference of descriptions by which the detail falls to 1/e
_MOST_PATCHES = 20_000  # outside, spread evenly
_ROWS = 1024  # patches inside that are compared at a time


class Natural:
    """Draws altered places; loads the fusion at its first use."""

    def __init__(self, fusion: Fusion | None = None):
        self._fusion = fusion or Fusion()

    def recover(
        self, image: np.ndarray, probability: np.ndarray, sketch: np.ndarray, density: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As Fusion.recover; the confidence of altered places is 0, since nobody recorded their detail."""
        faithful, confidence = self._fusion.recover(image, probability, sketch, density)
        altered = probability > ALTERED
        detail = _detail(image, altered, sketch)
        drawn = np.clip(np.rint(faithful + detail), 0, 255).astype(np.uint8)
        return np.where(altered[..., None], drawn, faithful), np.where(altered, np.float32(0), confidence)


def _detail(image: np.ndarray, altered: np.ndarray, sketch: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32 levels for the altered places; zeros where nothing outside can be compared."""
    known = cv2.dilate(altered.astype(np.uint8), np.ones((2 * _RIM_PX + 1,) * 2, np.uint8)) == 0
    lacking = _without_tone(image.astype(np.float32) - sketch, known)
    whole = cv2.boxFilter(known.astype(np.float32), -1, (_PATCH, _PATCH), anchor=(0, 0)) > 1 - 1e-4
    outside = _corners(whole, _OUTSIDE_STRIDE)
    outside = outside[:: max(1, -(-len(outside) // _MOST_PATCHES))]
    touched = cv2.dilate(altered.astype(np.uint8), np.ones((_PATCH, _PATCH), np.uint8), anchor=(0, 0)) > 0
    inside = _corners(touched, _STRIDE)
    if not len(outside) or not len(inside):
        return np.zeros(image.shape, np.float32)
    nearest, distance = _nearest(_described(sketch, inside), _described(sketch, outside))
    window = np.outer(*(np.hanning(_PATCH + 2)[1:-1].astype(np.float32),) * 2)[..., None]
    total, squares = np.zeros(image.shape, np.float32), np.full((*altered.shape, 1), 1e-6, np.float32)
    for (y, x), (v, u), far in zip(inside, outside[nearest], distance, strict=True):
        here = slice(y, y + _PATCH), slice(x, x + _PATCH)
        weight = window * np.float32(np.exp(-far / _FAR_LEVELS))
        total[here] += weight * lacking[v : v + _PATCH, u : u + _PATCH]
        squares[here] += window**2
    return total / np.sqrt(squares)


def _without_tone(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values (h, w, 3) less their mean around each place, over the known pixels (h, w) bool alone."""
    weight = known.astype(np.float32)
    sums = cv2.GaussianBlur(values * weight[..., None], (0, 0), _TONE_PX)
    return values - sums / np.maximum(cv2.GaussianBlur(weight, (0, 0), _TONE_PX), 1e-3)[..., None]


def _corners(allowed: np.ndarray, stride: int) -> np.ndarray:
    """(N, 2) y, x of the upper left corners of patches within the picture, where allowed (h, w) bool."""
    height, width = (max(0, side - _PATCH + 1) for side in allowed.shape)
    found = np.argwhere(allowed[:height:stride, :width:stride])
    return found * stride


def _described(sketch: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 48) float32: the patches of a sketch in coarse samples, in units of root mean square levels."""
    means = cv2.boxFilter(sketch.astype(np.float32), -1, (_COARSE, _COARSE), anchor=(0, 0))
    steps = np.arange(0, _PATCH, _COARSE)
    y, x = corners[:, 0, None, None] + steps[:, None], corners[:, 1, None, None] + steps
    samples = means[y, x].reshape(len(corners), -1)
    return samples / np.float32(np.sqrt(samples.shape[1]))


def _nearest(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each description inside the index of the nearest outside, and its distance."""
    norms, found = (outside**2).sum(1), []
    for start in range(0, len(inside), _ROWS):
        part = inside[start : start + _ROWS]
        squares = norms - 2 * part @ outside.T
        best = squares.argmin(1)
        found.append((best, squares[np.arange(len(part)), best] + (part**2).sum(1)))
    indices, distances = (np.concatenate(column) for column in zip(*found, strict=True))
    return indices, np.sqrt(np.maximum(distances, 0))
