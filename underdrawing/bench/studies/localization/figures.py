"""Figures of scored pictures, with 95 % bounds over photographs."""

from __future__ import annotations

import numpy as np

from underdrawing.bench.studies.localization.samples import View
from underdrawing.metrics.localization import Figure, MapScores, mean_score, picture_auc, worst_decile

Figures = dict[str, Figure]
_CLEAN = 0.01
"""Share of flagged pixels above which an authentic picture is counted as flagged."""


def of_manipulated(place: str, view: View, scores: MapScores) -> Figures:
    """F1, IoU, AUC over pixels and the worst decile of F1, of the manipulated pictures."""
    photos = view.photos
    named = {"f1": scores.f1, "iou": scores.iou, "auc": scores.auc}
    found = {f"{place}/{name}": mean_score(np.asarray(values), photos) for name, values in named.items()}
    worst = round(worst_decile(np.asarray(scores.f1)), 5)
    found[f"{place}/worst"] = {"mean": worst, "n": found[f"{place}/f1"]["n"]}
    return _measured(found)


def of_pictures(place: str, view: View, scores: MapScores) -> Figures:
    """Falsely flagged area and share of authentic pictures, and the AUC of pictures.

    A picture whose manipulation was cropped off belongs to neither class.
    """
    authentic, photos = view.authentic, view.photos
    decided = np.where(authentic | ~np.isnan(scores.f1), scores.picture_prob, np.nan)
    area = np.where(authentic, scores.flagged, np.nan)
    flagged = np.where(authentic, np.asarray(scores.flagged) > _CLEAN, np.nan)
    return _measured(
        {
            f"{place}/false_area": mean_score(area, photos),
            f"{place}/false_pictures": mean_score(flagged, photos),
            f"{place}/picture_auc": picture_auc(decided, ~authentic, photos),
        }
    )


def mean_of(figures: Figures, keys: list[str]) -> Figure:
    """Mean over sets, each of the same weight; the bounds are those of independent sets."""
    chosen = [figures[key] for key in keys]
    mean = float(np.mean([figure["mean"] for figure in chosen]))
    below, above = (
        float(np.sqrt(np.sum([(figure["mean"] - figure[edge]) ** 2 for figure in chosen]))) / len(chosen)
        for edge in ("low95", "high95")
    )
    named = {"mean": mean, "low95": mean - below, "high95": mean + above}
    return {key: round(value, 5) for key, value in named.items()} | {"n": sum(int(f["n"]) for f in chosen)}


def _measured(found: Figures) -> Figures:
    return {key: figure for key, figure in found.items() if not np.isnan(figure["mean"])}
