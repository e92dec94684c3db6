"""Where the picture shows something else than its own signed code: what the evidence of blocks cannot hear.

An object that was painted over by something flat leaves blocks in which no mark is expected, so none is
missing. The code still tells of the object. Cell by cell the picture is compared with it; how far the two may
differ where nothing was altered is learned from the rest of the same picture. Where the mark itself is heard
it is believed: lettering, say, is told badly by any code of some thousand bits.
"""

from __future__ import annotations

import cv2
import numpy as np

_CELL = 8  # px
_KINDS = 4  # of cells, by how much the code's own picture changes there
_LEAST_CELLS = 24  # of a kind that a spread is learned from
_LEAST_SPREAD = 2.0  # levels
_UNTOUCHED = 0.2  # probability below which a cell teaches
_CLEAR = 4.5  # spreads by which a cell contradicts
_LEAST_AREA_CELLS = 5
_HEARD = 0.5  # of an area: the evidence has found it already, and drawn its border better
_VOUCHED = 0.05  # of an area: the evidence knows it to be untouched; then it is the code that is poor there


def contradicted(image: np.ndarray, told: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(8 r, 8 c) bool: where image and told, (8 r, 8 c, 3) uint8, differ as untouched places do not.

    probability: (8 r, 8 c) that a pixel was altered, as far as the evidence knows.
    """
    size = image.shape[1] // _CELL, image.shape[0] // _CELL
    seen, code = (cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(np.float32) for x in (image, told))
    teaches = cv2.resize(probability, size, interpolation=cv2.INTER_AREA) < _UNTOUCHED
    if teaches.sum() < _KINDS * _LEAST_CELLS:
        return np.zeros(probability.shape, bool)
    error = np.sqrt(((seen - _tone(code, seen, teaches)) ** 2).mean(2))
    error = cv2.blur(error, (3, 3), borderType=cv2.BORDER_REFLECT)
    relative = error / _spread(error, _busy(code), teaches)
    clear = (relative > _CLEAR).astype(np.uint8)
    clear = cv2.morphologyEx(clear, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    heard = cv2.resize(probability, size, interpolation=cv2.INTER_AREA)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(clear, connectivity=4)
    found = np.zeros(labels.shape, bool)
    for area in range(1, count):
        here = labels == area
        silent = _VOUCHED < heard[here].mean() < _HEARD
        if stats[area, cv2.CC_STAT_AREA] >= _LEAST_AREA_CELLS and silent:
            found |= here
    return cv2.resize(found.astype(np.uint8), probability.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _tone(code: np.ndarray, seen: np.ndarray, teaches: np.ndarray) -> np.ndarray:
    """The code's picture in the brightness and contrast that the received one has."""
    result = np.empty_like(code)
    for c in range(3):
        x, y = code[..., c][teaches], seen[..., c][teaches]
        x0, y0 = np.median(x), np.median(y)
        gain = float(((x - x0) * (y - y0)).sum() / (((x - x0) ** 2).sum() + 100 * len(x) * 1e-2))
        result[..., c] = np.clip(np.clip(gain, 0.6, 1.6) * (code[..., c] - x0) + y0, 0, 255)
    return result


def _busy(code: np.ndarray) -> np.ndarray:
    gray = code.mean(2)
    return cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))


def _spread(error: np.ndarray, busy: np.ndarray, teaches: np.ndarray) -> np.ndarray:
    """What the error usually is in cells of the same kind, (r, c)."""
    edges = np.quantile(busy[teaches], np.linspace(0, 1, _KINDS + 1)[1:-1])
    kind = np.digitize(busy, edges)
    result = np.empty_like(error)
    for k in range(_KINDS):
        here = teaches & (kind == k)
        usual = np.median(error[here]) if here.sum() >= _LEAST_CELLS else np.median(error[teaches])
        result[kind == k] = max(_LEAST_SPREAD, usual)
    return result
