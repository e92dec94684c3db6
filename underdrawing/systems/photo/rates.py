"""Code rates: how much of a layer's coded bits is information, chosen by what the picture at hand can
carry."""

from __future__ import annotations

import math

import numpy as np

from underdrawing.carriers.lattice.embed import code_length

MIDDLE_RATES = (
    0.0, 0.04, 0.05, 0.06, 0.075, 0.09, 0.11, 0.13, 0.155, 0.18, 0.21, 0.24, 0.275, 0.315, 0.36, 0.41,
)  # fmt: skip
TOP_RATES = (
    0.0, 0.02, 0.03, 0.04, 0.055, 0.07, 0.085, 0.10, 0.12, 0.14, 0.16, 0.18, 0.205, 0.235, 0.27, 0.31,
)  # fmt: skip
"""Information bits per coded bit; the base layer names one of each by four bits."""

_EDIT_SHARE = 0.7  # of the frame is left after the largest edit that the code is to survive
_CODE_SHARE = 0.85  # of the information that belief propagation can use
_TOP_SHARE = 0.9  # of what a gray JPEG leaves the top layer, a colour one with its rounding does
_RESAMPLED_SHARE = 0.62  # of the coefficients in use still carry a bit after a resize by .7


def sizes(rates: int, rows: int, cols: int) -> tuple[int, int]:
    """Information bits of middle and top layer (0: no such layer) for the base layer's rate index."""
    middle = math.floor(MIDDLE_RATES[rates >> 4] * code_length("middle", rows, cols))
    top = math.floor(TOP_RATES[rates & 15] * code_length("top", rows, cols))
    return middle, top


def choose(capacity: dict[str, dict[int, float]], rows: int, cols: int, least_middle: int) -> int:
    """The largest rate index that survives an edit with JPEG 50 or a resize (middle) and with JPEG 90 (top).

    Where a flat picture has no room for a useful middle layer (`least_middle` information bits) at JPEG 50,
    the layer is made for JPEG 75 or 90 instead: a signature that survives less is better than none.
    """
    share = _EDIT_SHARE * _CODE_SHARE
    length = code_length("middle", rows, cols)
    resampled = _RESAMPLED_SHARE * capacity["middle"][100]
    i = 0
    for quality in (50, 75, 90):
        room = share * min(capacity["middle"][quality], resampled if quality == 50 else np.inf)
        i = _largest(MIDDLE_RATES, length, room)
        if MIDDLE_RATES[i] * length >= least_middle:
            break
    else:
        i = 0
    top = share * _TOP_SHARE * capacity["top"][90]
    return i << 4 | _largest(TOP_RATES, code_length("top", rows, cols), top)


def _largest(rates: tuple[float, ...], length: int, bits: float) -> int:
    return max(i for i, rate in enumerate(rates) if rate * length <= bits or i == 0)
