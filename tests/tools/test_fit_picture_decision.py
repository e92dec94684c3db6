"""The fit of the joint decision on whole pictures."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import fit_picture_decision as fitting


def test_one_percent_of_the_photographs_reach_the_threshold_and_rates_are_stored():
    rng = np.random.default_rng(2)
    photos = {f"{number}.jpg": float(prob) for number, prob in enumerate(rng.beta(2, 3, 2000))}
    manipulated = np.arange(100) < 40
    decision = fitting.fit(photos, np.where(manipulated, 0.97, 0.3), manipulated, {"a": "0"})
    assert np.mean([prob >= decision.threshold for prob in photos.values()]) < 0.02
    assert decision.status(0.97) == "signs" and decision.status(0.3) == "none"
    assert "AUC 1.000; 40 of 40 manipulated ones have signs" in decision.fitted_on


def test_the_rate_of_false_signs_is_not_that_of_the_photographs_that_set_the_threshold():
    calm = {f"{number}.jpg": 0.2 for number in range(400)}
    one_half = [path for path in calm if fitting.sets_threshold(path)]
    photos = calm | dict.fromkeys(one_half[:20], 0.9)
    decision = fitting.fit(photos, np.array([0.99, 0.1]), np.array([True, False]), {"a": "0"})
    assert decision.threshold > 0.9 and "; 20 reach that of the half without them" in decision.fitted_on
