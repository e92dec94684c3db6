"""Gaussian Shading's latents: they say their message, and are standard normal to everybody else."""

import numpy as np
import pytest
from scipy.stats import kstest

from underdrawing.carriers.in_generation.gaussian_shading import GaussianShading
from underdrawing.core.errors import CapacityError, ShapeError, UsageError

FORMS = [
    GaussianShading(),
    GaussianShading((4, 32, 32), side_copies=4),
    GaussianShading((4, 16, 16), channel_copies=4, side_copies=2),
    GaussianShading((3, 16, 16), side_copies=4, element_bits=2),
    GaussianShading((4, 16, 16), side_copies=1, element_bits=3),
]


def message(shading, seed=0):
    return np.random.default_rng(seed).integers(0, 2, shading.room_bits, dtype=np.uint8)


@pytest.mark.parametrize("shading", FORMS, ids=lambda s: f"{s.shape}x{s.side_copies}l{s.element_bits}")
def test_latents_read_back_directly_are_right_in_every_bit(shading):
    for seed in range(3):
        bits = message(shading, seed)
        latents = shading.sample_latents(bits, np.random.default_rng(seed))
        assert latents.shape == shading.shape and latents.dtype == np.float32
        reading = shading.read_latents(latents, len(bits))
        assert np.array_equal(reading.bits, bits)
        assert reading.present or shading.side_copies == 1
        assert reading.evidence.shape == shading.shape[1:] and reading.evidence.mean() > 0.3


def test_the_papers_numbers():
    assert FORMS[0].room_bits == 256


@pytest.mark.parametrize("bits", [1, 3])
def test_latents_are_standard_normal_and_differ_from_draw_to_draw(bits):
    shading = GaussianShading((4, 64, 64), element_bits=bits)
    rng = np.random.default_rng(1)
    zeros = np.zeros(shading.room_bits, np.uint8)  # the message that would show most without a cipher
    first, second = (shading.sample_latents(zeros, rng) for _ in range(2))
    assert kstest(first.ravel(), "norm").pvalue > 0.01
    assert not np.array_equal(first, second)
    signs = np.sign(first)
    for axis in range(3):
        assert abs((signs * np.roll(signs, 1, axis)).mean()) < 4 / np.sqrt(first.size)
    other = GaussianShading((4, 64, 64), element_bits=bits, nonce=b"2").sample_latents(zeros, rng)
    assert abs((signs * np.sign(other)).mean()) < 4 / np.sqrt(first.size)


def test_the_majority_wins_where_a_third_of_the_signs_are_wrong():
    shading = GaussianShading()
    bits = message(shading)
    rng = np.random.default_rng(2)
    latents = shading.sample_latents(bits, rng)
    wrong = rng.random(latents.shape) < 1 / 3
    reading = shading.read_latents(np.where(wrong, -latents, latents), len(bits))
    assert np.mean(reading.bits == bits) > 0.98 and reading.present


def test_soft_votes_beat_hard_ones_and_mean_their_probabilities():
    """With noise of 3 deviations the votes of sure elements count more, and the soft bits are calibrated."""
    shading = GaussianShading((4, 64, 64), side_copies=4)
    soft_right = hard_right = 0
    reported, right = [], []
    for seed in range(6):
        bits, rng = message(shading, seed), np.random.default_rng(seed)
        latents = shading.sample_latents(bits, rng)
        received = latents + 3 * rng.standard_normal(latents.shape)
        reading = shading.read_latents(received, len(bits))
        hard = shading.read_latents(np.sign(received), len(bits))
        soft_right += int((reading.bits == bits).sum())
        hard_right += int((hard.bits == bits).sum())
        reported.append(1 / (1 + np.exp(-np.abs(reading.soft_bits))))
        right.append(reading.bits == bits)
    assert soft_right > hard_right
    assert np.mean(right) == pytest.approx(np.mean(reported), abs=0.04)


def test_other_latents_other_keys_and_other_nonces_carry_nothing():
    shading = GaussianShading()
    bits = message(shading)
    latents = shading.sample_latents(bits, np.random.default_rng(3))
    others = [
        (shading, np.random.default_rng(4).standard_normal(shading.shape)),
        (GaussianShading(secret=b"another"), latents),
        (GaussianShading(nonce=b"another"), latents),
    ]
    for reader, visible in others:
        reading = reader.read_latents(visible, len(bits))
        assert reading.present is False
        assert 0.3 < np.mean(reading.bits == bits) < 0.7


def test_evidence_points_at_what_was_written_again():
    shading = GaussianShading()
    rng = np.random.default_rng(5)
    latents = shading.sample_latents(message(shading), rng)
    latents[:, 16:48, 16:48] = rng.standard_normal((4, 32, 32))
    evidence = shading.read_latents(latents, shading.room_bits).evidence
    assert evidence[16:48, 16:48].mean() < 0 < evidence[:, :16].mean()


def test_short_messages_fill_the_latents():
    shading = GaussianShading((4, 16, 16), side_copies=4)
    bits = np.array([1, 0, 0, 1, 1], np.uint8)
    latents = shading.sample_latents(bits, np.random.default_rng(6))
    assert np.array_equal(shading.read_latents(-0.2 * -latents, 5).bits, bits)


def test_what_does_not_fit_is_refused():
    shading = GaussianShading((4, 16, 16), side_copies=4)
    with pytest.raises(CapacityError, match=r"1 to 64 bits.* got 65"):
        shading.sample_latents(np.zeros(65, np.uint8), np.random.default_rng(0))
    with pytest.raises(CapacityError, match="got 65"):
        shading.read_latents(np.zeros(shading.shape), 65)
    with pytest.raises(ShapeError, match="expected latents"):
        shading.read_latents(np.zeros((4, 8, 8)), 64)
    with pytest.raises(ShapeError, match="squares of 3"):
        GaussianShading((4, 16, 16), side_copies=3)
    with pytest.raises(UsageError, match="1 to 4 bits an element"):
        GaussianShading(element_bits=5)
