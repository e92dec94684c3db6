"""Exemplar-based inpainting: fill a hole with texture of the same picture, without learning.

    at 64 px: repeat   target patch at the rim, of highest priority  ->  most similar patch outside the hole
                       copy its pixels to the unknown ones of the target; store the shift
    at full size:      copy every pixel by the stored shifts; low frequencies come from a smooth fill, so that
                       no seam is visible

Order of patches: Criminisi, Pérez and Toyama, "Region Filling and Object Removal by Exemplar-Based Image
Inpainting" (2004), sec. III, with the standard deviation of the known pixels in place of isophotes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from underdrawing.attacks.tamper import inpaint_fast

SIDE = 64
"""The longer side of the small picture."""
PATCH = 9
COARSE = 2.0
"""Standard deviation of the Gaussian, in small pixels, that separates low frequencies from texture."""
SPREAD_OFFSET = 40.0
"""8-bit levels, added to the standard deviation in the priority of a patch."""


def texture(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A Fill of attacks/tamper: patches of the same picture inside the mask (H, W) bool.

    Smooth fill where no patch lies outside the mask.
    """
    smooth = inpaint_fast(image_u8, mask, donor_u8, rng)
    height, width = mask.shape
    ratio = max(1.0, max(height, width) / SIDE)
    rows, columns = max(1, round(height / ratio)), max(1, round(width / ratio))
    hole = _reduced(mask.astype(np.float32), rows, columns) > 0
    if min(rows, columns) < PATCH or sliding_window_view(hole, (PATCH, PATCH)).any(axis=(2, 3)).all():
        return smooth
    shifts = _shifts(_reduced(image_u8.astype(np.float32), rows, columns), hole)
    return _at_full_size(image_u8, mask, smooth, shifts)


def _reduced(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA)


def _shifts(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(h, w, 2) shift from each pixel of the hole to its source, for a picture (h, w, 3) float32."""
    picture, hole = picture.copy(), hole.copy()
    windows = sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    unknown = sliding_window_view(hole, (PATCH, PATCH))
    sources = np.argwhere(~unknown.any(axis=(2, 3)))
    candidates = windows[sources[:, 0], sources[:, 1]].reshape(len(sources), -1).copy()
    squares = candidates**2
    confidence, shifts = (~hole).astype(np.float32), np.zeros((*hole.shape, 2), np.int32)
    while hole.any():
        y, x = _next(picture, hole, confidence)
        part, known = slice(y, y + PATCH), ~unknown[y, x]
        best = _best_match(windows[y, x], known, candidates, squares)
        source, new = sources[best], ~known
        confidence[part, x : x + PATCH][new] = confidence[part, x : x + PATCH].mean()
        picture[part, x : x + PATCH][new] = candidates[best].reshape(PATCH, PATCH, 3)[new]
        shifts[part, x : x + PATCH][new] = source - (y, x)
        hole[part, x : x + PATCH] = False
    return shifts


def _next(picture: np.ndarray, hole: np.ndarray, confidence: np.ndarray) -> tuple[int, int]:
    """Top left corner of the next patch: highest confidence times spread at the rim of the hole."""
    size = (PATCH, PATCH)
    known = (~hole).astype(np.float32)
    luma = picture.mean(axis=2) * known
    share = np.maximum(cv2.blur(known, size), 1e-6)
    mean = cv2.blur(luma, size) / share
    spread = np.sqrt(np.maximum(cv2.blur(luma * luma, size) / share - mean * mean, 0))
    rim = hole & (cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    if not rim.any():
        rim = hole
    priority = np.where(rim, cv2.blur(confidence, size) * (SPREAD_OFFSET + spread), -1)
    y, x = np.unravel_index(np.argmax(priority), hole.shape)
    half = PATCH // 2
    return (
        int(np.clip(y - half, 0, hole.shape[0] - PATCH)),
        int(np.clip(x - half, 0, hole.shape[1] - PATCH)),
    )


def _best_match(patch: np.ndarray, known: np.ndarray, candidates: np.ndarray, squares: np.ndarray) -> int:
    """Index of the candidate patch (n, PATCH^2 * 3) with the least square difference where `known`."""
    weight = np.repeat(known.ravel(), 3).astype(np.float32)
    return int(np.argmin(squares @ weight - 2 * (candidates @ (patch.ravel() * weight))))


def _at_full_size(
    image_u8: np.ndarray, mask: np.ndarray, smooth: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    (height, width), (rows, columns) = mask.shape, shifts.shape[:2]
    y, x = np.nonzero(mask)
    moves = shifts[y * rows // height, x * columns // width]
    from_y = np.clip(y + moves[:, 0] * height // rows, 0, height - 1)
    from_x = np.clip(x + moves[:, 1] * width // columns, 0, width - 1)
    smooth = smooth.astype(np.float32)
    copied, known = smooth.copy(), ~mask[from_y, from_x]
    copied[y[known], x[known]] = image_u8[from_y[known], from_x[known]]
    sigma = COARSE * max(height / rows, 1.0)
    joined = copied - cv2.GaussianBlur(copied, (0, 0), sigma)
    joined += cv2.GaussianBlur(smooth, (0, 0), sigma)
    return np.where(mask[..., None], np.clip(np.rint(joined), 0, 255).astype(np.uint8), image_u8)
