"""Calibration of a localizer: probabilities of cells and of pictures, and what 1/2 stands for.

    logits of cells --Platt--> log odds at the share of manipulated cells in the split
                    - best threshold --> log odds of which 0 is the threshold of the best mean F1

A change of log odds by a constant is a change of the share of manipulated cells: the probability of a cell
holds in pictures that are manipulated, at the share for which flagging from 1/2 on gives the best F1.
"""

from __future__ import annotations

import numpy as np

from underdrawing.metrics.calibration import PICTURE, fit_platt, picture_logit

_CELLS = 128  # of each picture
_MOST_FALSE = 0.01  # flagged share of authentic pictures
_TRIED = np.arange(-4.0, 4.01, 0.125)  # log odds


def fit_localizer(
    logits: np.ndarray, labels: np.ndarray, manipulated: np.ndarray, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Tensors of both calibrations, see metrics.calibration, and scores, from pictures of a held-out split.

    logits, labels: (N, cells), labels 1 manipulated, 0 authentic, -1 none; manipulated: (N,) bool.
    Scores: f1 of the cells of manipulated pictures at 1/2, mean over pictures; false_area, the flagged share
    of authentic ones; threshold: the probability at the share of the split that 1/2 stands for.
    """
    chosen = rng.integers(logits.shape[1], size=(len(logits), _CELLS))
    cells, truth = np.take_along_axis(logits, chosen, 1), np.take_along_axis(labels, chosen, 1)
    known = (truth >= 0) & manipulated[:, None]
    by_cell = fit_platt(cells[known], truth[known] > 0)
    by_picture = fit_platt(np.array([picture_logit(row) for row in logits]), manipulated)
    log_odds = by_cell.scale * logits + by_cell.offset
    best = best_threshold(log_odds, labels, manipulated)
    f1, false_area = _scores(log_odds > best, labels, manipulated)
    scores = {"f1": f1, "false_area": false_area, "threshold": float(1 / (1 + np.exp(-best)))}
    by_cell = by_cell._replace(offset=by_cell.offset - best)
    return by_cell.tensors() | by_picture.tensors(PICTURE), scores


def best_threshold(log_odds: np.ndarray, labels: np.ndarray, manipulated: np.ndarray) -> float:
    """The log odds with the best mean F1 of those that flag at most 1 % of authentic pictures; else the most.

    At equal costs a cell is flagged from 1/2 on. F1 prices missed cells higher, the more so the smaller the
    regions: its best threshold is half of the F1 that is reached (Lipton, Elkan and Naryanaswamy 2014).
    """
    tried = [(*_scores(log_odds > at, labels, manipulated), float(at)) for at in _TRIED]
    allowed = [(f1, at) for f1, false_area, at in tried if false_area <= _MOST_FALSE]
    return max(allowed)[1] if allowed else float(_TRIED[-1])


def _scores(flagged: np.ndarray, labels: np.ndarray, manipulated: np.ndarray) -> tuple[float, float]:
    """Mean F1 of manipulated pictures, and the flagged share of authentic ones."""
    hits = (flagged & (labels == 1)).sum(1)
    f1 = 2 * hits / np.maximum((flagged & (labels >= 0)).sum(1) + (labels == 1).sum(1), 1)
    return float(f1[manipulated].mean()), float(flagged[~manipulated].mean())
