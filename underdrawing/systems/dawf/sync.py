"""Synchronization of a received face with the square that it was marked in.

The box of a face moves by some pixels and percent when the face is replaced. For squares of several sizes the
correlations with all shifts come from one product of spectra.

    coarse    the largest correlation with the pilot, whose sign is known
    fine      near it, the largest mean of min(|c_i|, m) + w pilot: an embedded payload leaves no |c_i| below
              its margin m; w weighs both by their standard deviations without a mark
    word      of the best places of the fine search the first whose word is one of the code, else the first
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from underdrawing.faces.regions import Square, aligned, visible
from underdrawing.systems.dawf import patterns

_SCALES = np.exp(np.arange(-8, 9) * 0.01)
_SHIFTS = np.arange(-4, 4.01, 0.5)  # px of the grid
_FINE_SCALES, _FINE_SHIFTS = np.exp(np.arange(-7, 8) * 0.005), np.arange(-1.0, 1.01, 0.125)
_MARGIN, _PILOT_WEIGHT = 0.6, 0.02
_TRIED = 100
"""Places whose words are tried: with at most one wrong bit, 100 random words of 64 bits are accepted with
probability 6e-9, against 6e-7 of the reading itself."""
PRESENT = 5.2
"""Least correlation with the pilot at which there is a mark. An embedded pilot has 6.4 to 12, without a mark
the largest of a search is 2 to 5."""
_HIGHEST = 24  # cycles in the side: above it the pilot has nothing


@dataclass(frozen=True)
class Place:
    """Where a mark is the most likely."""

    square: Square
    pilot: float
    """Correlation with the pilot there; of standard deviation 0.8 without a mark, for one square."""


class Synchronization:
    """Search with the patterns of a reader, (L + 1, 64, 64), the last of which is the pilot."""

    def __init__(self, rows: np.ndarray):
        spectra = np.stack([_spectrum(row) for row in rows]).conj()
        self._all, self._pilot = spectra.astype(np.complex64), spectra[-1:]

    def find(self, picture: np.ndarray, around: Square, is_word: Callable[[np.ndarray], bool]) -> Place:
        """The best of the squares near `around`; picture (H, W, 3) uint8.

        is_word: whether bits (L,) uint8 are a word of the code but for one of them. It is asked only where
        the pilot is strong enough for a mark.
        """
        coarse = self._coarse(picture, around)
        squares = [coarse.square.moved(0.0, 0.0, float(scale)) for scale in _FINE_SCALES]
        found = np.stack([
            _correlations(_detail_spectrum(picture, square).astype(np.complex64) * self._all, _FINE_SHIFTS)
            for square in squares
        ])  # fmt: skip
        scores = np.minimum(np.abs(found[:, :-1]), _MARGIN).mean(1) + _PILOT_WEIGHT * found[:, -1]
        best = np.stack(np.unravel_index(np.argsort(-scores, axis=None)[:_TRIED], scores.shape), 1)
        chosen = best[0]
        if coarse.pilot >= PRESENT:
            words = (found[size, :-1, down, right] > 0 for size, down, right in best)
            matches = (
                place for place, word in zip(best, words, strict=True) if is_word(word.astype(np.uint8))
            )
            chosen = next(matches, chosen)
        size, down, right = chosen
        return Place(_shifted(squares[size], _FINE_SHIFTS[right], _FINE_SHIFTS[down]), coarse.pilot)

    def _coarse(self, picture: np.ndarray, around: Square) -> Place:
        best = Place(around, -np.inf)
        for scale in _SCALES:
            square = around.moved(0.0, 0.0, float(scale))
            found = _correlations(_detail_spectrum(picture, square) * self._pilot, _SHIFTS)[0]
            down, right = np.unravel_index(found.argmax(), found.shape)
            if found[down, right] > best.pilot:
                best = Place(_shifted(square, _SHIFTS[right], _SHIFTS[down]), float(found[down, right]))
        return best


def _shifted(square: Square, right: float, down: float) -> Square:
    """By px of the grid."""
    return square.moved(right / patterns.SIDE, down / patterns.SIDE, 1.0)


def _correlations(products: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """(K, S, S) of the products (K, 49, 25) of spectra, by the shift down and right, px of the grid."""
    rows, cols = np.arange(-_HIGHEST, _HIGHEST + 1), np.arange(_HIGHEST + 1)
    turn = 2j * np.pi / patterns.SIDE
    down = np.exp(turn * np.outer(shifts, rows)).astype(products.dtype)
    right = np.exp(turn * np.outer(cols, shifts)) * np.where(cols == 0, 1, 2)[:, None]
    return (down @ products @ right.astype(products.dtype)).real / patterns.SIDE**2


def _detail_spectrum(picture: np.ndarray, square: Square) -> np.ndarray:
    small = aligned(picture, square, patterns.SIDE)
    luma = np.tensordot(np.float32(patterns.LUMA), small, 1)
    return _spectrum(patterns.detail(luma, visible(square, *picture.shape[:2], patterns.SIDE)))


def _spectrum(plane: np.ndarray) -> np.ndarray:
    """(49, 25) complex: frequencies -24..24 down, 0..24 right."""
    whole = np.fft.rfft2(plane)[:, : _HIGHEST + 1]
    return np.concatenate([whole[-_HIGHEST:], whole[: _HIGHEST + 1]])
