"""Every kind of manipulation: outside of the mask not a byte changes, inside it something does."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.manipulation import KINDS
from underdrawing.attacks.manipulation.picture import LEAST_RMS, change, composed, redrawn
from underdrawing.core.errors import ShapeError


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    names = (data.astronaut, data.chelsea, data.coffee)
    return [cv2.resize(name(), (128, 112), interpolation=cv2.INTER_AREA) for name in names]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_manipulation_changes_what_its_mask_covers(kind, seed, photos):
    image, donor = photos[seed % 3], photos[(seed + 1) % 3][:96]
    before = image.copy()
    result = KINDS[kind](image, donor, np.random.default_rng(seed))
    assert np.array_equal(image, before)
    assert result.image.shape == image.shape and result.image.dtype == np.uint8
    assert result.mask.shape == image.shape[:2] and result.mask.dtype == np.float32
    assert result.mask.min() >= 0 and result.mask.max() <= 1
    untouched = result.mask == 0
    assert np.array_equal(result.image[untouched], image[untouched])
    assert change(image, result) >= LEAST_RMS
    assert 0.002 <= (result.mask > 0.5).mean() <= 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_decides(kind, photos):
    first, again, other = (
        KINDS[kind](photos[0], photos[1], np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.image, again.image) and np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_is_changed_too(kind, level):
    flat = np.full((64, 80, 3), level, np.uint8)
    result = KINDS[kind](flat, flat, np.random.default_rng(1))
    assert change(flat, result) >= LEAST_RMS
    assert np.array_equal(result.image[result.mask == 0], flat[result.mask == 0])


def test_only_the_splice_uses_the_donor(photos):
    for kind in KINDS:
        results = [KINDS[kind](photos[0], donor, np.random.default_rng(2)).image for donor in photos[1:]]
        assert np.array_equal(*results) == (kind != "splice")


def test_a_change_below_three_levels_is_drawn_again(photos):
    draws = []

    def faint(image, donor, rng):
        draws.append(float(rng.uniform()))
        mask = np.zeros(image.shape[:2], np.float32)
        mask[10:40, 10:40] = 1
        return composed(image, image + np.float32(1.0 if len(draws) < 3 else 20.0), mask)

    result = redrawn(faint)(photos[0], photos[1], np.random.default_rng(0))
    assert len(set(draws)) == 3
    assert change(photos[0], result) > 10


@pytest.mark.parametrize(
    "image",
    [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32), np.zeros((63, 200, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(ShapeError):
        KINDS["text"](image, image, np.random.default_rng(0))
