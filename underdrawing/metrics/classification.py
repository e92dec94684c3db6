"""Two classes, real (False) and fake (True): quality of scores and probabilities, and their bounds.

scores: (N,) float, greater for fake; prob: (N,) float in [0, 1]; fake: (N,) bool. Every metric takes
`weights` (..., N), by default one each, and gives a value for each row of them: `cluster_bounds` draws all
samples of a bootstrap at once. A metric is nan where the weights leave a class that it needs empty. From
logits to probabilities: metrics/calibration.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Z95 = 1.959964
"""95 % quantile of the standard normal distribution, two-sided."""
ECE_BINS = 15  # Guo et al. 2017

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
"""(scores or prob, fake, weights) -> value for each row of the weights."""


def balanced_accuracy(prob: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of the shares of right decisions in both classes; fake is decided above .5."""
    w = _ones(fake) if weights is None else weights
    called = prob > 0.5
    return (_mean(called[fake], w[..., fake]) + _mean(~called[~fake], w[..., ~fake])) / 2


def share(values: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of values (N,) bool or in [0, 1], whatever the class."""
    return _mean(values, weights)


def auc(scores: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve: P(score of a fake > score of a real), ties count half."""
    real, forged = _by_level(scores, fake, weights)
    below = np.cumsum(real, -1) - real
    return _ratio((forged * (below + real / 2)).sum(-1), forged.sum(-1) * real.sum(-1))


def roc(
    scores: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rate (..., L + 1) for the L distinct thresholds, from (0, 0) to (1, 1)."""
    rates = []
    for mass in _by_level(scores, fake, weights):
        passed = np.cumsum(mass[..., ::-1], -1)
        passed = np.concatenate([np.zeros((*passed.shape[:-1], 1)), passed], -1)
        rates.append(_ratio(passed, passed[..., -1:]))
    return rates[0], rates[1]


def eer(scores: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Equal error rate: where false positive and false negative rate meet on the ROC curve, linear between
    its points."""
    fpr, tpr = roc(scores, fake, weights)
    excess = 1 - tpr - fpr  # from 1 to -1, falling
    after = np.argmax(excess <= 0, -1)[..., None]
    (x0, x1), (e0, e1) = (
        [np.take_along_axis(values, at, -1)[..., 0] for at in (after - 1, after)] for values in (fpr, excess)
    )
    return x0 + (x1 - x0) * e0 / (e0 - e1)


def tpr_at_fpr(
    scores: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None, *, fpr: float = 0.01
) -> np.ndarray:
    """Greatest true positive rate of a threshold with a false positive rate of at most `fpr`; not
    interpolated."""
    x, y = roc(scores, fake, weights)
    best = np.where(x <= fpr + 1e-12, y, 0.0).max(-1)
    return np.where(np.isnan(x[..., -1] + y[..., -1]), np.nan, best)


def ece(prob: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Expected calibration error, in [0, 1]: mean |share of fakes - mean probability| over 15 bins of equal
    width, weighted by their contents (Guo et al. 2017, for two classes)."""
    w = _ones(fake) if weights is None else weights
    place = np.minimum((prob * ECE_BINS).astype(int), ECE_BINS - 1)
    bins = (place[:, None] == np.arange(ECE_BINS)).astype(np.float64)
    return _ratio(np.abs((w * (fake - prob)) @ bins).sum(-1), w.sum(-1))


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate of independent trials."""
    share = hits / trials
    centre = (share + Z95 * Z95 / (2 * trials)) / (1 + Z95 * Z95 / trials)
    half = (
        Z95 / (1 + Z95 * Z95 / trials) * math.sqrt(share * (1 - share) / trials + Z95 * Z95 / (4 * trials**2))
    )
    return max(0.0, centre - half), min(1.0, centre + half)


def cluster_bounds(
    metric: Metric,
    values: np.ndarray,
    fake: np.ndarray,
    clusters: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % bounds of a metric: percentiles over bootstrap samples of whole clusters (people), seeded.

    clusters: (N,) labels; pictures of one person are not independent, so that people are drawn, not pictures.
    values: as the metric takes them. weights: (N,) of the pictures, by default one each.
    Samples without one of the classes are left out; (nan, nan) where all are.
    """
    _, place = np.unique(clusters, return_inverse=True)
    count = place.max() + 1
    rng = np.random.default_rng(seed)
    times = rng.multinomial(count, np.full(count, 1 / count), draws)
    drawn = times[:, place] * (1.0 if weights is None else weights)
    found = metric(values, fake, drawn)
    found = found[~np.isnan(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def _ones(fake: np.ndarray) -> np.ndarray:
    return np.ones(len(fake))


def _mean(right: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    w = _ones(right) if weights is None else weights
    return _ratio((w * right).sum(-1), w.sum(-1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part) / whole


def _by_level(
    scores: np.ndarray, fake: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the reals and of the fakes (..., L) at each of the L distinct scores, ascending."""
    w = _ones(fake) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    w, is_fake = w[..., order], fake[order]
    return np.add.reduceat(w * ~is_fake, starts, -1), np.add.reduceat(w * is_fake, starts, -1)
