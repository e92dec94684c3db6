"""Frames that carry the same bits in different patterns of signs, with coefficients made for the purpose."""

import numpy as np
import pytest

from underdrawing.carriers.frame_patterns import (
    aligned_mean,
    assigned,
    energy_ratio,
    reliability,
    weighted_sums,
)

SIDE, GROUPS, KINDS = 32, 64, 4
RNG = np.random.default_rng(3)
FACTORS = RNG.choice([-1, 1], (KINDS, SIDE, SIDE)).astype(np.float32)
FACTORS[0] = 1
BITS = RNG.choice([-1.0, 1.0], GROUPS).astype(np.float32)
PLACES = RNG.permutation(SIDE * SIDE).reshape(GROUPS, -1)


def sums(coefficients):
    return coefficients.reshape(*coefficients.shape[:-2], -1)[..., PLACES].sum(-1)


def clip(kinds, scene):
    """Coefficients of frames with these patterns; scene: (T, SIDE, SIDE)."""
    mark = np.zeros(SIDE * SIDE, np.float32)
    mark[PLACES] = BITS[:, None]
    return scene + 0.6 * mark.reshape(SIDE, SIDE) * FACTORS[kinds]


@pytest.mark.parametrize("still", [True, False])
@pytest.mark.parametrize("kinds", [[0, 1, 2, 3, 0, 1], [2, 0, 3], [3, 3, 1, 1, 0], [1, 1, 1], [2]])
def test_the_pattern_of_every_frame_is_found(kinds, still):
    scene = np.random.default_rng(5).normal(size=(1 if still else len(kinds), SIDE, SIDE))
    received = clip(kinds, np.repeat(scene, len(kinds), 0) if still else scene)
    assert assigned(received, FACTORS, sums, np.arange(len(kinds))).tolist() == kinds


def test_a_still_scene_disturbs_less_by_different_patterns():
    scene = np.repeat(np.random.default_rng(6).normal(size=(1, SIDE, SIDE)), 8, 0)
    ratios, wrong = [], []
    for kinds in (np.zeros(8, int), np.arange(8) % KINDS):
        mean = aligned_mean(clip(kinds, 2 * scene), FACTORS, kinds)
        ratios.append(energy_ratio(mean, sums))
        wrong.append(int((sums(mean) * BITS < 0).sum()))
    assert ratios[1] > 2 * ratios[0] and wrong[1] < wrong[0]


def test_a_pure_mark_has_the_size_of_a_group_as_its_ratio():
    assert energy_ratio(clip([0], 0)[0], sums) == pytest.approx(PLACES.shape[1], rel=1e-3)


def test_places_without_the_mark_get_little_weight():
    expected = np.random.default_rng(7).normal(size=(2, 64, 64)).astype(np.float32)
    received = expected + np.random.default_rng(8).normal(size=(2, 64, 64)).astype(np.float32)
    received[:, :, :32] = 3 * np.random.default_rng(9).normal(size=(2, 64, 32))
    weights = reliability(received, expected)
    assert weights.mean() == pytest.approx(1, rel=1e-3)
    assert weights[:, 44:].min() > 3 * weights[:, :20].max()


def test_even_sums_are_left_as_they_are():
    """A weight can only harm what nothing disturbs."""
    volumes = np.ones((1, 8, 8), np.float32)
    sums_ = np.float32([3, -3.2, 2.9])
    assert weighted_sums(volumes, lambda volumes: sums_ * volumes.mean(), lambda likely: 1 / 0) is not None


def test_bits_are_read_past_a_part_without_the_mark():
    patterns = np.random.default_rng(10).choice([-1, 1], (GROUPS, 1, 64, 64)).astype(np.float32)
    mark = np.tensordot(BITS, patterns, 1)
    received = mark + 10 * np.random.default_rng(11).normal(size=mark.shape).astype(np.float32)
    received[..., :40] = 60 * np.random.default_rng(12).normal(size=(1, 64, 40))

    def sums_of(volumes):
        return (patterns * volumes).sum((1, 2, 3))

    found = weighted_sums(received, sums_of, lambda likely: np.tensordot(likely, patterns, 1))
    wrong = [int((one * BITS < 0).sum()) for one in (sums_of(received), found)]
    assert wrong[1] < wrong[0] / 2
