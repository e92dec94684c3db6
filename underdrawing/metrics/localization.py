"""Scores of a localizer by picture, and their means with bounds over pictures.

The threshold is .5 for every picture, and no map is stretched. Manipulated pictures have F1, IoU and AUC over
pixels; authentic ones have the flagged area alone, and are no part of F1. Both decide on the AUC of pictures.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from underdrawing.core.errors import ShapeError
from underdrawing.metrics.classification import auc, cluster_bounds, share
from underdrawing.metrics.masks import count_mask, mask_auc

Figure = dict[str, float]
"""mean, low95, high95, n."""
_WORST = 0.1


class MapScores(NamedTuple):
    """Of N pictures, or of one."""

    f1: np.ndarray | float
    """Pixel F1; nan for an authentic picture."""
    iou: np.ndarray | float
    """nan for an authentic picture."""
    auc: np.ndarray | float
    """Area under the ROC curve over the pixels; nan for an authentic picture, and where no pixel is."""
    flagged: np.ndarray | float
    """Share of the pixels above the threshold."""
    picture_prob: np.ndarray | float
    """Probability that the picture has manipulated pixels; nan where the localizer determines none."""


def score_map(prob: np.ndarray, labels: np.ndarray, picture_prob: float | None = None) -> MapScores:
    """Scores of one map (H, W) in [0, 1] for labels (H, W): 0 authentic, 1 manipulated, others are ignored.

    ShapeError where the shapes differ.
    """
    if prob.shape != labels.shape:
        raise ShapeError(f"expected a map of the shape {labels.shape} of the labels, got {prob.shape}")
    known = labels <= 1
    inside, prob = labels[known] == 1, prob[known]
    counts = count_mask(prob, inside)
    decided = math.nan if picture_prob is None else picture_prob
    if not inside.any():
        return MapScores(math.nan, math.nan, math.nan, counts.flagged, decided)
    return MapScores(counts.f1, counts.iou, mask_auc(prob, inside), counts.flagged, decided)


def stacked(scores: list[MapScores]) -> MapScores:
    """Scores of several pictures, (N,) float64 each."""
    return MapScores(*(np.array(values, np.float64) for values in zip(*scores, strict=True)))


def mean_score(values: np.ndarray, clusters: np.ndarray) -> Figure:
    """Mean of a score over pictures (N,), nan left out, with 95 % bounds by a bootstrap over clusters (N,):
    pictures of one photograph are not independent."""
    kept = ~np.isnan(values)
    if not kept.any():
        return _figure(math.nan, (math.nan, math.nan), 0)
    values, clusters = values[kept], clusters[kept]
    bounds = cluster_bounds(share, values, np.ones(len(values), bool), clusters)
    return _figure(float(values.mean()), bounds, len(values))


def worst_decile(values: np.ndarray) -> float:
    """Mean of the least tenth of a score (N,), of one picture at least; nan without any."""
    ordered = np.sort(values[~np.isnan(values)])
    count = math.ceil(_WORST * len(ordered))
    return float(ordered[:count].mean()) if count else math.nan


def picture_auc(prob: np.ndarray, manipulated: np.ndarray, clusters: np.ndarray) -> Figure:
    """Area under the ROC curve over pictures, with bounds as in `mean_score`; nan with one class alone.

    prob: (N,) `picture_prob`, nan left out; manipulated: (N,) bool.
    """
    kept = ~np.isnan(prob)
    prob, manipulated, clusters = prob[kept], manipulated[kept], clusters[kept]
    if not (manipulated.any() and not manipulated.all()):
        return _figure(math.nan, (math.nan, math.nan), len(prob))
    bounds = cluster_bounds(auc, prob, manipulated, clusters)
    return _figure(float(auc(prob, manipulated)), bounds, len(prob))


def _figure(mean: float, bounds: tuple[float, float], count: int) -> Figure:
    named = {"mean": mean, "low95": bounds[0], "high95": bounds[1]}
    return {key: float(f"{value:.5g}") for key, value in named.items()} | {"n": count}
