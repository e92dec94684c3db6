"""Summaries: from one value per photograph to the published figures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

Row = tuple[str, Mapping[str, float | bool | None]]
"""A place ("edited/512/jpeg70") and the values by metric; None and NaN are left out. A bool gives a rate."""

LOWER_IS_BETTER = frozenset(
    ("smooth_rms", "stlpips", "bce", "flagged", "flagged_signed", "seconds", "peak_mib", "inside_stlpips",
     "outside_stlpips")
)  # fmt: skip
"""Metrics whose worst decile is the greatest tenth."""


def summarize(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Figures by "PLACE/METRIC"; see `figure` and `rate`."""
    values: dict[str, list[float | bool]] = defaultdict(list)
    for place, measured in rows:
        for metric, value in measured.items():
            if value is not None and not math.isnan(value):
                values[f"{place}/{metric}"].append(value)
    return {
        key: rate(found) if isinstance(found[0], bool | np.bool_) else figure(key.rpartition("/")[2], found)
        for key, found in sorted(values.items())
    }


def figure(metric: str, values: list[float]) -> dict[str, float]:
    """Mean, median, and the worst decile: the mean of the worst tenth of the photographs, of one at least."""
    ordered = sorted(map(float, values), reverse=metric in LOWER_IS_BETTER)
    worst = float(np.mean(ordered[: math.ceil(len(values) / 10)]))
    mean, median = float(np.mean(values)), float(np.median(values))
    return {"mean": _round(mean), "worst_decile": _round(worst), "median": _round(median), "n": len(values)}


def rate(values: list[bool]) -> dict[str, float]:
    """Share of True with Wilson's 95 % interval."""
    low, high = wilson(sum(values), len(values))
    mean = sum(values) / len(values)
    return {"mean": _round(mean), "low95": _round(low), "high95": _round(high), "n": len(values)}


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate."""
    z, share = 1.959964, hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _round(value: float) -> float:
    return float(f"{value:.6g}")
