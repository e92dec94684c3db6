"""Frames with the same bits in different patterns of signs: which frame has which, and where it is read.

    c (T, K, K): coefficients of the frames, times the signs of the first pattern
    factors (V, K, K) of -1 and 1: signs of each pattern over those of the first one
    sums: (..., K, K) -> (..., groups), the sum over each group of coefficients

What a still scene adds to the sums differs from pattern to pattern, so that a mean over the frames takes it
away, as it does in a moving scene. Frames are lost and reordered: the reader finds their patterns by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Sums = Callable[[np.ndarray], np.ndarray]
_ROUNDS = 4
_NOT_AS_SENT = 0.7  # weight of the ratio of all assignments but the one of a whole clip in its order
_LEAST_ALONE = 1.4  # ratio from which one frame has another pattern than the first: 1 +- .12 without a mark
WEIGHTED = 2
"""Readings with weights."""
_EVEN = 0.5  # deviation of the absolute sums over their mean below which nothing disturbs them
_SURE_BITS = 1.5  # slope of tanh over the mean of the absolute sums
_NEAR_PX = 8.0  # standard deviation of the means around a place
_SURE = 0.9  # share of the mark's own energy that is taken out of that of the noise
_LEAST_NOISE = 0.05  # of the energy around a place
_EVERYWHERE = 0.3  # weight of every place, over the mean of the others


def energy_ratio(coefficients: np.ndarray, sums: Sums) -> float:
    """Energy of the sums over that of the coefficients (K, K): 1 for independent signs, n for a pure mark."""
    return float((sums(coefficients) ** 2).sum()) / max(float((coefficients**2).sum()), 1e-9)


def aligned_mean(coefficients: np.ndarray, factors: np.ndarray, of: np.ndarray) -> np.ndarray:
    """(K, K): mean over the frames, each with the factors of its pattern, of (T,)."""
    return (coefficients * factors[of]).mean(0)


def assigned(coefficients: np.ndarray, factors: np.ndarray, sums: Sums, numbers: np.ndarray) -> np.ndarray:
    """The pattern of each frame, (T,) int64: of some candidates the one with the highest energy ratio.

    Candidates: the patterns in turn at every step and from every start, by the numbers (T,) of the frames in
    the received clip; and from every frame and pattern as a start, for each frame the pattern that agrees
    best with the others. The mean over the frames is no agreement: a still scene has it. Where the energy
    shows little, the frames are taken as sent: the ratios of all other candidates count for less.
    """
    count, kinds = len(coefficients), len(factors)
    step, first = np.divmod(np.arange(kinds**2)[:, None], kinds)
    candidates = (first + step * numbers) % kinds
    if count > 1:
        s = sums(coefficients[:, None] * factors)
        u = s - s.mean(0)
        u /= np.sqrt((u**2).mean((1, 2), keepdims=True)) + 1e-9
        frame, pattern = np.repeat(np.arange(count), kinds), np.tile(np.arange(kinds), count)
        start = np.arange(count * kinds)
        agreement = u.reshape(count * kinds, -1) @ u.reshape(count * kinds, -1).T
        found = agreement.reshape(-1, count, kinds)
        found[start, frame], found[start, frame, pattern] = -np.inf, np.inf
        of = found.argmax(2)
        for _ in range(_ROUNDS - 1):
            own = u[np.arange(count), of]
            others = own.sum(1, keepdims=True) - own
            of = np.einsum("tvg,ntg->ntv", u, others, optimize=True).argmax(2)
        candidates = np.concatenate([candidates, np.unique(of, axis=0)])
    ratios = np.array([energy_ratio(aligned_mean(coefficients, factors, of), sums) for of in candidates])
    as_sent = (candidates == numbers % kinds).all(1)
    ratios[~as_sent] *= _NOT_AS_SENT
    if count == 1:
        ratios[~as_sent & (ratios < _NOT_AS_SENT * _LEAST_ALONE)] = 0
    return candidates[int(np.argmax(ratios))]


def weighted_sums(
    volumes: np.ndarray,
    sums_of: Callable[[np.ndarray], np.ndarray],
    mark_of: Callable[[np.ndarray], np.ndarray],
    rounds: int = WEIGHTED,
) -> np.ndarray:
    """The sums over the groups, places weighted by how well they agree with the bits as they are read first.

    volumes (V, H, W): the mean of the frames of each pattern. sums_of: of volumes, (groups,). mark_of: the
    mark in the volumes, of likely bits from -1 to 1, (groups,).
    """
    sums = sums_of(volumes)
    for _ in range(rounds):
        size = np.abs(sums)
        if size.std() < _EVEN * size.mean():
            break
        likely = np.tanh(_SURE_BITS * sums / (size.mean() + 1e-9)).astype(np.float32)
        sums = sums_of(volumes * reliability(volumes, mark_of(likely)))
    return sums


def reliability(received: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Weights of places (H, W), mean 1, by Wiener's rule: amplitude of the mark over the power of the rest.

    received, expected: (V, H, W), the mean of the frames of each pattern, and the mark in it as far as the
    bits are known.
    """
    energy, mark = _near((received**2).sum(0)), _near((expected**2).sum(0))
    amplitude = _near((received * expected).sum(0)).clip(0) / (mark + 1e-9)
    noise = energy - _SURE * amplitude**2 * mark + _LEAST_NOISE * energy
    weights = amplitude / (noise + 1e-9)
    weights = weights / max(float(weights.mean()), 1e-9) + _EVERYWHERE
    return weights / weights.mean()


def _near(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), _NEAR_PX, borderType=cv2.BORDER_REFLECT)
