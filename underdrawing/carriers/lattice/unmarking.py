"""Removal of the mark: estimate of every coefficient before embedding.

Where a layer was decoded, the lattice point q of a coefficient is known, so the original lies within half a
step of q. The received coefficient gives more information where distortion compensation left 1 - moves of
the distance, and the decoded content gives an expected value:

    u = x - q:   u ~ N(decoded - q, spread^2),   received - q = (1 - moves) u + N(0, noise^2), |u| <= step / 2

The estimate is the mean of that truncated normal density. Spread and noise are measured in the picture.
"""

from __future__ import annotations

import numpy as np

from underdrawing.carriers.lattice.parameters import FREQUENCIES, PLACES
from underdrawing.carriers.lattice.soft_bits import Reading
from underdrawing.ops.dct import analyse, synthesise
from underdrawing.ops.special import normal_cdf

_LEAST_BLOCKS = 8  # of a class of activity, that spread and noise are measured in
_LEAST_SPREAD = 1.0  # levels, of the original around the decoded content
_LEAST_NOISE = 0.3  # levels: rounding to whole ones
_SURE = 0.5  # probability from which a coefficient counts as in use
_UNLIKELY = 1e-6  # probability below which a truncated density is taken for its nearest end
_MAD = 0.6745  # median of the absolute value of a standard normal variable


def change_back(
    plane: np.ndarray,
    decoded: np.ndarray,
    dither: np.ndarray,
    known: dict[str, np.ndarray],
    reading: Reading,
    steps: np.ndarray,
) -> np.ndarray:
    """Change (8 r, 8 c) float32 that removes the mark from a received luma plane (8 r, 8 c).

    decoded: (8 r, 8 c) luma of the decoded content. dither: (r, c, n) of these blocks. known: bits (r, c,
    frequencies of the layer) of the layers that were decoded. steps: (n,) of the level, luma levels.
    """
    received, expected = analyse(plane, FREQUENCIES), analyse(decoded, FREQUENCIES)
    back = np.zeros_like(received)
    for name, bits in known.items():
        start = PLACES[name].start  # a small grid's base continues in the middle
        for k in range(start, start + bits.shape[2]):
            offset = dither[..., k] + np.float32(0.5) * bits[..., k - start]
            point = (np.rint(received[..., k] / steps[k] - offset) + offset) * steps[k]
            used = reading.in_use[..., k] * (1 - reading.altered)
            for b in np.unique(reading.bins):
                here = reading.bins == b
                if here.sum() < _LEAST_BLOCKS:
                    continue
                shift, guess = received[..., k][here] - point[here], expected[..., k][here] - point[here]
                was = _before(shift, guess, used[here], float(steps[k]), float(reading.box[k, 2]))
                back[..., k][here] = used[here] * (was - shift)
    return synthesise(back, FREQUENCIES)


def _before(shift: np.ndarray, guess: np.ndarray, used: np.ndarray, step: float, left: float) -> np.ndarray:
    """Original coefficients relative to their points, (m,) levels, from received and expected ones."""
    cell = step * step / 12
    total = float(((shift - guess) ** 2).mean())
    variance = max(total - float(used.mean()) * (1 - left) ** 2 * cell, 0.05 * total, _LEAST_SPREAD**2)
    mean = guess
    if left > 0:
        sure = used > _SURE
        noise = float(np.median(np.abs(shift[sure]))) / _MAD if sure.any() else step
        noise2 = max(noise * noise - left * left * cell, _LEAST_NOISE**2)
        precision = 1 / variance + left * left / noise2
        mean = (guess / variance + left * shift / noise2) / precision
        variance = 1 / precision
    return _truncated_mean(mean, np.sqrt(variance), step / 2)


def _truncated_mean(mean: np.ndarray, deviation: float, reach: float) -> np.ndarray:
    """Mean of a normal density of that mean and deviation, cut off at -reach and reach."""
    low, high = (-reach - mean) / deviation, (reach - mean) / deviation
    share = normal_cdf(high) - normal_cdf(low)
    slope = (np.exp(-0.5 * low * low) - np.exp(-0.5 * high * high)) / np.sqrt(2 * np.pi)
    inside = mean + deviation * slope / np.maximum(share, _UNLIKELY)
    return np.clip(np.where(share > _UNLIKELY, inside, mean), -reach, reach)
