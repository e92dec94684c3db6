"""Mask scores by hand and against a slow definition."""

import numpy as np
import pytest

from underdrawing.core.errors import ShapeError
from underdrawing.metrics.masks import MaskCounts, count_mask, mask_auc, mask_bce

TRUE = np.zeros((10, 10), bool)
TRUE[:4, :5] = True


def test_counts_and_scores_by_hand():
    prob = np.zeros((10, 10), np.float32)
    prob[:4, :3] = 0.9
    prob[8, :6] = 0.51
    counts = count_mask(prob, TRUE)
    assert counts == MaskCounts(tp=12, fp=6, fn=8, tn=74)
    assert counts.f1 == pytest.approx(24 / 38) and counts.iou == pytest.approx(12 / 26)
    assert counts.flagged == pytest.approx(0.18)


def test_the_threshold_is_fixed():
    assert count_mask(np.full((10, 10), 0.5), TRUE).tp == 0
    assert count_mask(np.full((10, 10), 0.501), TRUE).tp == 20


def test_a_bool_prediction_counts_as_it_is():
    assert count_mask(TRUE, TRUE).f1 == 1
    assert np.isnan(count_mask(np.zeros_like(TRUE), np.zeros_like(TRUE)).f1)


def test_auc_is_the_share_of_ordered_pairs():
    rng = np.random.default_rng(0)
    prob = np.round(rng.random((10, 10)) * 0.7 + TRUE * 0.2, 1)
    altered, intact = prob[TRUE][:, None], prob[~TRUE][None]
    pairs = (altered > intact).mean() + 0.5 * (altered == intact).mean()
    assert mask_auc(prob, TRUE) == pytest.approx(pairs)
    assert mask_auc(1 - prob, TRUE) == pytest.approx(1 - pairs)
    assert np.isnan(mask_auc(prob, np.ones_like(TRUE)))


def test_bce_of_even_odds_is_ln_2():
    assert mask_bce(np.full((10, 10), 0.5), TRUE) == pytest.approx(np.log(2))
    assert mask_bce(TRUE.astype(float), TRUE) < 1e-3 < 5 < mask_bce(1.0 - TRUE, TRUE)


def test_shapes_must_agree():
    with pytest.raises(ShapeError):
        count_mask(np.zeros((9, 10)), TRUE)
