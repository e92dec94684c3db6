"""Attacks on private mode without its secret: keep or write coefficients that a dithered lattice accepts.

    congruent      one picture is known: each new coefficient keeps the old one's place on the lattice
    learn_dither   pictures under one secret are known: the dither where they agree, block by block
    rewrite        the old coefficient's bit, written with a dither that was learned

The attacker knows block grid, frequencies and steps from the source; the dither is the secret. Pictures are
(H, W, 3) uint8 RGB of at most 1,024 px, frequencies (v, u) of the 8x8 DCT of the luma, steps in levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from underdrawing.ops.color import luma, luma_direction, with_luma_changed
from underdrawing.ops.dct import analyse, synthesise

Frequencies = Sequence[tuple[int, int]]


def congruent(
    protected_u8: np.ndarray,
    edited_u8: np.ndarray,
    mask: np.ndarray,
    frequencies: Frequencies,
    steps: np.ndarray,
    modulo: float = 1.0,
) -> np.ndarray:
    """The edited picture, each coefficient under the mask congruent to the protected picture's.

    modulo: in steps. 1 keeps the bits, for twice the change of 1/2, which keeps the distance to the nearest
    point of either bit. mask: (H, W) bool; whole blocks that touch it are changed.
    """

    def nearest(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        unit = steps * modulo
        return old + unit * np.rint((new - old) / unit)

    return _moved(protected_u8, edited_u8, mask, frequencies, nearest)


def rewrite(
    protected_u8: np.ndarray,
    edited_u8: np.ndarray,
    mask: np.ndarray,
    frequencies: Frequencies,
    steps: np.ndarray,
    dither: np.ndarray,
) -> np.ndarray:
    """The edited picture with the protected picture's bits, written with a learned dither (rows, cols, n)."""

    def nearest(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        offset = dither[: old.shape[0], : old.shape[1]]
        bit = np.rint(2 * (old / steps - offset)) % 2
        offset = offset + 0.5 * bit
        return steps * (np.rint(new / steps - offset) + offset)

    return _moved(protected_u8, edited_u8, mask, frequencies, nearest)


def learn_dither(
    pictures: Iterable[np.ndarray], frequencies: Frequencies, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Dither modulo 1/2, in steps, and agreement in [0, 1] of every coefficient, each (rows, cols, n).

    The mean over the pictures of the doubled phase: on a lattice it does not depend on the bit. Pictures of
    different sizes share the blocks of the smallest one.
    """
    phases = [np.exp(4j * np.pi * _coefficients(picture, frequencies) / steps) for picture in pictures]
    rows, cols = (min(phase.shape[axis] for phase in phases) for axis in (0, 1))
    mean = np.mean([phase[:rows, :cols] for phase in phases], axis=0)
    return np.angle(mean) / (4 * np.pi) % 0.5, np.abs(mean)


def _coefficients(picture_u8: np.ndarray, frequencies: Frequencies) -> np.ndarray:
    rows, cols = picture_u8.shape[0] // 8, picture_u8.shape[1] // 8
    return analyse(luma(picture_u8)[: 8 * rows, : 8 * cols], tuple(frequencies))


def _moved(
    protected_u8: np.ndarray,
    edited_u8: np.ndarray,
    mask: np.ndarray,
    frequencies: Frequencies,
    nearest: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """The edited picture, its coefficients at the blocks of the mask moved to `nearest(old, new)`."""
    old, new = (_coefficients(picture, frequencies) for picture in (protected_u8, edited_u8))
    rows, cols = old.shape[:2]
    share = cv2.resize(
        mask[: 8 * rows, : 8 * cols].astype(np.float32), (cols, rows), interpolation=cv2.INTER_AREA
    )
    change = np.zeros(mask.shape, np.float32)
    moves = (nearest(old, new) - new) * (share > 0)[..., None]
    change[: 8 * rows, : 8 * cols] = synthesise(moves.astype(np.float32), tuple(frequencies))
    return with_luma_changed(edited_u8, change, luma_direction(edited_u8))
