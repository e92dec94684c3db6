"""Content embedding: 496 numbers that survive recompression, scaling, moderate crops and edits.

    image --> 32x32 YCrCb --> means on grids of 16, 8 and 4 --> each grid less the coarser one --> signed root

    Y of 16x16 - 8x8 (256 numbers)     YCrCb of 8x8 - 4x4 (192)     YCrCb of 4x4 - mean (48)

Every number belongs to one cell, and untrusted cells are excluded from the comparison: a query is a vector
with a mask, and its score is the cosine over the masked numbers. Crops use the same rule: the picture is put
at some positions into a larger frame of unknown cells (`placements`). Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.core.errors import ShapeError

NAME = "grids-1"
"""Stored with every vector; vectors of another embedding are not compared."""
DIMENSIONS = 496
_SIDE, _FRAME = 32, 128
_BANDS = ((16, 8, 1, 1.0), (8, 4, 3, 1.5), (4, 1, 3, 1.5))
"""Cells per side, cells per side of the subtracted coarser grid, channels (Y first), weight."""
_FLAT = 0.5  # added to a band's norm, so that noise of a flat picture is not amplified
_TRUSTED = 0.5  # least trusted part of a compared cell
_LEAST_CELLS = 40  # with fewer numbers the evidence is 0
_PARTS = ((0.87, 3), (0.74, 4))
"""Side of a crop relative to the whole, and number of tested positions along each side."""


@dataclass(frozen=True)
class View:
    """Query: the embedding of a picture and which of its numbers are compared."""

    vector: np.ndarray
    """(496,) float32; 0 where `counts` is False."""
    counts: np.ndarray
    """(496,) bool: which numbers are compared."""


def embed(image: np.ndarray, untrusted: np.ndarray | None = None) -> View:
    """The view of a picture (H, W, 3) uint8 without its `untrusted` pixels, (H, W) bool or None.

    ShapeError where the mask has another size than the picture.
    """
    return _view(*_to_frame(image, untrusted))


def placements(image: np.ndarray, untrusted: np.ndarray | None = None) -> Iterator[View]:
    """Views of the picture mirrored, and as a crop at 25 positions of a larger picture; see `embed`."""
    planes, trust = _to_frame(image, untrusted)
    yield _view(np.ascontiguousarray(planes[:, ::-1]), np.ascontiguousarray(trust[:, ::-1]))
    for size, places in _PARTS:
        side = round(_FRAME * size)
        part = cv2.resize(planes, (side, side), interpolation=cv2.INTER_AREA)
        part_trust = cv2.resize(trust, (side, side), interpolation=cv2.INTER_AREA)
        offsets = np.rint(np.linspace(0, _FRAME - side, places)).astype(int)
        for top in offsets:
            for left in offsets:
                here = slice(top, top + side), slice(left, left + side)
                frame, known = np.zeros_like(planes), np.zeros_like(trust)
                frame[here], known[here] = part, part_trust
                yield _view(frame, known)


def pack(view: View) -> bytes:
    """A vector as the registry stores it: 496 int8, scaled to a largest magnitude of 127."""
    largest = float(np.abs(view.vector).max())
    scale = 127 / largest if largest > 0 else 0.0
    return np.rint(view.vector * scale).astype(np.int8).tobytes()


def score(vectors: np.ndarray, view: View) -> np.ndarray:
    """Cosine between (n, 496) vectors and a view over its compared numbers, (n,) float32 in [-1, 1]."""
    own = float(np.linalg.norm(view.vector))
    sizes = np.sqrt(np.square(vectors) @ view.counts.astype(np.float32))
    return (vectors @ view.vector) / np.maximum(sizes * own, 1e-6)


def evidence(scores: np.ndarray, view: View) -> np.ndarray:
    """Significance of scores (n,), in standard deviations: Fisher's transformation of a correlation.

    Unlike the score it is comparable between views that compare different numbers of cells.
    """
    compared = int(view.counts.sum())
    if compared < _LEAST_CELLS:
        return np.zeros_like(scores)
    return np.arctanh(np.clip(scores, -0.9999, 0.9999)) * np.float32(np.sqrt(compared))


def _to_frame(image: np.ndarray, untrusted: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(128, 128, 3) float32 YCrCb, and the trusted part of each pixel, (128, 128) float32 in [0, 1]."""
    trust = np.ones((_FRAME, _FRAME), np.float32)
    if untrusted is not None:
        if untrusted.shape != image.shape[:2]:
            raise ShapeError(f"expected a mask of {image.shape[:2]}, got {untrusted.shape}")
        share = cv2.resize(untrusted.astype(np.float32), (_FRAME, _FRAME), interpolation=cv2.INTER_AREA)
        trust -= share
    small = cv2.resize(image, (_FRAME, _FRAME), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32), trust


def _view(planes: np.ndarray, trust: np.ndarray) -> View:
    trusted = (_mean(trust[..., None], _SIDE) > _TRUSTED).astype(np.float32)
    filled = _fill(_weighted_mean(planes, trust, _SIDE), trusted)
    numbers, counts = [], []
    for cells, coarser, channels, weight in _BANDS:
        below = cv2.resize(_mean(filled, coarser), (cells, cells), interpolation=cv2.INTER_LINEAR)
        band = (_mean(filled, cells) - below)[..., :channels]
        band = np.sign(band) * np.sqrt(np.abs(band))
        here = np.repeat(_mean(trusted, cells) > _TRUSTED, channels, axis=2)
        inside = np.where(here, band, 0)
        size = np.sqrt(np.square(inside).sum((0, 1)) / max(int(here[..., 0].sum()), 1))
        numbers.append((weight * inside / (size + _FLAT)).ravel())
        counts.append(here.ravel())
    return View(np.concatenate(numbers).astype(np.float32), np.concatenate(counts))


def _mean(values: np.ndarray, cells: int) -> np.ndarray:
    """Means over cells: (n, n, c) -> (cells, cells, c)."""
    means = cv2.resize(values, (cells, cells), interpolation=cv2.INTER_AREA)
    return means.reshape(cells, cells, -1)


def _weighted_mean(values: np.ndarray, weight: np.ndarray, cells: int) -> np.ndarray:
    whole = _mean(weight[..., None], cells)
    return _mean(values * weight[..., None], cells) / np.maximum(whole, 1e-3)


def _fill(values: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """Fill untrusted cells (0 in (n, n, 1)) with a smooth continuation of the trusted ones."""
    cells = len(values)
    if cells == 1 or trusted.all():
        return values
    coarse_trust = _mean(trusted, cells // 2)
    coarse = _mean(values * trusted, cells // 2) / np.maximum(coarse_trust, 1e-3)
    coarse = _fill(coarse, (coarse_trust > 0).astype(np.float32))
    below = cv2.resize(coarse, (cells, cells), interpolation=cv2.INTER_LINEAR)
    return np.where(trusted > 0, values, below)
