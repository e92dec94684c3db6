"""What is done to the labelled object: removed, replaced by another photo's object, painted over.

Each takes the protected picture (H, W, 3) uint8, the mask (H, W) bool and the triplet of another photo, and
returns the tampered picture; nothing outside the mask is altered.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from underdrawing.attacks.tamper import Fill, inpaint
from underdrawing.attacks.texture import texture
from underdrawing.bench.studies.imagenet_s.builder import Triplet

Edit = Callable[[np.ndarray, np.ndarray, Triplet, np.random.Generator], np.ndarray]


def replacement(
    image_u8: np.ndarray, mask: np.ndarray, donor: Triplet, rng: np.random.Generator
) -> np.ndarray:
    """The donor's object, scaled until its box covers that of the mask, under the mask."""
    (top, bottom, left, right), (up, down, west, east) = _box(mask), _box(donor.mask)
    thing = donor.image[up:down, west:east]
    ratio = max((bottom - top) / thing.shape[0], (right - left) / thing.shape[1])
    size = max(right - left, round(thing.shape[1] * ratio)), max(bottom - top, round(thing.shape[0] * ratio))
    thing = cv2.resize(thing, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC)
    y, x = (size[1] - (bottom - top)) // 2, (size[0] - (right - left)) // 2
    placed = image_u8.copy()
    placed[top:bottom, left:right] = thing[y : y + bottom - top, x : x + right - left]
    return np.where(mask[..., None], placed, image_u8)


def _fill_with(fill: Fill) -> Edit:
    return lambda image_u8, mask, donor, rng: fill(image_u8, mask, donor.image, rng)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


EDITS: dict[str, Edit] = {
    "removal": _fill_with(inpaint),
    "replacement": replacement,
    "inpainting": _fill_with(texture),
}
"""In turn over the photos: OpenCV's inpainting (Telea), the donor's object, texture of the same picture."""
