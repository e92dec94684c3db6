"""Drawn pictures are of the size and kind that was asked for, and repeat themselves for a seed."""

from __future__ import annotations

import numpy as np
import pytest

from underdrawing.data.graphics import KINDS, draw_graphic


@pytest.mark.parametrize("kind", KINDS)
def test_a_graphic_has_size_edges_and_flat_areas(kind):
    drawn = draw_graphic(kind, 300, 480, np.random.default_rng(3))
    assert drawn.shape == (300, 480, 3) and drawn.dtype == np.uint8
    assert np.array_equal(drawn, draw_graphic(kind, 300, 480, np.random.default_rng(3)))
    flat = (np.diff(drawn.astype(int), axis=1) == 0).all(2).mean()
    assert 0.5 < flat < 1
