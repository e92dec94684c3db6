"""What undoes a change of a picture, as far as it can be undone. Pictures are (H, W, 3)."""

from __future__ import annotations

import cv2
import numpy as np

_FAR = 40  # levels between an outlier and the median around it
_NOISE = 0.003  # power of what the blur adds, over that of the picture
_MARGIN = 32  # mirrored px around a picture
TAPS = 5
"""Side of the mean that `unblurred` undoes, px."""


def without_outliers(image_u8: np.ndarray) -> np.ndarray:
    """uint8: white and black pixels far from the median around them, by the mean of the others near them."""
    extreme = ((image_u8 == 0) | (image_u8 == 255)).all(-1)
    around = cv2.medianBlur(np.ascontiguousarray(image_u8), 5)
    outlier = extreme & (cv2.absdiff(image_u8, around).max(-1) > _FAR)
    kept = (~outlier).astype(np.float32)
    total = cv2.GaussianBlur(image_u8 * kept[..., None], (5, 5), 1.0)
    mean = total / np.maximum(cv2.GaussianBlur(kept, (5, 5), 1.0), 1e-3)[..., None]
    return np.where(outlier[..., None], np.rint(mean), image_u8).astype(np.uint8)


def unblurred(image_u8: np.ndarray) -> np.ndarray:
    """float32 levels before a mean over TAPS x TAPS px, by Wiener's filter; not clipped."""
    padded = np.pad(
        image_u8.astype(np.float32), ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)), "symmetric"
    )
    response = np.multiply.outer(_mean(padded.shape[0]), _mean(padded.shape[1])[: padded.shape[1] // 2 + 1])
    inverse = response / (response**2 + _NOISE)
    spectra = np.fft.rfft2(padded, axes=(0, 1)) * inverse[..., None]
    whole = np.fft.irfft2(spectra, padded.shape[:2], axes=(0, 1))
    return whole[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN].astype(np.float32)


def _mean(length: int) -> np.ndarray:
    """Response of the mean over TAPS px at the frequencies of a transform of that length."""
    places = np.arange(TAPS) - TAPS // 2
    return np.cos(2 * np.pi * np.outer(np.fft.fftfreq(length), places)).mean(1)
