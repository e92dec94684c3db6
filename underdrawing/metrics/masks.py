"""Agreement of a predicted mask of altered pixels with the true one.

Counts first (tp, fp, fn, tn of one picture at the fixed threshold .5), scores from the counts. Authentic
pictures have no altered pixel: they are measured by `flagged` alone and never part of F1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.core.errors import ShapeError
from underdrawing.metrics.classification import auc

THRESHOLD = 0.5


@dataclass(frozen=True)
class MaskCounts:
    """Pixels of one picture by truth and prediction."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn); nan where nothing was altered and nothing flagged."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """tp / (tp + fp + fn)."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def flagged(self) -> float:
        """(tp + fp) / all pixels: flagged share of the picture."""
        return _ratio(self.tp + self.fp, self.tp + self.fp + self.fn + self.tn)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def count_mask(prob: np.ndarray, mask: np.ndarray) -> MaskCounts:
    """Counts of prob (H, W) in [0, 1] (or bool) above THRESHOLD against mask (H, W) bool. ShapeError."""
    if prob.shape != mask.shape:
        raise ShapeError(f"expected a prediction of the mask's shape {mask.shape}, got {prob.shape}")
    called = prob > THRESHOLD if prob.dtype != bool else prob
    tp = int(np.count_nonzero(called & mask))
    fp = int(np.count_nonzero(called)) - tp
    fn = int(np.count_nonzero(mask)) - tp
    return MaskCounts(tp, fp, fn, mask.size - tp - fp - fn)


def mask_auc(prob: np.ndarray, mask: np.ndarray) -> float:
    """Area under the ROC curve over pixels (ties count half); nan where the mask is empty or full."""
    return float(auc(prob.ravel(), mask.ravel()))


def mask_bce(prob: np.ndarray, mask: np.ndarray) -> float:
    """Mean binary cross entropy in nats, probabilities kept within [1e-4, 1 - 1e-4]."""
    p = np.clip(prob.astype(np.float64), 1e-4, 1 - 1e-4)
    return float(-np.mean(np.where(mask, np.log(p), np.log1p(-p))))
