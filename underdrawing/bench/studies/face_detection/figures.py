"""Figures of scored faces, with 95 % bounds over people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from underdrawing.bench.studies.face_detection.samples import Faces, View
from underdrawing.bench.studies.face_detection.subjects import FaceSubject, Scores
from underdrawing.metrics.classification import (
    Metric,
    auc,
    balanced_accuracy,
    cluster_bounds,
    ece,
    eer,
    tpr_at_fpr,
    wilson,
)

METRICS: Mapping[str, Metric] = {
    "accuracy": balanced_accuracy, "auc": auc, "eer": eer, "tpr1": tpr_at_fpr, "ece": ece,
}  # fmt: skip
"""Of calibrated probabilities; fake is decided above .5. Both classes, and all kinds, weigh the same."""
Figures = dict[str, dict[str, float]]


def measured(place: str, faces: Faces, scores: Scores, subject: FaceSubject) -> Figures:
    """All metrics of real and forged faces, and the share that is outside what the detector knows."""
    found = {f"{place}/{name}": bounded(metric, scores.prob, faces) for name, metric in METRICS.items()}
    raw = subject.raw_prob(scores.prob)
    if raw is not None:
        found[f"{place}/ece_raw"] = bounded(ece, raw, faces)
    found[f"{place}/outside"] = rate(scores.distance > 1)
    return {key: value for key, value in found.items() if not np.isnan(value["mean"])}


def merged(scored: Sequence[tuple[View, Scores]]) -> tuple[Faces, Scores]:
    """Faces and scores of several views of the same faces as one."""
    faces = scored[0][0].faces
    several = faces.take(np.tile(np.arange(len(faces.names)), len(scored)))
    return several, Scores(*(np.concatenate(parts) for parts in zip(*(s for _, s in scored), strict=True)))


def bounded(metric: Metric, values: np.ndarray, faces: Faces) -> dict[str, float]:
    """A metric, with bounds by a bootstrap over people.

    Where all samples agree (no error at all), Wilson's interval for as many trials as people of the smaller
    class takes the place of the bounds of an accuracy.
    """
    fake, weights = faces.fake, faces.weights
    mean = float(metric(values, fake, weights))
    low, high = cluster_bounds(metric, values, fake, faces.people, weights=weights)
    if metric is balanced_accuracy and low == high and mean in (0.0, 1.0):
        people = min(len(np.unique(faces.people[fake])), len(np.unique(faces.people[~fake])))
        low, high = wilson(round(mean * people), people)
    return _figure(mean, low, high, len(fake))


def rate(values: np.ndarray) -> dict[str, float]:
    """Share of True with Wilson's interval."""
    return _figure(float(values.mean()), *wilson(int(values.sum()), len(values)), len(values))


def _figure(mean: float, low: float, high: float, count: int) -> dict[str, float]:
    named = {"mean": mean, "low95": low, "high95": high}
    return {key: float(f"{value:.5g}") for key, value in named.items()} | {"n": count}
