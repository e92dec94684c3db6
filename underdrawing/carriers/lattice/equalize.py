"""Blind equalization: estimate and undo a change of contrast, a tone curve or a blur.

A contrast of .9 moves a coefficient of 60 levels by a fifth of a step, more than a JPEG does. No reference is
needed: the correct equalizer maximizes the agreement of the coefficients with the lattice.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.parameters import FREQUENCIES, EmbeddingLevel
from underdrawing.ops.dct import analyse

BLURS = (0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15)  # standard deviation in grid pixels
_GAINS = np.exp(np.linspace(np.log(0.72), np.log(1.4), 45)).astype(np.float32)
_GAMMAS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4)
_FEW_GAINS = np.array([0.98, 1.0, 1.02], np.float32)
_GATHERED = 0.5  # agreement after contrast correction below which a tone curve is searched
_LARGEST_BOOST = 8.0
_LEAST_GAIN = 0.03  # three standard deviations of the mean over six thousand coefficients
_LEAST_GATHERING = 0.1  # without a mark the largest of three hundred trials reaches .05


@dataclass(frozen=True)
class Equalizer:
    """Distortion to undo: Gaussian blur of `blur` px, tone curve of exponent `gamma`, contrast of `gain`."""

    blur: float = 0.0
    gain: float = 1.0
    gamma: float = 1.0

    def apply(self, plane: np.ndarray) -> np.ndarray:
        """The corrected plane, same shape, float32."""
        corrected = sharpen(plane, self.blur) if self.blur else plane
        corrected = straighten(corrected, self.gamma) if self.gamma != 1 else corrected
        return corrected if self.gain == 1 else (corrected - 128) / np.float32(self.gain) + 128


def straighten(plane: np.ndarray, gamma: float) -> np.ndarray:
    """Undo the tone curve 255 (v / 255) ** gamma."""
    return (255 * (np.clip(plane, 0, 255) / 255) ** (1 / gamma)).astype(np.float32)


def sharpen(plane: np.ndarray, blur: float) -> np.ndarray:
    """Invert a Gaussian blur; the gain of a frequency is at most 8."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, height % 2 + 8), (0, width % 2 + 8)), mode="edge")
    fy, fx = np.fft.fftfreq(padded.shape[0])[:, None], np.fft.fftfreq(padded.shape[1])
    response = np.exp(-2 * (np.pi * blur) ** 2 * (fy**2 + fx**2))
    boost = (response / (response**2 + 1 / _LARGEST_BOOST**2 * (1 - response))).astype(np.float32)
    spectrum = (
        cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT) * boost[..., None]
    )  # NumPy's takes four times as long
    return cv2.idft(spectrum, flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)[:height, :width]


def _gathering(
    plane: np.ndarray, dither: np.ndarray, rank: np.ndarray, level: EmbeddingLevel, gains: np.ndarray
) -> np.ndarray:
    """Mean of cos 2 theta over base and middle after division by each gain, (len(gains),)."""
    n = dither.shape[2]
    used = rank < level.density(activity(plane))[..., :n]
    ratio = (analyse(plane, FREQUENCIES[:n]) / level.steps[:n])[used]
    offset = dither[used]
    step = max(1, len(ratio) // 6000)  # 6,000 coefficients give the mean to .01
    ratio, offset = ratio[::step], offset[::step]
    return np.cos(4 * np.pi * (ratio[None] / gains[:, None] - offset[None])).mean(1)


def estimate_equalizer(
    plane: np.ndarray,
    dither: np.ndarray,
    rank: np.ndarray,
    level: EmbeddingLevel,
    blurs: tuple[float, ...] = BLURS,
) -> Equalizer:
    """Estimate the equalizer of an aligned plane (8 r, 8 c).

    dither, rank: (r, c, k) of the blocks of the plane, at the first frequencies whose dither is known.
    """
    untouched = _gathering(plane, dither, rank, level, np.ones(1, np.float32))[0]
    if untouched > 0.6:
        return Equalizer()
    best, found = max(untouched + _LEAST_GAIN, _LEAST_GATHERING), Equalizer()
    for blur in blurs:
        scores = _gathering(sharpen(plane, blur) if blur else plane, dither, rank, level, _GAINS)
        peak = int(scores.argmax())
        if scores[peak] > best:
            best, found = scores[peak], Equalizer(blur, float(_GAINS[peak]))
    if best < _GATHERED:
        for gamma in _GAMMAS:
            scores = _gathering(straighten(plane, gamma), dither, rank, level, _FEW_GAINS)
            peak = int(scores.argmax())
            if scores[peak] > best + _LEAST_GAIN:
                best, found = scores[peak], Equalizer(0.0, float(_FEW_GAINS[peak]), gamma)
    return found


def assumed_equalizer(
    plane: np.ndarray,
    dither: np.ndarray,
    rank: np.ndarray,
    level: EmbeddingLevel,
    blurs: tuple[float, ...],
) -> Equalizer:
    """The equalizer of one of these blurs with the highest agreement, however low; see estimate_equalizer.

    After a median filter the agreement is below what an estimate needs, and the base layer still decodable.
    """
    found = []
    for blur in blurs:
        scores = _gathering(sharpen(plane, blur), dither, rank, level, _GAINS)
        found.append((float(scores.max()), Equalizer(blur, float(_GAINS[scores.argmax()]))))
    return max(found, key=lambda pair: pair[0])[1]
