"""Parts of a picture that were scaled or turned: interpolation makes pixels predictable in a regular rhythm.

    e = I - prediction of each pixel from its 8 neighbours        p = exp(-e^2), the p-map
    P(u, v) = power spectrum of the p-map of a window / its local mean
    t = max over frequencies of min(P(u, v), P(-v, u))

Interpolated pixels lie on a lattice that is the same after a turn by 90 degrees, so that its peaks come in
pairs; regular textures rarely have both. Of noise P is exponential, and P(min of both >= t) = exp(-2 t).

Prediction and p-map: Kirchner, MM&Sec 2008; pairs of peaks instead of the maximum of single ones are ours.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import Evidence, to_pixels
from underdrawing.judging.classical.view import View
from underdrawing.ops.bands import bands

_PREDICTION = np.array([[-0.25, 0.5, -0.25], [0.5, 0, 0.5], [-0.25, 0.5, -0.25]], np.float32)
"""Kirchner 2008, eq. 26."""
_SIDE = 128
"""Of the windows, px."""
_DENSE_PX = 1e6
"""Pictures up to this size are covered by windows that overlap by half."""
_LOW = 0.06
"""Cycles a pixel below which the content itself is periodic."""
_GRID_BINS = 1
"""Frequencies so near to a multiple of 1/8 in both directions are those of JPEG blocks, or of a camera's
colour filter."""
_BACKGROUND = 11
"""Side of the neighbourhood of the local mean, in bins."""
_LEAST_SCORE = 6.0
"""-log10 of the expected number of windows with such a pair of peaks in noise. Photographs are no noise:
regular textures, and flat parts of WebP files, reach more at times."""
_WHOLE = 0.5
"""Share of the windows, from which the picture as a whole was scaled."""
_INNOCENT = (
    "Fabric, blinds, screens and other regular textures can look the same, and so does a part that a camera "
    "or a layout program scaled."
)
_ABSENT = (
    "This proves nothing: JPEG compression removes these traces, and a part that is copied unscaled has none."
)


def resampling(view: View) -> Evidence:
    """Evidence of interpolation in a picture. Score: -log10 of the expected false alarms."""
    plane = view.plane
    side = min(_SIDE, *(length // 2 * 2 for length in plane.shape))
    step = side // 2 if plane.size <= _DENSE_PX else side
    scores, frequencies = _windows(_p_map(plane), side, step)
    scores -= np.log10(scores.size)
    found = scores >= _LEAST_SCORE
    score = max(float(scores.max()), 0.0)
    if not found.any():
        return Evidence(False, "No trace of scaling or turning was found.", _ABSENT, score)
    share = float(found.mean())
    if share >= _WHOLE:
        text = "The picture as a whole was scaled or turned, as most published pictures are."
        return Evidence(False, text, "Where all of it was scaled, parts cannot be compared.", score)
    place = np.unravel_index(int(scores.argmax()), scores.shape)
    text = (
        f"A part ({100 * share:.0f} % of the picture) has the rhythm of interpolated pixels, a period of "
        f"{1 / frequencies[place]:.2f} px: it may have been scaled or turned before it came here."
    )
    cells = np.clip(scores / (2 * _LEAST_SCORE), 0, 1) * found
    return Evidence(True, text, _INNOCENT, score, to_pixels(cells, plane.shape))


def _p_map(plane: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1]: near 1 where a pixel is predictable."""
    result = cv2.filter2D(plane, -1, _PREDICTION)
    for band in bands(len(plane)):
        part = result[band]
        np.subtract(plane[band], part, out=part)
        np.exp(np.negative(np.square(part, out=part), out=part), out=part)
    return result


def _windows(p_map: np.ndarray, side: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every window: -log10 of the probability of its pair of peaks, and their frequency in 1/px."""
    rows, cols = ((length - side) // step + 1 for length in p_map.shape)
    taper = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    allowed, distance = _frequencies(side)
    scores, frequencies = np.zeros((rows, cols)), np.ones((rows, cols))
    for row in range(rows):
        for col in range(cols):
            window = p_map[row * step : row * step + side, col * step : col * step + side]
            power = np.square(np.abs(np.fft.fft2((window - window.mean()) * taper))).astype(np.float32)
            mean = cv2.blur(power, (_BACKGROUND, _BACKGROUND), borderType=cv2.BORDER_REFLECT)
            ratio = power / np.maximum(mean, 1e-6 * mean.max() + 1e-12)
            turned = np.roll(ratio.T[:, ::-1], 1, axis=1)  # P(-v, u)
            pairs = np.where(allowed, np.minimum(ratio, turned), 0)
            best = int(pairs.argmax())
            scores[row, col] = 2 * pairs.flat[best] / np.log(10) - np.log10(allowed.sum() / 4)
            frequencies[row, col] = distance.flat[best]
    return scores, frequencies


def _frequencies(side: int) -> tuple[np.ndarray, np.ndarray]:
    """(side, side): which frequencies count, and the larger of both of their parts, cycles a pixel."""
    parts = np.fft.fftfreq(side)
    bins = np.abs(parts * 8 - np.rint(parts * 8)) * side / 8
    on_grid = np.logical_and.outer(bins <= _GRID_BINS, bins <= _GRID_BINS)
    distance = np.maximum.outer(np.abs(parts), np.abs(parts))
    return (distance >= _LOW) & ~on_grid, np.maximum(distance, 1 / side)
