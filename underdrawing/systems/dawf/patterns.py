"""The plain code that the networks start as: patterns on the luma of an aligned face of 64 px.

    detail       z = h / (s + 2), h: luma less its mean around a pixel, s: standard deviation of h there
    payload      c_i = <p_i, z>; bit i raises +-c_i to a margin. p_i: orthonormal patterns around the face
    pilot        one more pattern, always positive and several times as strong: the place of the square
    agreement    a = mean of q z around a pixel, raised to a margin. q: a fixed field on the face itself

A deepfake replaces the face: the agreement is lost there, the payload around it stays. Dividing by s keeps
the content of the picture small against the patterns, and changes of contrast without effect. Frequencies
are low enough for JPEG and small faces, and high enough that photographs have little of them.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

SIDE = 64
"""Of the grid, px: half that of the aligned face."""
CENTRE = (0.5, 0.53)
"""x and y of the middle of the face in the aligned square, which is 1.6 times the box; of 60 faces."""
INTERIOR = (0.27, 0.33)
"""Semi-axes of the ellipse with the agreement; covers the masks of the swaps that were looked at."""
REPLACED = (0.24, 0.3)
"""Semi-axes of the ellipse without payload."""
PAYLOAD_BAND = (7.0, 17.0)
"""Cycles in the side of the square."""
AGREEMENT_BAND = (12.0, 24.0)
LUMA = (0.299, 0.587, 0.114)
DETAIL_SIGMA, AGREEMENT_SIGMA = 2.0, 2.5
"""Of the means around a pixel, px of the grid."""
FLOOR = 2.0
"""Levels added to s: below it there is noise alone."""
_FEATHER = 6.0  # px of the grid at the border of the square
_EDGE = 0.12  # of the ellipses, in semi-axes
_SEED = 26042996


def window() -> np.ndarray:
    """(64, 64) float32: 1 inside, falling to 0 at the border of the square."""
    distance = np.minimum(np.arange(SIDE) + 0.5, SIDE - 0.5 - np.arange(SIDE))
    ramp = np.sin(0.5 * np.pi * np.clip(distance / _FEATHER, 0, 1)) ** 2
    return np.outer(ramp, ramp).astype(np.float32)


def ellipse(axes: tuple[float, float]) -> np.ndarray:
    """(64, 64) float32: 1 inside the ellipse around CENTRE, 0 outside, with a soft edge."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    radius = np.hypot((x - CENTRE[0]) / axes[0], (y - CENTRE[1]) / axes[1])
    return np.clip((1 - radius) / _EDGE + 0.5, 0, 1).astype(np.float32)


def distance(side: int) -> np.ndarray:
    """(side, side) float32: squared distance from CENTRE, 1 on the border of REPLACED, 4 at most."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    squared = ((x - CENTRE[0]) / REPLACED[0]) ** 2 + ((y - CENTRE[1]) / REPLACED[1]) ** 2
    return np.minimum(squared, 4).astype(np.float32)


@lru_cache(maxsize=4)
def payload_patterns(bits: int) -> np.ndarray:
    """(bits + 1, 64, 64) float32, orthonormal: band-limited noise around the face; the last is the pilot."""
    rng = np.random.default_rng((_SEED, 1))
    place = window() * (1 - ellipse(REPLACED))
    noise = np.stack([_band(rng.standard_normal((SIDE, SIDE)), PAYLOAD_BAND, 1) for _ in range(bits + 1)])
    rows = (noise * place).reshape(bits + 1, -1)
    values, vectors = np.linalg.eigh(rows @ rows.T)  # nearest orthonormal set (Loewdin)
    return ((vectors / np.sqrt(values)) @ vectors.T @ rows).reshape(-1, SIDE, SIDE).astype(np.float32)


@lru_cache(maxsize=1)
def agreement_field() -> np.ndarray:
    """(64, 64) float32: band-limited noise of unit variance."""
    rng = np.random.default_rng((_SEED, 2))
    field = _band(rng.standard_normal((SIDE, SIDE)), AGREEMENT_BAND)
    return (field / field.std()).astype(np.float32)


def gaussian(sigma: float) -> np.ndarray:
    """(k,) float32: weights of a Gaussian mean, cut off at three sigma."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def detail(luma: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """z (64, 64) float32 of luma in levels; 0 outside the picture, where visible (64, 64) is 0."""
    above = luma - _mean(luma, DETAIL_SIGMA)
    return above / (np.sqrt(_mean(above * above, DETAIL_SIGMA)) + np.float32(FLOOR)) * visible


def _mean(plane: np.ndarray, sigma: float) -> np.ndarray:
    weights = gaussian(sigma)
    return cv2.sepFilter2D(plane, cv2.CV_32F, weights, weights, borderType=cv2.BORDER_REPLICATE)


def _band(noise: np.ndarray, band: tuple[float, float], rise: int = 0) -> np.ndarray:
    """The frequencies of a field (64, 64) in a band, cycles in its side, times frequency to the `rise`."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE, 1 / SIDE), np.fft.fftfreq(SIDE, 1 / SIDE)))
    weight = frequency**rise * ((frequency >= band[0]) & (frequency <= band[1]))
    return np.fft.ifft2(np.fft.fft2(noise) * weight).real
