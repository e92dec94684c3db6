"""What every manipulation takes and gives, and the rule that a manipulation changes something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import cv2
import numpy as np

from underdrawing.attacks.face_forgery.blending import bounds
from underdrawing.core.errors import ShapeError

LEAST_SIDE = 64
"""Pixels of the shorter side of a picture and of a donor."""
LEAST_RMS = 3.0
"""Levels of root mean square change in the mask; below, the manipulation is drawn again."""
LEAST_AREA, MOST_AREA = 0.002, 0.5
"""Share of the picture with a mask above one half; outside of it, the manipulation is drawn again."""
_DRAWS = 6
_TONE = 14.0
"""Levels by which the last draw is made brighter or darker where none changed enough: flat pictures."""


@dataclass(frozen=True, eq=False)
class Manipulated:
    """A manipulated picture: the original, changed where the mask is above zero and nowhere else."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    mask: np.ndarray
    """(H, W) float32 in [0, 1], the weight of the change. Of a copy, the copy and not its source."""


Manipulation = Callable[[np.ndarray, np.ndarray, np.random.Generator], Manipulated]
"""(image, donor, rng) -> Manipulated of the size of the image. The donor (H', W', 3) may have another size;
kinds that need none ignore it."""


def composed(image: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> Manipulated:
    """A changed picture (H, W, 3), levels 0..255, laid over the image by a mask (H, W)."""
    mask = np.where(mask < 1 / 255, 0, np.minimum(mask, 1)).astype(np.float32)
    window = bounds(mask)
    weight, before, picture = mask[window][..., None], image[window], image.copy()
    after = before + weight * (changed[window].astype(np.float32) - before)
    after = np.clip(np.rint(after), 0, 255).astype(np.uint8)
    picture[window] = np.where(weight > 0, after, before)
    return Manipulated(picture, mask)


def change(image: np.ndarray, result: Manipulated) -> float:
    """Root mean square change in 8-bit levels where the mask is above one half; 0 for an empty mask."""
    window = bounds(result.mask)
    inside = result.mask[window] > 0.5
    if not inside.any():
        return 0.0
    squares = cv2.absdiff(result.image[window], image[window]).astype(np.float32) ** 2
    return float(np.sqrt(squares[inside].mean()))


def redrawn(manipulation: Manipulation) -> Manipulation:
    """The manipulation, drawn until it changes LEAST_RMS levels of a mask of fair size.

    Where six draws change less (a flat picture), the tone of the last one is moved. Raises ShapeError for
    a picture or donor that is not (H, W, 3) uint8 of at least LEAST_SIDE px.
    """

    @wraps(manipulation)
    def draw(image: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Manipulated:
        _check(image), _check(donor)
        fair = None
        for _ in range(_DRAWS):
            result = manipulation(image, donor, rng)
            if not LEAST_AREA <= (result.mask > 0.5).mean() <= MOST_AREA:
                continue
            if change(image, result) >= LEAST_RMS:
                return result
            fair = result
        mask = _square(image, rng) if fair is None else fair.mask
        changed = image if fair is None else fair.image
        inside = mask > 0.5
        tone = _TONE if changed[inside].mean() < 128 else -_TONE
        return composed(image, changed + np.float32(tone), mask)

    return draw


def _check(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(f"a picture is (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
    if min(image.shape[:2]) < LEAST_SIDE:
        raise ShapeError(
            f"a picture of {image.shape[1]}x{image.shape[0]} px is smaller than {LEAST_SIDE} px a side"
        )


def _square(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width) // 4
    top, left = rng.integers(height - side), rng.integers(width - side)
    mask = np.zeros((height, width), np.float32)
    mask[top : top + side, left : left + side] = 1
    return mask
