"""Blocked products are those of numpy, whatever the number of columns."""

import numpy as np
import pytest

from underdrawing.ops.blocked_products import outer_sum, product


@pytest.mark.parametrize("columns", [0, 1, 127, 128, 300])
def test_products_equal_those_of_numpy(columns):
    rng = np.random.default_rng(columns)
    weights = rng.integers(-99, 99, (5, 7)).astype(np.float32)
    first, second = (rng.integers(-99, 99, (7, columns)).astype(np.float32) for _ in range(2))
    assert np.array_equal(product(weights, first), weights @ first)
    assert np.array_equal(outer_sum(first, second), first @ second.T)
