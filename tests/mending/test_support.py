"""Which flagged areas are borne out."""

import numpy as np

from underdrawing.mending.support import supported


def test_a_void_counts_where_the_signed_content_tells_of_something_else():
    probability = np.zeros((64, 64), np.float32)
    probability[16:48, 16:48] = 0.9
    silent, black = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    black[2:6, 2:6] = 1
    gap = np.full((64, 64), 10, np.float32)
    assert supported(probability, silent, black, gap).max() < 0.5
    gap[16:48, 16:48] = 60
    assert supported(probability, silent, black, gap).max() > 0.5
