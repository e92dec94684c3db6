"""Full-reference quality of pictures: PSNR, SSIM, both inside a mask, and change in smooth areas.

All pictures are (H, W, 3) uint8 RGB and are compared in RGB over the three channels together, never in YUV.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.core.errors import ShapeError
from underdrawing.ops.color import luma
from underdrawing.ops.ssim import TAPS, ssim_map

IDENTICAL_DB = 100.0
"""PSNR of identical pictures, so that means stay finite."""

SMOOTH_DEVIATION = 2.5
"""Levels: a place is smooth where the 9x9 deviation of the original's luma is below this."""


def psnr_db(image: np.ndarray, other: np.ndarray) -> float:
    """Peak signal to noise ratio in dB, RGB, peak 255, at most IDENTICAL_DB."""
    _same_shape(image, other)
    return _ratio_db(cv2.norm(image, other, cv2.NORM_L2SQR) / image.size)


def masked_psnr_db(image: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    """L-PSNR: PSNR in dB over the pixels of mask (H, W) bool alone; nan where it is empty."""
    _same_shape(image, other)
    if not mask.any():
        return float("nan")
    difference = image[mask].astype(np.float32) - other[mask].astype(np.float32)
    return _ratio_db(float(np.mean(difference**2, dtype=np.float64)))


def _ratio_db(mean_square: float) -> float:
    if mean_square <= 0:
        return IDENTICAL_DB
    return min(IDENTICAL_DB, float(10 * np.log10(255.0**2 / mean_square)))


def ssim(image: np.ndarray, other: np.ndarray) -> float:
    """Mean SSIM of R, G and B where the 11x11 Gaussian window (s = 1.5) fits. ShapeError below 11 px."""
    return float(np.mean([plane.mean(dtype=np.float64) for plane in _ssim_planes(image, other)]))


def masked_ssim(image: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    """Mean SSIM of R, G and B at the windows whose centre lies in mask (H, W) bool; nan where there is none.

    A window at the border of the mask includes pixels outside of it. ShapeError below 11 px.
    """
    planes, half = _ssim_planes(image, other), TAPS // 2
    centres = mask[half:-half, half:-half]
    if not centres.any():
        return float("nan")
    return float(np.mean([plane[centres].mean(dtype=np.float64) for plane in planes]))


def _ssim_planes(image: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    _same_shape(image, other)
    if min(image.shape[:2]) < TAPS:
        raise ShapeError(f"SSIM needs sides of at least {TAPS} px, got {image.shape[1]}x{image.shape[0]}")
    return [ssim_map(image[..., c], other[..., c]) for c in range(3)]


def smooth_places(image: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the 9x9 deviation of the luma is under SMOOTH_DEVIATION levels."""
    plane = luma(image)
    mean = cv2.blur(plane, (9, 9))
    square = cv2.blur(plane * plane, (9, 9))
    return square - mean * mean < SMOOTH_DEVIATION**2


def smooth_rms(image: np.ndarray, protected: np.ndarray) -> float:
    """RMS of the luma change, 8-bit levels, over the smooth places of `image`; nan where none is smooth."""
    _same_shape(image, protected)
    where = smooth_places(image)
    if where.mean() < 0.001:
        return float("nan")
    change = luma(protected)[where] - luma(image)[where]
    return float(np.sqrt(np.mean(change**2, dtype=np.float64)))


def _same_shape(image: np.ndarray, other: np.ndarray) -> None:
    if image.shape != other.shape:
        raise ShapeError(f"expected two pictures of one shape, got {image.shape} and {other.shape}")
