"""Frequencies of errors: positive, of the right sum, and of the mean absolute value that was asked for."""

import numpy as np
import pytest

from underdrawing.coding.error_tables import TABLE_BITS, frequencies


@pytest.mark.parametrize("heavy", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("spread", [0.02, 1.0, 4.0])
def test_frequencies_have_their_sum_and_spread(spread, heavy):
    errors = np.arange(-64, 64)
    found = frequencies(errors, spread, heavy)
    assert found.min() > 0 and found.sum() == 1 << TABLE_BITS and errors[np.argmax(found)] == 0
    if spread >= 1:
        assert abs((found * np.abs(errors)).sum() / found.sum() - spread) < 0.12 * spread


def test_tails_are_heavier_with_more_of_their_weight():
    light, heavy = (frequencies(np.arange(-64, 64), 2.0, share) for share in (0.125, 0.875))
    assert heavy[:50].sum() > 4 * light[:50].sum()
