import numpy as np

from underdrawing.ops.membrane import membrane


def test_a_plane_is_continued_exactly_and_the_rest_is_kept():
    y, x = np.mgrid[:64, :96].astype(np.float32)
    plane = np.dstack([x, 2 * y, 40 - x + y])
    mask = np.zeros((64, 96), bool)
    mask[20:40, 30:70] = True
    holed = np.where(mask[..., None], 255, plane).astype(np.float32)
    filled = membrane(holed, mask)
    assert np.array_equal(filled[~mask], plane[~mask])
    assert np.abs(filled - plane).max() < 2.5  # of 95 levels
    assert (np.abs(filled - plane)[mask]).mean() < 0.6


def test_nothing_and_everything_masked():
    values = np.full((20, 20, 3), 7, np.float32)
    assert membrane(values, np.zeros((20, 20), bool)) is values
    assert np.array_equal(membrane(values, np.ones((20, 20), bool)), np.zeros_like(values))
