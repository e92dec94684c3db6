"""Parts of a picture whose noise is much weaker or stronger than elsewhere at the same brightness.

    r = diagonal high-pass of luma (texture and edges are weakest there)
    noise of a window = lower quantile of the standard deviations of r in its 8x8 cells
    deviation = |log2(noise / median noise of windows of that brightness)|

The lower quantile is that of the flattest cells. After Mahdian and Saic, Image and Vision Computing 27(10),
2009, with quantiles of cells in place of the wavelet median.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import Evidence, to_pixels
from underdrawing.judging.classical.view import View

_DIAGONAL = np.array([[0.5, -0.5], [-0.5, 0.5]], np.float32)
_CELL, _WINDOW, _STEP = 8, 8, 4
"""Cells in px; windows and their step in cells."""
_QUANTILE = 0.2
_LEAST_NOISE = 0.1
"""Levels, added to both: below it noise is that of rounding."""
_LEVELS = 4
"""Classes of brightness."""
_CLIPPED = 3.0
"""Windows nearer to black or white than this many levels have no noise, and do not count."""
_LEAST_DEVIATION, _LEAST_SHARE = 4.0, 0.02
"""log2 of the ratio, and connected share of the picture, that are found."""
_FULL = 6.0
"""log2 of the ratio that the map shows as 1."""
_INNOCENT = (
    "Sky, blur, texture and JPEG compression change the noise of untouched photographs just as much: "
    "by itself this means little."
)
_ABSENT = "This proves nothing: parts of the same or of a similar photograph have the same noise."


def noise(view: View) -> Evidence:
    """Evidence from the noise of a picture. Score: largest deviation of a connected region,
    log2 of the ratio."""
    plane = view.plane
    level, brightness = _noise(plane)
    counts = (brightness > _CLIPPED) & (brightness < 255 - _CLIPPED)
    if counts.sum() < 16:
        return Evidence(
            None, "The picture is too flat or too small to compare its noise.", "Nothing follows."
        )
    deviation = np.where(counts, _deviation(level, brightness, counts), 0).astype(np.float32)
    areas = (np.abs(deviation) >= _LEAST_DEVIATION).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(areas, connectivity=4)
    large = [n for n, row in enumerate(stats) if n and row[cv2.CC_STAT_AREA] >= _LEAST_SHARE * areas.size]
    if not large:
        score = float(np.quantile(np.abs(deviation), 1 - _LEAST_SHARE))
        text = "The noise is about the same everywhere at the same brightness."
        return Evidence(False, text, _ABSENT, score)
    kept = np.isin(labels, large)
    means = [float(deviation[labels == n].mean()) for n in large]
    strongest = max(means, key=abs)
    word = "weaker" if strongest < 0 else "stronger"
    text = (
        f"In {100 * kept.mean():.0f} % of the picture the noise is {word} than elsewhere at the same "
        f"brightness, up to {2 ** abs(strongest):.0f} times."
    )
    cells = np.where(kept, np.clip(np.abs(deviation) / _FULL, 0, 1), 0)
    return Evidence(True, text, _INNOCENT, abs(strongest), to_pixels(cells, plane.shape))


def _noise(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) of windows: noise and brightness, levels."""
    rows, cols = (length // _CELL for length in plane.shape)
    residual = cv2.filter2D(plane, -1, _DIAGONAL)[: rows * _CELL, : cols * _CELL]
    size = (cols, rows)
    spread = np.sqrt(cv2.resize(np.square(residual, out=residual), size, interpolation=cv2.INTER_AREA))
    light = cv2.resize(plane[: rows * _CELL, : cols * _CELL], size, interpolation=cv2.INTER_AREA)
    view = np.lib.stride_tricks.sliding_window_view(spread, (_WINDOW, _WINDOW))[::_STEP, ::_STEP]
    flat = view.reshape(*view.shape[:2], -1)
    rank = int(_QUANTILE * flat.shape[-1])
    bright = np.lib.stride_tricks.sliding_window_view(light, (_WINDOW, _WINDOW))[::_STEP, ::_STEP].mean(
        (2, 3)
    )
    return np.partition(flat, rank, axis=-1)[..., rank], bright


def _deviation(level: np.ndarray, brightness: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """log2 of the noise over its median among windows of that brightness."""
    logs = np.log2(level + _LEAST_NOISE)
    edges = np.quantile(brightness[counts], np.linspace(0, 1, _LEVELS + 1)[1:-1])
    classes = np.searchsorted(edges, brightness)
    usual = np.zeros(_LEVELS)
    for number in range(_LEVELS):
        inside = counts & (classes == number)
        usual[number] = np.median(logs[inside] if inside.any() else logs[counts])
    return logs - usual[classes]
