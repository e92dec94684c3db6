"""Parts of a picture that were JPEG-compressed once where the rest was compressed twice, on the same grid.

    coefficient --> rounded to multiples of q1 --> rounded to multiples of q2 (the file's own step)

After both, some multiples of q2 are frequent and some never occur: n(x; q1, q2) is the relative number of
multiples of q1 that arrive at x. Content that was inserted between the two compressions lacks this comb.

    h(x) ~ h0(x) ((1 - a) + a n(x))            h: histogram, h0: off the grid
    ln e = sum over coefficients -ln n(x)      of a window; E[e] <= 1 where the window was compressed twice

e is thus an e-value: P(e >= t) <= 1 / t, which bounds the false alarms. Files that are no JPEG have q2 = 1:
then content that never was a JPEG differs from the rest. Model of n, and h0 from the shifted grid: Bianchi
and Piva, IEEE TIFS 7(3), 2012, with the rounding to pixels between both steps added.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import Evidence, to_pixels
from underdrawing.judging.classical.view import View
from underdrawing.ops.dct import BLOCK, analyse
from underdrawing.ops.special import normal_cdf

_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))
"""(vertical, horizontal); higher ones are 0 too often."""
_RANGE = 48
"""Largest multiple of q2 that is counted, on either side."""
_STEPS = np.arange(2, 41)
"""First steps q1 that are tried, where they are above q2: smaller ones leave no value out."""
_SHARES = np.array([0.7, 0.85, 0.95, 0.99])
"""Of coefficients that were compressed twice (a)."""
_ROUNDING = 0.35
"""Standard deviation of a coefficient by the rounding of pixels, measured on files of quality 60 to 98."""
_LEAST_N = 0.15
"""n is not below this: noise reaches every value."""
_LEAST_GAIN, _LEAST_COUNT = 0.1, 200
"""Least gain of the comb in ln likelihood for each coefficient beyond 1, and least number of such
coefficients, for it to count as found. Those of 0 and 1 count nowhere: n is wrong beside the peak at 0."""
_LEAST_COMBS = 3
"""Frequencies with a comb, from which the picture counts as compressed twice."""
_WINDOW = 8
"""Side of the windows, in blocks."""
_LEAST_SCORE = 5.0
"""-log10 of the bound on the windows that would be found in a picture that was compressed twice all over.
Photographs reach 2, where h0 or the rounding is not as modelled."""
_DEPENDENT = 4.0
"""ln e is divided by this: coefficients of one block depend on each other, and neighbouring blocks do."""
_DARK, _LIGHT = 12, 243
"""Blocks with a channel beyond these levels may have been clipped between both compressions, and do not
count; subsampled chroma moves channels by some levels."""
_INNOCENT = (
    "Captions, frames and logos added before the last saving look the same; so do areas without texture at "
    "the edge of clipping."
)
_ABSENT = "This proves nothing: an inserted part can have the same history, and scaling removes the traces."


class _Comb(NamedTuple):
    """Traces of a first compression in one frequency."""

    first: int
    """q1."""
    logs: np.ndarray
    """-ln n of each multiple from -_RANGE to _RANGE."""


def double_jpeg(view: View) -> Evidence:
    """Evidence from the combs of a picture. Score: -log10 of the expected false alarms."""
    plane, steps, origin = view.plane, view.luma_steps, view.grid.origin
    if origin is None:
        return Evidence(False, "No JPEG compression was found whose traces could be compared.", _ABSENT, 0.0)
    blocks, shifted = _coefficients(plane, origin), _coefficients(plane, tuple(o + 4 for o in origin))
    usable = _usable(view.image, origin)
    total, found = np.zeros(usable.shape, np.float32), []
    for number, frequency in enumerate(_FREQUENCIES):
        step = 1 if steps is None else int(steps[frequency])
        values = _multiples(blocks[..., number], step)
        comb = _comb(values[usable], _multiples(shifted[..., number], step).ravel(), step)
        if comb is not None:
            found.append(comb)
            total += comb.logs[values + _RANGE]
    if len(found) < _LEAST_COMBS or np.median(total[usable & (total != 0)]) >= 0:
        once = "No trace of an earlier compression than that of the file was found."
        text = once if steps is not None else "No regular steps were found in the JPEG blocks of the picture."
        return Evidence(False, text, _ABSENT, 0.0)
    return _evidence(view, np.where(usable, total / _DEPENDENT, 0), found)


def _evidence(view: View, logs: np.ndarray, found: list[_Comb]) -> Evidence:
    """logs: (r, c) ln e of every block."""
    jpeg = view.luma_steps is not None
    window = min(_WINDOW, *logs.shape)
    sums = cv2.boxFilter(logs, -1, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT)
    scores = sums / np.log(10) - np.log10(sums.size)
    score = float(scores.max())
    history = "twice" if jpeg else "once"
    first = "/".join(str(comb.first) for comb in found[:3])
    if score < _LEAST_SCORE:
        text = f"The picture was compressed {history} as a JPEG (earlier steps {first}), all parts alike."
        return Evidence(False, text, _ABSENT, max(score, 0.0))
    cells = np.clip((scores - _LEAST_SCORE / 2) / _LEAST_SCORE, 0, 1).astype(np.float32)
    whole = np.zeros_like(view.plane)
    top, left = view.grid.origin or (0, 0)
    inside = whole[top:, left:]
    rows, cols = (side * BLOCK for side in logs.shape)
    inside[:rows, :cols] = to_pixels(cells, (rows, cols))
    share = float((scores >= _LEAST_SCORE).mean())
    lacking = "the first of both compressions" if jpeg else "this compression"
    text = (
        f"The picture was compressed {history} as a JPEG (earlier steps {first}), but a part "
        f"({100 * share:.0f} % of the picture) lacks the traces of {lacking}."
    )
    return Evidence(True, text, _INNOCENT, score, whole)


def _coefficients(plane: np.ndarray, origin: tuple[int, ...]) -> np.ndarray:
    """(r, c, 9) DCT coefficients of the blocks of a grid."""
    top, left = origin
    rows, cols = (plane.shape[0] - top) // BLOCK * BLOCK, (plane.shape[1] - left) // BLOCK * BLOCK
    return analyse(plane[top : top + rows, left : left + cols], _FREQUENCIES)


def _usable(image: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
    """(r, c) bool: blocks without clipped pixels."""
    top, left = origin
    rows, cols = (image.shape[0] - top) // BLOCK, (image.shape[1] - left) // BLOCK
    inside = cv2.inRange(image[top:, left:], (_DARK,) * 3, (_LIGHT,) * 3)[: rows * BLOCK, : cols * BLOCK]
    return inside.reshape(rows, BLOCK, cols, BLOCK).min((1, 3)) > 0


def _multiples(coefficients: np.ndarray, step: int) -> np.ndarray:
    """The nearest multiple of the step, limited to _RANGE, as an integer."""
    return np.clip(np.rint(coefficients / step), -_RANGE, _RANGE).astype(np.int16)


def _comb(values: np.ndarray, shifted: np.ndarray, step: int) -> _Comb | None:
    """The first step that explains a histogram best, if any does."""
    x = np.arange(-_RANGE, _RANGE + 1)
    inner = (np.abs(x) < _RANGE) & (np.abs(x) > 1)
    counts = np.bincount(values + _RANGE, minlength=x.size)[inner].astype(float)
    smooth = np.bincount(shifted + _RANGE, minlength=x.size).astype(float)
    smooth = np.convolve(smooth + smooth[::-1], (0.25, 0.5, 0.25), "same")[inner] + 1e-3
    if counts.sum() < _LEAST_COUNT or step >= _STEPS[-1]:
        return None
    steps = _STEPS[step < _STEPS]
    numbers = np.stack([_expected(first, step) for first in steps])
    n = numbers[:, inner]
    gains = []
    for share in _SHARES:
        model = np.maximum((1 - share) + share * n, _LEAST_N)
        norm = (model * smooth).sum(1) / smooth.sum()
        gains.append(np.log(model / norm[:, None]) @ counts)
    gain = np.max(gains, 0) / counts.sum()
    best = int(gain.argmax())
    if gain[best] < _LEAST_GAIN:
        return None
    logs = -np.log(np.maximum(numbers[best], _LEAST_N))
    logs[~inner] = 0
    return _Comb(int(steps[best]), logs.astype(np.float32))


def _expected(first: int, step: int) -> np.ndarray:
    """n(x; first, step) for x from -_RANGE to _RANGE; its mean is 1."""
    reach = (_RANGE + 1) * step // first + 1
    levels = np.arange(-reach, reach + 1)[:, None] * first
    edges = (np.arange(-_RANGE, _RANGE + 2) - 0.5) * step
    below = normal_cdf((edges - levels) / _ROUNDING)
    return np.diff(below, axis=1).sum(0) * first / step
