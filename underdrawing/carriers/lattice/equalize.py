"""Equalizing: undo a change of contrast and a blur that the lattice itself reveals.

A coefficient of 60 levels that came back as 54 is a fifth of a step away from where it was put, so a contrast
of 0.9 or the loss of a resampling costs more than a JPEG. Both are found without a reference: the right
correction is the one under which the coefficients gather on the lattice again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS, EmbeddingLevel
from underdrawing.ops.dct import analyse

_TUNED = FREQUENCIES[: LAYERS["middle"].stop]
BLURS = (0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15)  # standard deviation in grid pixels
_GAINS = np.exp(np.linspace(np.log(0.72), np.log(1.4), 45)).astype(np.float32)
_GAMMAS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4)
_FEW_GAINS = np.array([0.98, 1.0, 1.02], np.float32)
_GATHERED = 0.5  # a tone curve is looked for only where contrast alone explains less than this
_LARGEST_BOOST = 8.0
_LEAST_GAIN = 0.03  # three standard deviations of the mean over six thousand coefficients
_LEAST_GATHERING = 0.1  # the largest of three hundred trials reaches .05 where there is nothing to be found


@dataclass(frozen=True)
class Equalizer:
    """A Gaussian blur of `blur` px, a tone curve of exponent `gamma`, a contrast of `gain`: to be undone."""

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
    """Divide out a Gaussian blur, boosting no frequency more than eightfold."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, height % 2 + 8), (0, width % 2 + 8)), mode="edge")
    fy = fft.fftfreq(padded.shape[0])[:, None]
    fx = fft.rfftfreq(padded.shape[1])[None]
    response = np.exp(-2 * (np.pi * blur) ** 2 * (fy**2 + fx**2))
    boost = (response / (response**2 + 1 / _LARGEST_BOOST**2 * (1 - response))).astype(np.float32)
    return fft.irfft2(fft.rfft2(padded) * boost, s=padded.shape)[:height, :width].astype(np.float32)


def _gathering(
    plane: np.ndarray, dither: np.ndarray, rank: np.ndarray, level: EmbeddingLevel, gains: np.ndarray
) -> np.ndarray:
    """Mean of cos 2 theta over base and middle for each gain to be divided out, (len(gains),)."""
    n = len(_TUNED)
    weight = (rank[..., :n] < level.density(activity(plane))[..., :n]).astype(np.float32)
    used = weight > 0
    ratio = (analyse(plane, _TUNED) / level.steps[:n])[used]
    offset = dither[..., :n][used]
    step = max(1, len(ratio) // 6000)  # six thousand coefficients settle a mean to one in a hundred
    ratio, offset = ratio[::step], offset[::step]
    return np.cos(4 * np.pi * (ratio[None] / gains[:, None] - offset[None])).mean(1)


def find_equalizer(
    plane: np.ndarray,
    dither: np.ndarray,
    rank: np.ndarray,
    level: EmbeddingLevel,
    blurs: tuple[float, ...] = BLURS,
) -> Equalizer:
    """The correction under which an aligned plane gathers best on the lattice of the given slices of the key
    tables."""
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
