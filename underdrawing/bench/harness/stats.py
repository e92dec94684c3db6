"""From one value per picture to the figures that are published."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from underdrawing.bench.harness.protocol import METRICS

Row = tuple[str, Mapping[str, float | bool | None]]
"""Where it was measured ("edited/512/jpeg70") and the values by metric; None and nan are left out."""


def summarize(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Figures by "PLACE/METRIC": mean, n, and the worst decile or, for rates, a 95 % interval."""
    values: dict[str, list[float]] = defaultdict(list)
    for place, measured in rows:
        for metric, value in measured.items():
            if value is not None and not math.isnan(value):
                values[f"{place}/{metric}"].append(float(value))
    return {key: figure(key.rpartition("/")[2], found) for key, found in sorted(values.items())}


def figure(metric: str, values: list[float]) -> dict[str, float]:
    """One figure. The worst decile is the mean of the worst tenth of the pictures, one at least."""
    kind, mean = METRICS[metric], float(np.mean(values))
    if kind.rate:
        low, high = wilson(round(sum(values)), len(values))
        return {"mean": _round(mean), "low95": _round(low), "high95": _round(high), "n": len(values)}
    ordered = sorted(values, reverse=not kind.higher_is_better)
    worst = float(np.mean(ordered[: math.ceil(len(values) / 10)]))
    median = float(np.median(values))
    return {"mean": _round(mean), "worst_decile": _round(worst), "median": _round(median), "n": len(values)}


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate."""
    z, rate = 1.959964, hits / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _round(value: float) -> float:
    return float(f"{value:.6g}")
