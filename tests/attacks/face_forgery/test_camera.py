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


def test_one_in_three_is_the_face_as_it_was_made():
    """Also where the square is not quite as large as the input: nothing is resampled."""
    crop = np.random.default_rng(1).integers(0, 256, (160, 160, 3), np.uint8)
    crop[0, 0] = 0
    camera, found = Camera(tone=0), 0
    windows = {crop[y : y + 128, x : x + 128].tobytes() for y in range(33) for x in range(33)}
    for seed in range(200):
        face = camera.picture(crop, 128, np.random.default_rng(seed))
        found += face.tobytes() in windows or face[:, ::-1].tobytes() in windows
    assert 0.3 < found / 200 < 0.5  # plain, or by chance neither scaled, turned nor compressed


@pytest.mark.parametrize("seed", range(16))
def test_a_mask_lies_where_the_picture_is_changed(seed):
    marked = np.zeros((160, 160, 3), np.uint8)
    marked[40:88, 72:120] = 255
    view = Camera(tone=0, jpeg=(98, 98)).draw(np.random.default_rng(seed))
    mask = view.mask(np.ascontiguousarray(marked[..., 0]), (160, 128), 128)
    both = view.picture(marked, 128)[..., 0] > 127, mask > 127
    assert (both[0] & both[1]).sum() / (both[0] | both[1]).sum() > 0.9


def test_other_sides_of_crops_are_taken():
    for side in (48, 97, 640):
        crop = np.zeros((side, side, 3), np.uint8)
        assert Camera().picture(crop, 128, np.random.default_rng(0)).shape == (128, 128, 3)
