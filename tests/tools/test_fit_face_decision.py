"""The fit of the joint decision: weights of detectors, and the threshold."""

import sys
from pathlib import Path

import numpy as np
import pytest

from underdrawing.core.interfaces import FaceEvidence

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import fit_face_decision as fit


def test_a_detector_that_guesses_has_little_weight_and_one_that_errs_none():
    rng = np.random.default_rng(1)
    forged = np.arange(400) % 3 == 0
    logits = {
        "good": np.where(forged, 2, -2) + rng.normal(0, 1, 400),
        "guess": rng.normal(0, 2, 400),
        "wrong": np.where(forged, -2, 2) + rng.normal(0, 1, 400),
    }
    probs = {name: 1 / (1 + np.exp(-values)) for name, values in logits.items()}
    evidence = [{n: FaceEvidence(float(p[i]), 0.5, False) for n, p in probs.items()} for i in range(400)]
    decision = fit.fit_weights(evidence, forged, dict.fromkeys(probs, "0"))
    assert sum(decision.weights.values()) == pytest.approx(1, abs=1e-3)
    assert decision.weights["good"] > 0.7 and decision.weights["wrong"] < 0.1
    joint = np.array([decision.joint_prob(found) for found in evidence])
    assert ((joint > 0.5) == forged).mean() > 0.95


def test_the_threshold_leaves_one_percent_of_the_photographs():
    probs = np.linspace(0, 0.999, 1000)
    threshold = fit.least_threshold(list(probs))
    assert (probs >= threshold).sum() <= 10 and (probs >= threshold - 0.002).sum() > 10
    assert fit.least_threshold([0.1] * 50) == fit.CLEAR
