"""Regions that differ from the signed content although the block evidence is inconclusive.

An object covered by a flat colour leaves blocks in which no mark is expected, so the block evidence cannot
show the edit; the decoded content still shows the object. Received picture and decoded content are compared
in cells of 8 px. The usual difference is estimated from the unaltered part of the same picture. Regions whose
block evidence is conclusive are not changed: fine detail, such as lettering, is poor in a short code.
"""

from __future__ import annotations

import cv2
import numpy as np

_CELL = 8  # px
_CLASSES = 4  # of cells, by the local gradient of the decoded content
_MIN_CELLS = 24  # of a class, to estimate its usual difference
_MIN_ERROR = 2.0  # levels
_UNALTERED = 0.2  # probability below which a cell is used for estimation
_CONTRADICTION = 4.5  # multiple of the usual difference
_MIN_AREA_CELLS = 5
_FOUND = 0.5  # mean probability of a region that the block evidence already reports, with a better border
_INTACT = 0.05  # mean probability of a region that the block evidence shows to be intact


def contradicted(image: np.ndarray, decoded: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(8 r, 8 c) bool: where image and decoded content, (8 r, 8 c, 3) uint8, differ more than usual.

    probability: (8 r, 8 c) that a pixel was altered, by the block evidence.
    """
    size = image.shape[1] // _CELL, image.shape[0] // _CELL
    received, content = (
        cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(np.float32) for x in (image, decoded)
    )
    cell_probability = cv2.resize(probability, size, interpolation=cv2.INTER_AREA)
    unaltered = cell_probability < _UNALTERED
    if unaltered.sum() < _CLASSES * _MIN_CELLS:
        return np.zeros(probability.shape, bool)
    error = np.sqrt(((received - _tone_matched(content, received, unaltered)) ** 2).mean(2))
    error = cv2.blur(error, (3, 3), borderType=cv2.BORDER_REFLECT)
    relative = error / _usual_error(error, _local_range(content), unaltered)
    differs = (relative > _CONTRADICTION).astype(np.uint8)
    differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(differs, connectivity=4)
    result = np.zeros(labels.shape, bool)
    for region in range(1, count):
        inside = labels == region
        inconclusive = _INTACT < cell_probability[inside].mean() < _FOUND
        if stats[region, cv2.CC_STAT_AREA] >= _MIN_AREA_CELLS and inconclusive:
            result |= inside
    return cv2.resize(result.astype(np.uint8), probability.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _tone_matched(content: np.ndarray, received: np.ndarray, unaltered: np.ndarray) -> np.ndarray:
    """The decoded content with brightness and contrast of the received picture."""
    result = np.empty_like(content)
    for c in range(3):
        x, y = content[..., c][unaltered], received[..., c][unaltered]
        x0, y0 = np.median(x), np.median(y)
        gain = float(((x - x0) * (y - y0)).sum() / (((x - x0) ** 2).sum() + 100 * len(x) * 1e-2))
        result[..., c] = np.clip(np.clip(gain, 0.6, 1.6) * (content[..., c] - x0) + y0, 0, 255)
    return result


def _local_range(content: np.ndarray) -> np.ndarray:
    return cv2.morphologyEx(content.mean(2), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))


def _usual_error(error: np.ndarray, local_range: np.ndarray, unaltered: np.ndarray) -> np.ndarray:
    """Median error of the unaltered cells of the same class, (r, c)."""
    edges = np.quantile(local_range[unaltered], np.linspace(0, 1, _CLASSES + 1)[1:-1])
    cell_class = np.digitize(local_range, edges)
    result = np.empty_like(error)
    for k in range(_CLASSES):
        sample = unaltered & (cell_class == k)
        usual = np.median(error[sample]) if sample.sum() >= _MIN_CELLS else np.median(error[unaltered])
        result[cell_class == k] = max(_MIN_ERROR, usual)
    return result
