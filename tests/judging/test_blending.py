"""Where a picture is written anew."""

import numpy as np

from underdrawing.judging.blending import blend, recovery_region


def test_only_suspects_beside_an_altered_pixel_are_written_again():
    probability = np.zeros((60, 60), np.float32)
    probability[2:10, 2:10] = probability[40:50, 40:50] = 0.3
    assert not recovery_region(probability).any()
    probability[4:6, 4:6] = 0.9
    again = recovery_region(probability)
    assert again[:10, :10].all() and not again[20:].any()
    assert again[12, 5] and not again[18, 5]  # and a rim around them


def test_what_is_written_joins_without_a_seam():
    received, region = np.full((40, 40, 3), 100, np.uint8), np.zeros((40, 40), bool)
    region[10:30, 10:30] = True
    mended = blend(received, np.full((40, 40, 3), 200, np.float32), region)
    assert (mended[~region] == 100).all() and (mended[15:25, 15:25] == 200).all()
    assert 100 < mended[20, 10, 0] < mended[20, 11, 0] < 200
