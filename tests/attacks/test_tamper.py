"""Edits alter the pixels under their mask, and no others."""

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.tamper import (
    FILLS,
    Objects,
    Tamper,
    blob,
    box,
    free_form,
    inpaint_fast,
)
from underdrawing.attacks.texture import texture

PHOTO, DONOR = data.astronaut()[:256, 60:380], data.rocket()


@pytest.mark.parametrize("shape", [free_form, box, blob])
@pytest.mark.parametrize("size", [(256, 320), (64, 64), (97, 300)])
def test_masks_keep_their_promised_area(shape, size):
    rng = np.random.default_rng(1)
    for _ in range(20):
        mask = shape(*size, rng, (0.05, 0.30))
        assert mask.shape == size and mask.dtype == bool
        assert 0.04 <= mask.mean() <= 0.31


@pytest.mark.parametrize("fill", [*FILLS, inpaint_fast, texture])
@pytest.mark.parametrize("shape", [free_form, box])
def test_only_what_the_mask_marks_is_altered(fill, shape):
    altered, mask = Tamper(shape, fill)(PHOTO, DONOR, np.random.default_rng(3))
    assert altered.shape == PHOTO.shape and altered.dtype == np.uint8
    assert np.array_equal(altered[~mask], PHOTO[~mask])
    assert (altered[mask] != PHOTO[mask]).any(axis=-1).mean() > 0.9


def test_a_large_picture_is_inpainted_in_time_and_outside_the_mask_untouched():
    large = np.tile(PHOTO, (5, 4, 1))
    altered, mask = Tamper(box, FILLS[2])(large, DONOR, np.random.default_rng(3))
    assert np.array_equal(altered[~mask], large[~mask]) and not np.array_equal(altered, large)


def test_objects_stand_where_they_are_when_their_area_fits():
    triangle = np.array([[40.0, 40.0], [200.0, 40.0], [40.0, 200.0]])
    mask = Objects(((triangle,),))(256, 320, np.random.default_rng(0))
    assert mask[60, 60] and not mask[250, 250]
    assert mask.sum() == pytest.approx(160 * 160 / 2, rel=0.03)


def test_small_objects_are_enlarged_until_they_count():
    speck = np.array([[4.0, 4.0], [9.0, 4.0], [9.0, 9.0], [4.0, 9.0]])
    mask = Objects(((speck,),))(256, 320, np.random.default_rng(0))
    assert 0.05 <= mask.mean() <= 0.30
    assert 0.05 <= Objects(())(256, 320, np.random.default_rng(0)).mean() <= 0.30


def test_texture_comes_from_outside_the_hole_and_meets_its_rim():
    rows, columns = np.mgrid[:256, :256]
    stripes = np.where((columns // 8) % 2, 220, 30).astype(np.uint8)
    image = np.stack([stripes, stripes, np.full_like(stripes, 60)], axis=2)
    mask = (abs(rows - 128) < 30) & (abs(columns - 120) < 40)
    filled = texture(image, mask, DONOR, np.random.default_rng(0))
    smooth = inpaint_fast(image, mask, DONOR, np.random.default_rng(0))
    errors = [np.abs(picture[mask].astype(int) - image[mask]).mean() for picture in (filled, smooth)]
    assert errors[0] < 0.5 * errors[1]


def test_texture_is_smooth_where_there_is_nothing_to_take_it_from():
    mask = np.ones(PHOTO.shape[:2], bool)
    mask[:3] = False
    rng = np.random.default_rng(0)
    assert np.array_equal(texture(PHOTO, mask, DONOR, rng), inpaint_fast(PHOTO, mask, DONOR, rng))
    tiny = PHOTO[:5, :5]
    assert texture(tiny, mask[:5, :5], DONOR, rng).shape == tiny.shape
