"""A received picture compared with the rendition of its registered original, and recovered from it.

    difference in Y, Cr, Cb at three scales, over its usual size for that texture --> excess
    regions of high excess, grown to their border --> altered

Codec noise, the mark itself, resampling and noise differ everywhere, and most in texture; their usual size is
estimated from the picture itself, for each class of texture. An edit exceeds it tens to thousands of times.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.judging.blending import blend
from underdrawing.judging.reference_alignment import ReferenceAlignment, reduce
from underdrawing.judging.reference_tone import match_blur, tone_between

_LARGEST_PX = 1280  # long side of the comparison
_SCALES = 3
_CLASSES = 8
_LOW_QUANTILE, _OF_NORMAL = 0.35, 0.4538  # of |difference|: unmoved by edits of half of a class
_LEAST_LEVELS = np.array([[1.2, 1.0, 1.0], [0.8, 0.67, 0.67], [0.6, 0.5, 0.5]])  # Y, Cr, Cb by scale
_MOST_LEVELS = np.array([[16.0, 12.0, 12.0], [8.0, 6.0, 6.0], [2.0, 3.0, 3.0]])  # of the same
_CERTAIN = (40.0, 32.0, 18.0)  # mean square excess by scale; benign pictures stay below
_POSSIBLE = 6.0  # of a region that contains a certain pixel
_RELATIVE = (0.12, 0.35, 0.5)  # of the greatest excess nearby, by scale: less is the blur of a border
_NEARBY_PX = (11, 15, 23)
_BORDER_PX = 2  # of the original, which resampling mixes with what lies beyond: not compared
_LEAST_PX = 10  # certain pixels of a region
_CLOSING = 0.15  # of the square root of a region's area: gaps where it happens to equal the original
_CLOSING_PX = (3, 12)
_LEAST_EDIT_PX = 64  # pixels of the comparison: smaller regions are not distinguished from noise
_LEAST_EDIT_SHARE = 0.005  # of the picture: the smallest edits whose rate of detection was measured
_RECOVER_RIM_PX = 4
_TONE_PX = 512  # long side on which the tone of recovered pixels is fitted


@dataclass(frozen=True)
class Comparison:
    """Result of comparing a received picture with its registered original."""

    probability: np.ndarray
    """(H, W) float32 in [0, 1] that a pixel was altered; 0 outside the original."""
    inside: np.ndarray
    """(H, W) bool: the part of the received picture that the original covers."""
    least_area: float
    """Share of the received picture from which nine of ten edits are found."""

    @property
    def altered(self) -> np.ndarray:
        """(H, W) bool."""
        return self.probability > 0.5


def compare(received: np.ndarray, rendition: np.ndarray, alignment: ReferenceAlignment) -> Comparison:
    """Compare a received picture (H, W, 3) uint8 with the rendition (h, w, 3) uint8 that it is aligned with.

    The comparison has the coarser resolution of the two: an edit of less than about 8x8 of its pixels is
    not found.
    """
    size = received.shape[1::-1]
    scale = min(1.0, alignment.pitch, _LARGEST_PX / max(size))
    a = reduce(received, scale)
    small = a.shape[1::-1]
    inside = alignment.inside(small, size, rendition.shape[1::-1])
    margin = round(_BORDER_PX * alignment.pitch / scale) + 1
    within = alignment.inside(small, size, rendition.shape[1::-1], margin)
    warped = alignment.warp(rendition, small, size)
    b = tone_between(warped, a, within)(warped)
    a = a.astype(np.float32)
    altered, excess = _regions(_excess(a, match_blur(b, a, within), within))
    border = cv2.dilate(altered.astype(np.uint8), np.ones((4 * _BORDER_PX + 1,) * 2, np.uint8)) > 0
    altered |= border & inside & ~within
    probability = np.where(altered, 0.6 + 0.4 * excess, 0.4 * excess).astype(np.float32) * inside
    if small != size:
        probability = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR)
        inside = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return Comparison(probability, inside, max(_LEAST_EDIT_SHARE, _LEAST_EDIT_PX / (small[0] * small[1])))


def recover(
    received: np.ndarray, rendition: np.ndarray, alignment: ReferenceAlignment, altered: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The received picture with its altered pixels, (H, W) bool, from the registered original.

    Returns (H, W, 3) uint8, and (H, W) bool, the pixels that come from the original.
    """
    size = received.shape[1::-1]
    inside = alignment.inside(size, size, rendition.shape[1::-1])
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RECOVER_RIM_PX + 1,) * 2)
    region = (cv2.dilate(altered.astype(np.uint8), rim) > 0) & inside
    if not region.any():
        return received.copy(), region
    small = reduce(received, _TONE_PX / max(size))
    reduced = small.shape[1::-1]
    known = alignment.inside(reduced, size, rendition.shape[1::-1])
    known &= cv2.resize(altered.astype(np.uint8), reduced, interpolation=cv2.INTER_AREA) == 0
    tone = tone_between(alignment.warp(rendition, reduced, size), small, known)
    recovered = received.copy()
    x, y, width, height = cv2.boundingRect(region.astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    original = tone(alignment.warp(rendition, size, size)[box])
    recovered[box] = blend(received[box], original, region[box])
    return recovered, region


def _excess(a: np.ndarray, b: np.ndarray, within: np.ndarray) -> list[np.ndarray]:
    """By scale, each half of the one before: (h, w) mean square of the differences over their usual size."""
    found = []
    a, b = (cv2.cvtColor(p / 255, cv2.COLOR_RGB2YCrCb) * 255 for p in (a, b))
    known = within.astype(np.float32)
    for scale in range(_SCALES):
        if scale:
            a, b, known = cv2.pyrDown(a), cv2.pyrDown(b), cv2.pyrDown(known)  # type: ignore[assignment]
        else:
            a, b = cv2.GaussianBlur(a, (0, 0), 0.7), cv2.GaussianBlur(b, (0, 0), 0.7)
        gradient = cv2.magnitude(cv2.Sobel(b[..., 0], -1, 1, 0), cv2.Sobel(b[..., 0], -1, 0, 1))
        texture, whole = cv2.dilate(gradient, np.ones((5, 5), np.uint8)), known > 0.99
        usual = _usual(np.abs(a - b), texture, whole, _LEAST_LEVELS[scale])
        relative = (a - b) / np.minimum(usual, _MOST_LEVELS[scale].astype(np.float32))
        found.append(np.square(relative).mean(2) * whole)
    return found


def _usual(difference: np.ndarray, texture: np.ndarray, known: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Standard deviation of unaltered differences (h, w, 3) by the class of their texture."""
    if not known.any():
        return np.broadcast_to(least.astype(np.float32), difference.shape)
    edges = np.quantile(texture[known], np.linspace(0, 1, _CLASSES + 1)[1:-1])
    kind = np.digitize(texture, edges)
    usual = np.tile(least, (_CLASSES, 1))
    for k in range(_CLASSES):
        sample = difference[known & (kind == k)]
        if len(sample):
            usual[k] = np.maximum(least, np.quantile(sample, _LOW_QUANTILE, axis=0) / _OF_NORMAL)
    return usual.astype(np.float32)[kind]


def _regions(excess: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) bool: altered regions; and (h, w) in 0..1: the excess over what is certain."""
    size = excess[0].shape[::-1]
    wide = [cv2.resize(cv2.blur(e, (5, 5)), size, interpolation=cv2.INTER_LINEAR) for e in excess]
    relative = np.max([e / limit for e, limit in zip(wide, _CERTAIN, strict=True)], axis=0)
    near = [cv2.resize(cv2.blur(e, (3, 3)), size, interpolation=cv2.INTER_LINEAR) for e in excess]
    possible = np.maximum(near[0], np.maximum(near[1], near[2]))
    differs = np.zeros(possible.shape, bool)
    for values, share, nearby in zip(near, _RELATIVE, _NEARBY_PX, strict=True):
        greatest = cv2.dilate(values, np.ones((nearby, nearby), np.uint8))
        differs |= values > np.maximum(_POSSIBLE, share * greatest)
    result = np.zeros(possible.shape, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((possible > _POSSIBLE).astype(np.uint8))
    certain = np.bincount(labels[relative > 1], minlength=count)
    for region in np.flatnonzero(certain[1:] >= _LEAST_PX) + 1:
        x, y, w, h = stats[region, :4]
        box = np.s_[y : y + h, x : x + w]
        within = labels[box] == region
        result[box] |= _filled((within & differs[box]).astype(np.uint8))
    return result > 0, np.clip(relative, 0, 1)


def _filled(mask: np.ndarray) -> np.ndarray:
    """The mask (h, w) uint8 of one region without gaps and holes."""
    radius = int(np.clip(_CLOSING * np.sqrt(mask.sum()), *_CLOSING_PX))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    pad = 2 * radius
    padded = cv2.copyMakeBorder(mask, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[pad:-pad, pad:-pad].copy()
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(closed, outlines, -1, 1, cv2.FILLED)
    return closed
