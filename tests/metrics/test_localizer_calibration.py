"""What 1/2 of a localizer's map stands for."""

import numpy as np
import pytest

from underdrawing.metrics.calibration import Platt
from underdrawing.metrics.localizer_calibration import best_threshold, fit_localizer


def pictures(rng, share=0.06, pairs=40, cells=900, lead=2.2):
    """Logits of balanced training: 0 where nothing is known; labels; which pictures are manipulated."""
    manipulated = np.arange(2 * pairs) % 2 == 0
    labels = (rng.random((2 * pairs, cells)) < share).astype(np.float32) * manipulated[:, None]
    calm = np.where(manipulated, 0.0, -3.0)[:, None]
    return rng.normal(lead * (labels - 0.5) + calm, 1.0), labels, manipulated


def f1_of(flagged, labels):
    hits = (flagged & (labels == 1)).sum(1)
    return (2 * hits / (flagged.sum(1) + (labels == 1).sum(1))).mean()


def test_one_half_is_the_threshold_of_the_best_f1():
    rng = np.random.default_rng(1)
    logits, labels, manipulated = pictures(rng)
    tensors, scores = fit_localizer(logits, labels, manipulated, rng)
    prob, truth = Platt.read(tensors).prob(logits)[manipulated], labels[manipulated]
    reached = f1_of(prob > 0.5, truth)
    assert reached == pytest.approx(scores["f1"])
    assert all(reached >= f1_of(prob > at, truth) - 0.005 for at in np.linspace(0.5, 0.95, 10))
    assert scores["threshold"] < 0.5


def test_the_threshold_is_half_of_the_f1_where_authentic_pictures_allow_it():
    rng = np.random.default_rng(2)
    logits, labels, manipulated = pictures(rng, lead=5.0)
    _, scores = fit_localizer(logits, labels, manipulated, rng)
    assert scores["threshold"] == pytest.approx(scores["f1"] / 2, abs=0.08)


def test_a_threshold_that_flags_authentic_pictures_is_not_taken():
    rng = np.random.default_rng(3)
    logits, labels, manipulated = pictures(rng)
    log_odds = logits - 2.5
    free = best_threshold(log_odds, labels, manipulated)
    log_odds[~manipulated] += 4.0
    held = best_threshold(log_odds, labels, manipulated)
    assert held > free and (log_odds[~manipulated] > held).mean() <= 0.01
    log_odds[~manipulated] += 9.0
    assert best_threshold(log_odds, labels, manipulated) == 4
