"""Code rates of middle and top layer, chosen by the measured capacity of the picture."""

from __future__ import annotations

import math

from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.parameters import PARTS

MIDDLE_RATES = (
    0.0, 0.05, 0.07, 0.09, 0.105, 0.119, 0.13, 0.145, 0.165, 0.19, 0.22, 0.255, 0.295, 0.345, 0.40, 0.47,
)  # fmt: skip
TOP_RATES = (
    0.0, 0.03, 0.045, 0.06, 0.08, 0.10, 0.125, 0.15, 0.18, 0.21, 0.25, 0.29, 0.33, 0.38, 0.43, 0.48,
)  # fmt: skip
"""Information bits per coded bit; the base layer names one of each by four bits."""
PART_RATES = (0.0, *(round(65536 * 0.02 * 24 ** (i / 62)) / 65536 for i in range(63)))
"""Of a part of the top layer, .02 to .48, named by six bits."""

_EDIT_SHARE = 0.7  # of the frame is left after the largest edit that the code is to survive
_CODE_SHARE = 0.7  # of the information that belief propagation can use
_TO_JPEG_75 = 0.96  # of what JPEG 90 leaves the middle layer
_TOP_SHARE = 0.85  # of what a gray JPEG leaves the top layer, a colour one with its rounding does
_PART_SHARE = 0.93  # the same of a part


def choose_parts(capacity: dict[str, float], rows: int, cols: int) -> tuple[int, ...]:
    """The largest of PART_RATES that survives an edit, by index, for each part of Lattice.capacity_of_parts;
    0 for each without a capacity."""
    share = _EDIT_SHARE * _CODE_SHARE * _PART_SHARE
    return tuple(
        _largest(PART_RATES, code_length(name, rows, cols), share * capacity.get(name, 0.0)) for name in PARTS
    )


def first_part(index: int) -> int:
    """Index of the rate of the first part, by the base layer's."""
    return index & 63


def part_size(name: str, index: int, rows: int, cols: int) -> int:
    """Information bits of a part of the top layer at one of PART_RATES."""
    return math.floor(PART_RATES[index] * code_length(name, rows, cols))


def middle_size(rates: int, rows: int, cols: int, split: bool) -> int:
    """Information bits of the middle layer (0: no such layer) for the base layer's rate index."""
    return math.floor(MIDDLE_RATES[rates >> (6 if split else 4)] * code_length("middle", rows, cols))


def sizes(rates: int, rows: int, cols: int) -> tuple[int, int]:
    """Information bits of middle and top layer (0: no such layer) for the rate index of a base layer without
    parts of the top."""
    top = math.floor(TOP_RATES[rates & 15] * code_length("top", rows, cols))
    return middle_size(rates, rows, cols, False), top


_WANTED_CONTENT_BITS = 30  # beyond the least, after JPEG 50
_WANTED_BASE = 600  # coefficients: noise of 10 levels leaves a third of a bit in each, WebP 50 a fifth


def room(capacity: dict[str, dict[int, float]], least_middle: int) -> float:
    """Capacity after the required channels over the need of identity, signature and least content."""
    middle = _EDIT_SHARE * _CODE_SHARE * min(capacity["middle"][50], capacity["middle"][0])
    return max(0.0, min(middle / (least_middle + _WANTED_CONTENT_BITS), capacity["base"][100] / _WANTED_BASE))


def choose(capacity: dict[str, dict[int, float]], rows: int, cols: int, least_middle: int) -> int:
    """The largest rate index that survives an edit with JPEG 50 or a resize (middle) and with JPEG 90 (top).

    Where a flat picture has no room for a useful middle layer (`least_middle` information bits) at JPEG 50,
    the layer is made for JPEG 75 instead, so that a signature is present. Index 0 of the top where its
    capacity is not given: it has parts, see choose_parts.
    """
    share = _EDIT_SHARE * _CODE_SHARE
    length = code_length("middle", rows, cols)
    i = 0
    middle = capacity["middle"]
    for room in (min(middle[50], middle[0]), middle[50], _TO_JPEG_75 * middle[90]):
        i = _largest(MIDDLE_RATES, length, share * room)
        if MIDDLE_RATES[i] * length >= least_middle:
            break
    else:
        i = 0
    top = share * _TOP_SHARE * capacity["top"].get(90, 0.0)
    return i << 4 | _largest(TOP_RATES, code_length("top", rows, cols), top)


def _largest(rates: tuple[float, ...], length: int, bits: float) -> int:
    return max(i for i, rate in enumerate(rates) if rate * length <= bits or i == 0)
