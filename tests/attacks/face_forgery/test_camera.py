"""The camera path of both classes."""

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.face_forgery.camera import Camera

CROP = data.astronaut()[0:256, 96:352]
PLAIN = Camera(scale=(1.0, 1.0), jpeg=(100, 100), webp=(100, 100), margin=(1.6, 1.6), shift=0, turn=0, tone=0)


def test_the_seed_alone_decides():
    first, again, other = (Camera().picture(CROP, 128, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == (128, 128, 3) and first.dtype == np.uint8


@pytest.mark.parametrize("seed", range(12))
def test_without_random_ranges_it_is_the_crop_or_its_mirror(seed):
    face = PLAIN.picture(CROP, 256, np.random.default_rng(seed)).astype(float)
    errors = [np.abs(face - one).mean() for one in (CROP, CROP[:, ::-1])]
    assert min(errors) < 2.5 < max(errors)


def test_the_margin_is_that_of_the_field():
    camera = Camera(
        scale=(1, 1), jpeg=(100, 100), webp=(100, 100), margin=(1.3, 1.3), shift=0, turn=0, tone=0
    )
    side = round(1.3 / 1.6 * 256)
    start = (256 - side) // 2
    expected = CROP[start : start + side, start : start + side].astype(float)
    face = camera.picture(CROP, side, np.random.default_rng(1)).astype(float)
    assert min(np.abs(face - one).mean() for one in (expected, expected[:, ::-1])) < 4


def test_other_sides_of_crops_are_taken():
    for side in (48, 97, 640):
        crop = np.zeros((side, side, 3), np.uint8)
        assert Camera().picture(crop, 128, np.random.default_rng(0)).shape == (128, 128, 3)
