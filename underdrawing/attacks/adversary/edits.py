"""Edits over which an attacker writes the mark again: of a chosen area, and visible.

edited_u8, mask = draw_edit("removal", 0.02, protected_u8, donor_u8, rng)
edited_u8 = keep_coarse(protected_u8, edited_u8, mask)         # of one who knows what is signed
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

from underdrawing.attacks.tamper import Area, Fill, blob, copy_move, free_form, inpaint, solid, splice

AREAS = (0.005, 0.02, 0.06, 0.25)
"""Shares of the frame that edits cover."""
VISIBLE_RMS = 12.0
"""Levels by which an edit changes the pixels under its mask at least, where a few draws give that."""
_DRAWS = 8
_SPREAD = 0.15  # of an area, to both sides
_COARSE_PX = 8.0  # deviation of the Gaussian whose band `keep_coarse` keeps


def salient_box(image_u8: np.ndarray, rng: np.random.Generator, area: Area) -> np.ndarray:
    """The rectangle with most detail, as a stand-in for an object: (H, W) bool, of a share in `area`."""
    height, width = image_u8.shape[:2]
    side = math.sqrt(rng.uniform(*area))
    rows, columns = max(1, round(height * side)), max(1, round(width * side))
    gray = cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = np.abs(gray - cv2.GaussianBlur(gray, (0, 0), 4))
    sums = cv2.boxFilter(detail, -1, (columns, rows), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    inside = sums[: height - rows + 1, : width - columns + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    mask = np.zeros((height, width), bool)
    mask[top : top + rows, left : left + columns] = True
    return mask


EDITS: Mapping[str, Fill] = {
    "splice": splice,
    "inpaint": inpaint,
    "fill": solid,
    "copy-move": copy_move,
    "removal": inpaint,
}
"""Fills by the name of the edit; removal inpaints the box with most detail, the others take random shapes."""


def draw_edit(
    name: str, share: float, image_u8: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One of EDITS over about `share` of the picture: edited (H, W, 3) uint8 and its mask (H, W) bool.

    It is drawn again until it is visible; the most visible one is taken where no draw is.
    """
    area = ((1 - _SPREAD) * share, (1 + _SPREAD) * share)
    best, most = None, -1.0
    for _ in range(_DRAWS):
        mask = _mask(name, image_u8, rng, area)
        edited = EDITS[name](image_u8, mask, donor_u8, rng)
        change = visible_rms(image_u8, edited, mask)
        if change > most:
            best, most = (edited, mask), change
        if most >= VISIBLE_RMS or name == "removal":
            break
    assert best is not None
    return best


def _mask(name: str, image_u8: np.ndarray, rng: np.random.Generator, area: Area) -> np.ndarray:
    if name == "removal":
        return salient_box(image_u8, rng, area)
    return (free_form if name == "inpaint" else blob)(*image_u8.shape[:2], rng, area)


def visible_rms(image_u8: np.ndarray, edited_u8: np.ndarray, mask: np.ndarray) -> float:
    """RMS change in levels of the pixels under a mask (H, W) bool; 0 for an empty one."""
    if not mask.any():
        return 0.0
    return float(np.sqrt(np.square(edited_u8[mask].astype(np.float32) - image_u8[mask]).mean()))


def keep_coarse(image_u8: np.ndarray, edited_u8: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The edit with the low frequencies of what stood there: fine detail changes, coarse content does not.

    The attack on a witness that compares few bits: those describe the low frequencies.
    """
    image, edited = image_u8.astype(np.float32), edited_u8.astype(np.float32)
    difference = cv2.GaussianBlur(image - edited, (0, 0), _COARSE_PX)
    matched = np.clip(np.rint(edited + difference), 0, 255).astype(np.uint8)
    return np.where(mask[..., None], matched, edited_u8)
