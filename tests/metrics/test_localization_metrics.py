"""Scores of localizers by picture, and their means."""

import numpy as np
import pytest

from underdrawing.core.errors import ShapeError
from underdrawing.metrics.localization import (
    MapScores,
    mean_score,
    picture_auc,
    score_map,
    stacked,
    worst_decile,
)

LABELS = np.zeros((10, 10), np.uint8)
LABELS[:4] = 1
LABELS[9] = 255  # ignored


def test_scores_of_a_map_by_hand():
    prob = np.full((10, 10), 0.2)
    prob[2:6] = 0.9
    found = score_map(prob, LABELS, 0.8)
    assert found.f1 == pytest.approx(2 * 20 / (2 * 20 + 20 + 20))
    assert found.iou == pytest.approx(20 / 60) and found.flagged == pytest.approx(40 / 90)
    # of 40 x 50 pairs: 20 x 30 right, 20 x 20 and 20 x 30 ties, 20 x 20 wrong
    assert found.auc == pytest.approx((600 + (400 + 600) / 2) / 2000) and found.picture_prob == 0.8


def test_ignored_pixels_do_not_count_and_no_map_is_stretched():
    one, other = np.full((2, 10, 10), 0.4)
    other[9] = 1.0
    assert score_map(one, LABELS)[:4] == score_map(other, LABELS)[:4] == (0.0, 0.0, 0.5, 0.0)


def test_an_authentic_picture_has_its_flagged_area_alone():
    prob = np.zeros((10, 10))
    prob[0] = 0.6
    found = score_map(prob, np.zeros((10, 10), np.uint8))
    assert np.isnan([found.f1, found.iou, found.auc, found.picture_prob]).all() and found.flagged == 0.1
    with pytest.raises(ShapeError, match="expected a map"):
        score_map(prob[1:], LABELS)


def test_means_have_bounds_over_photographs_and_leave_nan_out():
    scores = stacked([MapScores(f1, 0, 0.5, 0, 0.5) for f1 in (0.2, 0.4, np.nan, 0.9)])
    alone = mean_score(scores.f1, np.array(list("abcd")))
    assert alone["mean"] == 0.5 and alone["n"] == 3 and 0.2 <= alone["low95"] < 0.5 < alone["high95"] <= 0.9
    repeated = mean_score(np.tile(scores.f1, 20), np.tile(list("abcd"), 20))
    assert (repeated["low95"], repeated["high95"]) == (alone["low95"], alone["high95"])
    assert np.isnan(mean_score(np.array([np.nan]), np.array(["a"]))["mean"])


def test_the_worst_decile_is_of_the_least_scores():
    assert worst_decile(np.arange(20) / 20) == pytest.approx(0.025)
    assert worst_decile(np.array([0.3, np.nan])) == 0.3 and np.isnan(worst_decile(np.array([np.nan])))


def test_auc_over_pictures():
    prob, manipulated = np.array([0.1, 0.6, 0.4, 0.9, np.nan]), np.array([False, False, True, True, True])
    names = np.arange(5).astype(str)
    assert picture_auc(prob, manipulated, names)["mean"] == 0.75
    assert picture_auc(prob, manipulated, names)["n"] == 4
    assert np.isnan(picture_auc(prob, np.ones(5, bool), names)["mean"])
