"""Scale and tails of a part follow its errors, in groups by level; the encoder's choice shortens the code."""

import numpy as np
import pytest

from underdrawing import zoo
from underdrawing.nets import masked_levels
from underdrawing.nets.masked_levels import bin_count, changed, fitted
from underdrawing.nets.masked_network import SIZES, Prediction


@pytest.fixture(scope="module")
def lengths():
    return zoo.load("masked-lossless")._model.lengths


def a_part(count=16000, seed=1):
    rng = np.random.default_rng(seed)
    level = rng.integers(8, 32, count).astype(np.int32)
    mean = rng.integers(200, 1800, count).astype(np.float32)
    return rng, Prediction(mean, level, np.full(count, 2, np.int16))


def bits(prediction, values, lengths):
    table, shift = prediction.tables
    error, shift = values - prediction.center, np.zeros(len(values), int) if shift is None else shift
    symbols = ((error + ((1 << shift) >> 1)) >> shift) + lengths.shape[1] // 2
    return float((lengths[table, symbols] + shift).sum())


def test_small_parts_have_no_changes_and_large_ones_eight_groups():
    assert [bin_count(n) for n in (1, 255, 256, 1024, 1 << 17)] == [0, 0, 1, 4, 8]


def test_levels_move_to_the_errors_in_each_group(lengths):
    rng, part = a_part()
    factor = np.where(part.level < 20, 0.5, 2.0)  # flat parts better, edges worse
    values = np.rint(part.mean / 8 + rng.laplace(0, SIZES[part.level] * factor)).astype(int)
    changes = fitted(part, values, np.ones(len(values), bool), lengths)
    assert np.abs(changes[0, :3] + 4).max() <= 2 and np.abs(changes[0, -3:] - 4).max() <= 2
    after = changed(part, changes)
    assert bits(after, values, lengths) < 0.97 * bits(part, values, lengths)


def test_right_levels_stay(lengths):
    rng, part = a_part()
    values = np.rint(part.mean / 8 + rng.laplace(0, SIZES[part.level])).astype(int)
    changes = fitted(part, values, np.ones(len(values), bool), lengths)
    assert np.abs(changes[0]).max() <= 1


def test_only_pixels_that_are_coded_count(lengths):
    rng, part = a_part()
    values = np.rint(part.mean / 8 + rng.laplace(0, SIZES[part.level])).astype(int)
    coded = np.arange(len(values)) % 2 == 0
    spoiled = np.where(coded, values, 0)
    changes = fitted(part, spoiled, coded, lengths)
    assert np.abs(changes[0]).max() <= 1


@pytest.mark.parametrize("count", [1, 2, 8])
def test_groups_have_equally_many_pixels_and_rise_with_the_level(count):
    rng = np.random.default_rng(5)
    level = rng.permutation(np.arange(4000) // 25).astype(np.int32)
    bins = masked_levels._bins(level, count)
    assert np.bincount(bins).min() > 0.9 * len(level) / count
    assert np.all(np.diff(bins[np.argsort(level, kind="stable")]) >= 0)


def test_one_level_is_one_group():
    assert set(masked_levels._bins(np.full(4000, 7, np.int32), 8)) == {0}
