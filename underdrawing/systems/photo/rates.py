"""Code rates: how much of a layer's coded bits is information, chosen by what the picture at hand can carry."""

from __future__ import annotations

import math

from underdrawing.carriers.lattice.embed import code_length

MIDDLE_RATES = (0.0, 0.05, 0.08, 0.11, 0.15, 0.20, 0.27, 0.36)
TOP_RATES = (0.0, 0.03, 0.06, 0.09, 0.12, 0.16, 0.20, 0.25)
"""Information bits per coded bit; the base layer names one of each by three bits."""

_EDIT_SHARE = 0.7  # of the frame is left after the largest edit that the code is to survive
_CODE_SHARE = 0.85  # of the information that belief propagation can use
_RESAMPLED_SHARE = 0.62  # of the coefficients in use still carry a bit after a resize by .7


def sizes(rates: int, rows: int, cols: int) -> tuple[int, int]:
    """Information bits of middle and top layer (0: no such layer) for the base layer's rate index."""
    middle = math.floor(MIDDLE_RATES[rates >> 3] * code_length("middle", rows, cols))
    top = math.floor(TOP_RATES[rates & 7] * code_length("top", rows, cols))
    return middle, top


def choose(capacity: dict[str, dict[int, float]], rows: int, cols: int, least_middle: int) -> int:
    """The largest rate index that survives an edit with JPEG 50 or a resize (middle) and with JPEG 90 (top).

    `least_middle`: information bits without which a middle layer is useless.
    """
    share = _EDIT_SHARE * _CODE_SHARE
    middle = share * min(capacity["middle"][50], _RESAMPLED_SHARE * capacity["middle"][100])
    top = share * capacity["top"][90]
    i = _largest(MIDDLE_RATES, code_length("middle", rows, cols), middle)
    if MIDDLE_RATES[i] * code_length("middle", rows, cols) < least_middle:
        i = 0
    return i << 3 | _largest(TOP_RATES, code_length("top", rows, cols), top)


def _largest(rates: tuple[float, ...], length: int, bits: float) -> int:
    return max(i for i, rate in enumerate(rates) if rate * length <= bits or i == 0)
