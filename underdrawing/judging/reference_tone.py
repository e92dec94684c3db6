"""Tone of a received picture relative to the rendition of its original: one map of colours, and a blur.

    received = f(rendition), f quadratic in (R, G, B) with a root of each: brightness, contrast, gamma,
    white balance, saturation, gray

The fit is robust: an edit is a minority that the map does not explain.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

_SAMPLES = 12_000
_ITERATIONS = 12
_LEAST_SCALE = 1.5 / 255
_CLIPPED = 3  # levels from black or white; what was clipped does not show the map
_LEAST_SAMPLES = 200
_RIDGE = np.array([1e-7, *[1e-4] * 3, *[1e-3] * 9])  # towards the previous iterate, from the identity on
_ROOT_FROM = 0.01
_BIN, _LEAST_OF_BIN = 12, 60  # levels; samples
_LARGEST_CORRECTION = 8.0  # levels
_BLURS_PX = (0.6, 1.0, 1.5, 2.2)
_BETTER = 0.97  # of the median difference, for which a blur is preferred to less


Tone = Callable[[np.ndarray], np.ndarray]
"""From pixels (..., 3) in 0..255 of the rendition to float32 in the tone of the received picture, 0..255."""


def tone_between(rendition: np.ndarray, received: np.ndarray, inside: np.ndarray) -> Tone:
    """The tone of the received picture relative to the rendition, both (H, W, 3) of the same frame.

    inside: (H, W) bool, where both are known.
    """
    if inside.sum() < _LEAST_SAMPLES:
        return lambda picture: picture.astype(np.float32)
    step = max(1, int(np.sqrt(inside.sum() / _SAMPLES)))
    known = inside[::step, ::step]
    a, b = (cv2.blur(p, (5, 5))[::step, ::step][known].astype(float) / 255 for p in (received, rendition))
    maps = [_fit(_terms(b), a[:, c], np.eye(len(_RIDGE))[1 + c]) for c in range(3)]
    weights = np.stack(maps, 1).astype(np.float32)

    def mapped(colours: np.ndarray) -> np.ndarray:
        return np.clip(255 * (_terms(colours) @ weights), 0, 255)

    sampled = mapped(b)
    curves = [_curve(sampled[:, c], 255 * a[:, c]) for c in range(3)]

    def tone(picture: np.ndarray) -> np.ndarray:
        values = mapped(picture.astype(np.float32) / 255)
        for c in range(3):
            values[..., c] += curves[c](values[..., c])
        return np.clip(values, 0, 255)

    return tone


def match_blur(rendition: np.ndarray, received: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The rendition, (H, W, 3) float32 in the received tone, blurred as much as the received picture."""
    edges = inside & _edges(rendition)
    if not edges.any():
        return rendition
    best, least = rendition, float(np.median(np.abs(received - rendition)[edges]))
    for sigma in _BLURS_PX:
        blurred = cv2.GaussianBlur(rendition, (0, 0), sigma)
        error = float(np.median(np.abs(received - blurred)[edges]))
        if error > _BETTER * least:
            break
        best, least = blurred, error
    return best


def _fit(terms: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights (k,) of the terms (n, k) of one channel's values (n,), from a first guess on."""
    whole = np.abs(values - 0.5) < 0.5 - _CLIPPED / 255
    if whole.sum() >= _LEAST_SAMPLES:
        terms, values = terms[whole], values[whole]
    ridge = np.diag(_RIDGE * len(values))
    for _ in range(_ITERATIONS):
        error = np.abs(values - terms @ weights)
        scale = max(_LEAST_SCALE, 2.5 * float(np.quantile(error, 0.4)))
        weighted = terms / (1 + (error / scale) ** 2)[:, None] ** 2  # Geman and McClure 1987
        weights = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ values + ridge @ weights)
    return weights


def _curve(mapped: np.ndarray, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A small correction by level, from the medians of what the map leaves: (n,) both, in 0..255."""
    levels, corrections = [], []
    for start in range(0, 256, _BIN):
        inside = (mapped >= start) & (mapped < start + _BIN)
        if inside.sum() >= _LEAST_OF_BIN:
            levels.append(float(np.median(mapped[inside])))
            corrections.append(float(np.median(values[inside] - mapped[inside])))
    if not levels:
        return np.zeros_like
    limited = np.clip(corrections, -_LARGEST_CORRECTION, _LARGEST_CORRECTION)
    return lambda picture: np.interp(picture, levels, limited).astype(np.float32)


def _terms(colours: np.ndarray) -> np.ndarray:
    """(..., 13): 1, R, G, B, their products and roots, for the steep start of a gamma curve."""
    r, g, b = (colours[..., c] for c in range(3))
    roots = (np.sqrt(np.maximum(channel, 0) + _ROOT_FROM) for channel in (r, g, b))
    return np.stack([np.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, r * b, g * b, *roots], -1)


def _edges(picture: np.ndarray) -> np.ndarray:
    """(H, W) bool: the fifth of the pixels with the greatest gradient."""
    gray = picture.mean(2)
    gradient = cv2.magnitude(cv2.Sobel(gray, -1, 1, 0), cv2.Sobel(gray, -1, 0, 1))
    return gradient > np.quantile(gradient, 0.8)
