"""The plain code that GIFGuard starts from: bits as spread-spectrum groups of DCT coefficients of a frame.

    intensity --DCT, band, rising gain--> y --soft clip--> z --signs, sum by group--> s (margin > 0: bit 1)

Each group has the same number of coefficients of every radius of the band, with pseudo-random signs. The soft
clip suppresses the picture: most of its energy in the band is at few edges. The strength follows the activity
around a place, which hides the code. The embedding is informed: it moves each group up to its margin,
whatever the picture is, frame by frame, so that any choice, order and number of frames is read alike. The
groups after those of the bits are pilots, always 1, for the alignment. The frames of an animation take a few
patterns of signs in turn (carriers/frame_patterns.py), in which the pilots are alike.

The functions use only operators that numpy arrays and PyTorch tensors share, so that the training and a
program without PyTorch run the same code; `SpreadCode.mapped` changes the kind of its tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from underdrawing.ops.window import SIDE, means_around

_SEED = 7


@dataclass(frozen=True)
class CodeConfig:
    """Parameters of the plain code."""

    bits: int = 128
    """L, the length of a message."""
    pilots: int = 12
    """Groups of a known value."""
    band: tuple[int, int] = (22, 64)
    """Radii of the coefficients, in half periods per frame: below, pictures are strong; above, codecs are."""
    emphasis: float = 1.5
    """Exponent of the gain over the radius, which whitens pictures and leaves a slope for the soft clip."""
    clip: float = 3.0
    """c of z = y / sqrt(1 + (y / c)^2), in levels."""
    margin: float = 38.0
    """Least statistic of a group of a marked frame, with the sign of its bit."""
    rounds: int = 6
    """Corrections of the embedding."""
    most_rms: float = 3.1
    """Largest root mean square of the change of a frame, in levels: 38.3 dB. Texture then has less margin."""
    smooth: float = 0.2
    """Strength in a smooth place, where grain shows the most, as a share of that in texture."""
    textured: float = 4.0
    """Mean of |y| around a place from which the strength is full, in levels."""
    patterns: int = 4
    """Patterns that the frames of an animation take in turn; the first one is that of single pictures."""
    around: float = 4.0
    """Standard deviation of that mean, px."""


@dataclass(frozen=True)
class SpreadCode:
    """Tables of the code. All functions work on volumes (..., T, side, side) in levels of 0..255."""

    config: CodeConfig
    basis: Any
    """(K, side) rows of the orthonormal DCT, K the outer radius."""
    transposed: Any
    """(side, K)."""
    gain: Any
    """(K, K) of the band, zero outside."""
    order: Any
    """(groups, n) int64: places of the coefficients of each group in the flat (K, K)."""
    place: Any
    """(K, K) int64: the group of each coefficient; `groups` for those of none."""
    signs: Any
    """(K, K) of -1 and 1, zero outside of the groups."""
    patterns: Any
    """(V, K, K) of -1 and 1: signs of each pattern over `signs`; the first is 1, and 1 for pilots."""
    near: Any
    """(side, side) rows of the weights of a mean around each place."""

    @classmethod
    def of(cls, config: CodeConfig) -> SpreadCode:
        """The tables, as numpy arrays."""
        low, high = config.band
        k, n = np.arange(high)[:, None], np.arange(SIDE)
        basis = np.cos(np.pi * (n + 0.5) * k / SIDE) * np.sqrt((2 - (k == 0)) / SIDE)
        radius = np.hypot(k, np.arange(high)).ravel()
        groups = config.bits + config.pilots
        band = np.flatnonzero((radius >= low) & (radius < high))
        band = band[np.argsort(radius[band], kind="stable")]
        band = band[: len(band) // groups * groups]
        rng = np.random.default_rng(_SEED)
        of_group = np.concatenate([rng.permutation(groups) for _ in range(len(band) // groups)])
        gain, place, signs = np.zeros(high**2), np.full(high**2, groups), np.zeros(high**2)
        gain[band], place[band] = (radius[band] / high) ** config.emphasis, of_group
        signs[band] = rng.choice([-1, 1], len(band))
        plane = (high, high)
        patterns = rng.choice([-1, 1], (config.patterns, *plane))
        patterns[0], patterns[:, place.reshape(plane) >= config.bits] = 1, 1
        return cls(
            config,
            basis.astype(np.float32),
            np.ascontiguousarray(basis.T, np.float32),
            gain.reshape(plane).astype(np.float32),
            band[np.argsort(of_group, kind="stable")].reshape(groups, -1),
            place.reshape(plane),
            signs.reshape(plane).astype(np.float32),
            patterns.astype(np.float32),
            means_around(config.around),
        )

    def mapped(self, change: Callable[[np.ndarray], Any]) -> SpreadCode:
        """The same tables as another kind of array."""
        names = ("basis", "transposed", "gain", "order", "place", "signs", "patterns", "near")
        return replace(self, **{name: change(getattr(self, name)) for name in names})

    def coefficients(self, volume: Any) -> Any:
        """(..., K, K) of (..., side, side)."""
        return self.basis @ volume @ self.transposed

    def spatial(self, coefficients: Any) -> Any:
        """(..., side, side) of (..., K, K)."""
        return self.transposed @ coefficients @ self.basis

    def band(self, intensity: Any) -> Any:
        """y of the mean of the three channels."""
        return self.spatial(self.coefficients(intensity) * self.gain)

    def suppressed(self, y: Any) -> Any:
        """z of y: picture edges are clipped."""
        return y * self.slope(y)

    def slope(self, y: Any) -> Any:
        """z / y: 1 where a frame is smooth in the band, towards 0 at edges; the code is embedded by it."""
        return (1 + (y / self.config.clip) ** 2) ** -0.5

    def masking(self, y: Any) -> Any:
        """Strength of the code by what hides it: `smooth` in a sky, 1 in texture."""
        activity = self.near @ abs(y) @ self.near.T / self.config.textured
        return self.config.smooth + (1 - self.config.smooth) * activity.clip(0, 1)

    def statistics(self, z: Any, weights: Any = 1.0) -> Any:
        """s (..., groups). weights: of the coefficients, (K, K)."""
        return self.sums(self.signed(z) * weights)

    def signed(self, z: Any) -> Any:
        """(..., K, K): coefficients, times the signs of the first pattern."""
        return self.coefficients(z) * self.signs

    def sums(self, signed: Any) -> Any:
        """(..., groups) of (..., K, K)."""
        return signed.reshape((*signed.shape[:-2], -1))[..., self.order].sum(-1)

    def pattern(self, values: Any, pattern: Any = 1.0) -> Any:
        """(..., side, side) of the values (..., groups + 1) of the groups; the last is that of no group."""
        return self.spatial(values[..., self.place] * (self.signs * pattern))

    def embedded(self, frames: Any, signs: Any, pattern: Any = 1.0) -> Any:
        """Change (..., T, side, side) of each channel that marks frames (..., 3, T, side, side).

        signs: (..., 1, groups + 1) of -1 and 1, 0 for the last. pattern: (T, K, K), `patterns` of the frames.
        """
        c = self.config
        y = self.band(frames.mean(-4))
        slope = self.slope(y)
        shape = slope * self.masking(y)
        # ds/dv of a group: its coefficients, through the shape at embedding and dz/dy = slope^3 at reading.
        response = ((slope**3 * shape).mean((-2, -1)).clip(_LEAST_RESPONSE) * self._response)[..., None]
        change, values, margin = 0 * y, 0 * response * signs, c.margin + 0 * response
        for _ in range(c.rounds):
            marked = (frames + change[..., None, :, :, :]).clip(0, 255).mean(-4)
            reached = signs[..., :-1] * self.statistics(self.suppressed(self.band(marked)), pattern)
            values[..., :-1] = (values[..., :-1] + 0.9 * (margin - reached) / response).clip(0)
            change = shape * self.pattern(values * signs, pattern)
            excess = (c.most_rms / ((change**2).mean((-2, -1)) ** 0.5 + 1e-6)).clip(0, 1)[..., None]
            margin, change = margin * excess, change * excess[..., None]
        return change

    @property
    def _response(self) -> float:
        """Sum of the gains of a group, mean over the groups."""
        return float(self.gain.sum()) / self.order.shape[0]


_LEAST_RESPONSE = 0.05  # of a frame of edges alone: bounds the change
