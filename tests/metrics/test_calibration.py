"""Platt's fit against its optimality conditions and a known truth; distances against known Gaussians."""

import numpy as np
import pytest

from underdrawing.metrics.calibration import Outside, fit_outside, fit_platt, read_calibration
from underdrawing.metrics.classification import ece


def test_platt_recovers_the_truth():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20000)
    fake = rng.random(20000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    platt = fit_platt(logits, fake)
    assert platt.scale == pytest.approx(0.5, abs=0.03) and platt.offset == pytest.approx(-1, abs=0.08)
    assert ece(platt.prob(logits), fake) < 0.015 < ece(1 / (1 + np.exp(-logits)), fake)


@pytest.mark.parametrize("factor", [1e-3, 1, 1e4])
def test_platt_fulfils_the_likelihood_equations_with_his_targets(factor):
    rng = np.random.default_rng(1)
    fake = np.arange(300) < 100
    logits = factor * rng.normal(2.0 * fake, 1)
    platt = fit_platt(logits, fake)
    error = platt.prob(logits) - np.where(fake, 101 / 102, 1 / 202)
    assert abs(error.sum()) < 1e-3 and abs((error * logits).sum()) < 1e-3 * factor


def test_separable_scores_keep_finite_probabilities():
    fake = np.arange(20) < 10
    platt = fit_platt(np.where(fake, 9.0, -9.0), fake)
    assert platt.prob(np.array([9.0, -9.0])) == pytest.approx([11 / 12, 1 / 12], abs=1e-6)
    assert np.isfinite(platt.prob(np.array([-1e9, 1e9]))).all()


def test_the_distance_is_that_to_the_nearest_group():
    rng = np.random.default_rng(2)
    groups = np.repeat([3, 7], 4000)
    mixing = np.array([[2.0, 0.5], [0.0, 1.0]])
    centres = np.where(groups[:, None] == 3, [[0.0, 0.0]], [[30.0, 0.0]])
    embeddings = rng.normal(size=(8000, 2)) @ mixing + centres
    held_out = rng.normal(size=(4000, 2)) @ mixing
    outside = fit_outside(embeddings, groups, held_out)
    assert (outside.distance(held_out) > 1).mean() == pytest.approx(0.01, abs=0.002)
    near, between = outside.distance(np.array([[30.0, 0.0], [15.0, 0.0]]))
    assert near < 0.1 and between > 2
    # nearly the square root of chi squared's 99 % quantile with 2 degrees, 9.21
    assert outside.threshold == pytest.approx(np.sqrt(9.21), rel=0.06)


def test_fewer_samples_than_features_are_no_obstacle():
    rng = np.random.default_rng(3)
    embeddings = np.concatenate([rng.normal(size=(12, 20)), np.zeros((12, 4))], 1)
    outside = fit_outside(embeddings, np.zeros(12), embeddings)
    assert np.isfinite(outside.distance(embeddings)).all() and outside.threshold > 0
    assert all(
        tensor.flags.c_contiguous for tensor in outside.tensors().values()
    )  # safetensors takes no others


def test_tensors_are_read_back():
    outside = Outside(np.zeros((2, 3), np.float32), np.eye(3, dtype=np.float32), 2.0)
    platt = fit_platt(np.array([1.0, -1.0, 2.0]), np.array([True, False, True]))
    tensors = platt.tensors() | outside.tensors()
    found = read_calibration(tensors)
    assert found[0].scale == pytest.approx(platt.scale) and found[1].threshold == 2
    assert found[1].distance(np.array([[0, 0, 4.0]])) == pytest.approx([2])
    with pytest.raises(KeyError, match="threshold"):
        read_calibration({name: value for name, value in tensors.items() if "threshold" not in name})
