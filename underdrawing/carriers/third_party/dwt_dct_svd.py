"""DwtDctSvd as a carrier, by the package invisible-watermark.

One bit for every 8x8 pixels of the blue difference U: the largest singular value of the DCT of a 4x4 block of
its Haar approximation is moved to a quarter or to three quarters of a step of 36.

The package's own `encode` has three faults, met with its version 0.2.0: it exchanges the horizontal and
vertical details on the way back, cuts values off instead of rounding them, and lets saturated colours wrap
around from 0 to 255. They cost .7 to 3 dB and are avoided here: its `encode_frame` and `decode_frame` do the
work, the transforms around them are done by PyWavelets as they are meant. Either side reads the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.extras import optional
from underdrawing.carriers.lattice.soft_bits import concentration_of, log_i0
from underdrawing.core.interfaces import Reading
from underdrawing.ops.protection import Protection

BLOCK_PX = 8
STEP = 36.0
LEAST_PIXELS = 256 * 256
"""The package refuses smaller pictures."""
_U = 1
_LEAST_KAPPA = 0.3  # where the picture shows none: a coarse JPEG's errors spread over half a step


@dataclass(frozen=True)
class DwtDctSvd:
    """Hides a bit in every `copies` blocks of 8x8 pixels; knows by its lattice where it was altered.

    It has no key, and a picture of one colour lies on one point of the lattice by itself: so it cannot tell
    whether it is present.

    Soft bits are likelihood ratios as those of the dithered lattice (carriers/lattice/read.py): the place
    of each value in its step is an angle with a von Mises density, whose concentration is measured in the
    picture itself; the ratios of a bit's copies are added. Calibrated where errors are alike all over it.
    """

    copies: int = 64
    """Blocks for each bit of the longest message; a shorter one has more."""
    name: str = "dwt-dct-svd"
    tells_length: ClassVar[bool] = False

    def __post_init__(self):
        self._embedder([])

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """Blocks over copies; 0 below 65,536 pixels."""
        checked_picture(image_u8)
        height, width = image_u8.shape[:2]
        return _blocks(height) * _blocks(width) // self.copies if height * width >= LEAST_PIXELS else 0

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier."""
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        pywt = optional("pywt", "rivagan")
        yuv = cv2.cvtColor(image_u8, cv2.COLOR_RGB2YUV)
        plane = _whole(yuv)
        approximation, details = pywt.dwt2(plane.astype(np.float64), "haar")
        self._embedder(bits.tolist()).encode_frame(approximation, STEP)
        plane[:] = np.clip(np.rint(pywt.idwt2((approximation, details), "haar")), 0, 255)
        return Protection.between(image_u8, cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB))

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Reader. The frame has to be as it was: no crop, no other size."""
        checked_picture(received_u8)
        rows, cols = _blocks(received_u8.shape[0]), _blocks(received_u8.shape[1])
        checked_count(count, rows * cols, self.name)
        plane = _whole(cv2.cvtColor(received_u8, cv2.COLOR_RGB2YUV))
        approximation, _ = optional("pywt", "rivagan").dwt2(plane.astype(np.float64), "haar")
        places = _positions(self._embedder([]), approximation)
        theta = 2 * np.pi * (places - 0.25)
        kappa = max(_LEAST_KAPPA, float(concentration_of(np.cos(2 * theta).mean())))
        llr = 2 * kappa * np.cos(theta)
        index = np.arange(rows * cols) % count
        soft = np.bincount(index, llr, count).astype(np.float32)
        right = np.where(soft[index] < 0, -1, 1) * np.cos(theta)
        log_ratio = (kappa * right - log_i0(np.float64(kappa))).reshape(rows, cols)
        return Reading(soft, present=None, evidence=_in_frame(log_ratio, received_u8.shape[:2]))

    @staticmethod
    def _embedder(bits: list[int]):
        package = optional("imwatermark.dwtDctSvd", "rivagan")

        class Positions(package.EmbedDwtDctSvd):
            """The package's decoder, with the position of each value in its step instead of a hard bit."""

            def infer_dct_svd(self, block, scale):
                largest = np.linalg.svd(cv2.dct(block), compute_uv=False)[0]
                return largest % scale / scale

        return Positions(bits, wmLen=max(1, len(bits)))


def _blocks(side_px: int) -> int:
    return side_px // 4 * 4 // BLOCK_PX


def _whole(yuv: np.ndarray) -> np.ndarray:
    """The part of U, a view, that the package transforms."""
    return yuv[: yuv.shape[0] // 4 * 4, : yuv.shape[1] // 4 * 4, _U]


def _positions(embedder, approximation: np.ndarray) -> np.ndarray:
    """(blocks,) place in [0, 1) of each block's value in its step; written at 1/4 for bit 0, at 3/4 for 1."""
    return np.asarray(embedder.decode_frame(approximation, STEP, [[]])[0])


def _in_frame(blocks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    result = np.zeros(size, np.float32)
    spread = np.kron(blocks, np.ones((BLOCK_PX, BLOCK_PX)))
    result[: spread.shape[0], : spread.shape[1]] = spread
    return result
