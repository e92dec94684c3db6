"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of two planes, as a map."""

from __future__ import annotations

import cv2
import numpy as np

SIGMA, TAPS = 1.5, 11
K1, K2 = 0.01, 0.03


def ssim_map(first: np.ndarray, second: np.ndarray, peak: float = 255.0) -> np.ndarray:
    """SSIM at every place where the 11x11 Gaussian window (s = 1.5) fits.

    first, second: (H, W), H and W at least 11, values in [0, peak]. Returns (H - 10, W - 10) float32.

        SSIM = (2 m1 m2 + C1)(2 s12 + C2) / ((m1^2 + m2^2 + C1)(s1^2 + s2^2 + C2)),   C = (K peak)^2
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_a, mean_b = _window(a), _window(b)
    variance_a = _window(a * a) - mean_a * mean_a
    variance_b = _window(b * b) - mean_b * mean_b
    covariance = _window(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)


def _window(plane: np.ndarray) -> np.ndarray:
    half = TAPS // 2
    return cv2.GaussianBlur(plane, (TAPS, TAPS), SIGMA)[half:-half, half:-half]
