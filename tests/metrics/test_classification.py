"""Metrics of two classes by hand, against slow definitions, and against samples drawn one by one."""

import numpy as np
import pytest

from underdrawing.metrics.classification import (
    auc,
    balanced_accuracy,
    cluster_bounds,
    ece,
    eer,
    roc,
    share,
    tpr_at_fpr,
    wilson,
)

SCORES = np.array([0.1, 0.4, 0.35, 0.8])
FAKE = np.array([False, False, True, True])


def drawn(seed=0, count=240):
    """Scores with ties, classes of unequal size, three pictures a person."""
    rng = np.random.default_rng(seed)
    fake = rng.random(count) < 0.3
    return np.round(np.clip(rng.normal(0.4 + 0.25 * fake, 0.2), 0, 1), 2), fake, np.arange(count) // 3


def test_roc_auc_and_rates_by_hand():
    # the example of scikit-learn's documentation: AUC .75, points (0,0) (0,.5) (.5,.5) (.5,1) (1,1)
    fpr, tpr = roc(SCORES, FAKE)
    assert fpr.tolist() == [0, 0, 0.5, 0.5, 1] and tpr.tolist() == [0, 0.5, 0.5, 1, 1]
    assert auc(SCORES, FAKE) == 0.75 and eer(SCORES, FAKE) == 0.5
    assert tpr_at_fpr(SCORES, FAKE) == 0.5 and tpr_at_fpr(SCORES, FAKE, fpr=0.5) == 1
    assert balanced_accuracy(SCORES, FAKE) == 0.75 and share(SCORES > 0.5, FAKE) == 0.25
    assert (
        balanced_accuracy(np.array([0.1, 0.9, 0.9, 0.9]), np.array([False, False, False, True]))
        == (1 + 1 / 3) / 2
    )


def test_eer_lies_between_the_points_of_the_curve():
    # reals 1 2 3, fakes 2 4 5: (0, 2/3) -> (1/3, 1): fpr = 1 - tpr at fpr 1/6
    scores, fake = np.array([1, 2, 3, 2, 4, 5.0]), np.arange(6) > 2
    assert eer(scores, fake) == pytest.approx(1 / 3)
    assert eer(np.array([1, 2, 2, 3.0]), np.array([False, False, True, True])) == pytest.approx(0.25)
    assert eer(scores[fake], fake[fake]) != eer(scores, fake)


def test_auc_is_the_share_of_ordered_pairs():
    scores, fake, _ = drawn()
    pairs = np.sign(scores[fake][:, None] - scores[~fake])
    assert auc(scores, fake) == pytest.approx((1 + pairs.mean()) / 2)
    assert auc(-scores, fake) == pytest.approx(1 - auc(scores, fake))
    assert np.isnan(auc(scores[fake], fake[fake])) and np.isnan(tpr_at_fpr(scores[fake], fake[fake]))


def test_calibration_error_by_hand():
    # two bins: 3 at .2 with 1 fake (|1/3 - .2|), 1 at .9 that is real (.9)
    prob, fake = np.array([0.2, 0.2, 0.2, 0.9]), np.array([True, False, False, False])
    assert ece(prob, fake) == pytest.approx((3 * (1 / 3 - 0.2) + 0.9) / 4)
    assert ece(np.array([0.0, 1.0]), np.array([False, True])) == 0


@pytest.mark.parametrize("metric", [balanced_accuracy, auc, eer, tpr_at_fpr, ece])
def test_weights_are_repetitions(metric):
    scores, fake, _ = drawn()
    times = np.random.default_rng(1).integers(0, 4, (5, len(scores)))
    repeated = [float(metric(np.repeat(scores, row), np.repeat(fake, row))) for row in times]
    assert metric(scores, fake, times.astype(float)) == pytest.approx(repeated)


def test_bounds_of_a_rate():
    assert wilson(0, 1000)[1] == pytest.approx(0.00383, abs=1e-4)
    assert wilson(98, 100) == pytest.approx((0.92997, 0.99450), abs=1e-4)


def test_bounds_draw_people_and_are_seeded():
    scores, fake, people = drawn(2, 600)
    low, high = cluster_bounds(auc, scores, fake, people)
    assert low < auc(scores, fake) < high
    assert (low, high) == cluster_bounds(auc, scores, fake, people)
    assert (low, high) != cluster_bounds(auc, scores, fake, people, seed=1)
    same = [np.repeat(values, 4) for values in (scores, fake, people)]
    assert cluster_bounds(auc, *same) == pytest.approx((low, high))  # copies of pictures add no knowledge
    narrower = cluster_bounds(auc, *same[:2], np.arange(len(same[0])))
    assert narrower[1] - narrower[0] < 0.7 * (high - low)


def test_bounds_cover_the_truth():
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        right = np.repeat(rng.random(80) < 0.8, 3)  # accuracy .8, three equal pictures a person
        low, high = cluster_bounds(share, right, np.ones(240, bool), np.arange(240) // 3, draws=300)
        inside += low <= 0.8 <= high
    assert inside >= 53


def test_weights_of_pictures_weigh_in_the_bounds():
    values, weights = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])
    assert cluster_bounds(share, values, FAKE, np.zeros(4), weights=weights) == (1, 1)


def test_one_person_has_no_bounds_of_a_class():
    assert np.isnan(cluster_bounds(auc, SCORES[FAKE], FAKE[FAKE], np.zeros(2))).all()
