"""Classical evidence: each method finds what was planted, where it was planted, and little else."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.data.arrays import picture_from_array
from underdrawing.data.graphics import KINDS, draw_graphic
from underdrawing.data.pictures import load_picture
from underdrawing.judging.classical import METHODS, classical_evidence
from underdrawing.judging.classical.evidence import log10_tail
from underdrawing.judging.classical.view import View

PHOTO, OTHER = data.astronaut()[:384], data.coffee()[:384, :512]
PLACE = np.s_[140:268, 100:228]
ELSEWHERE = np.s_[:100, 300:]


def saved(image, quality):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return load_picture(buffer.getvalue())


def evidence(name, image):
    picture = picture_from_array(image) if isinstance(image, np.ndarray) else image
    return METHODS[name](View.of(picture))


def planted(image, part):
    made = image.copy()
    made[PLACE] = part[: PLACE[0].stop - PLACE[0].start, : PLACE[1].stop - PLACE[1].start]
    return made


def assert_located(found):
    assert found.found and found.map.dtype == np.float32
    inside, outside = found.map[PLACE].mean(), found.map[ELSEWHERE].mean()
    assert inside > 0.25 and inside > 8 * outside, (inside, outside)


def test_a_part_with_another_grid():
    jpeg, part = saved(PHOTO, 88).image, saved(OTHER, 80).image[51:, 61:]
    found = evidence("jpeg-grid", planted(jpeg, part))
    assert_located(found)
    x, y = (100 - 61) % 8, (140 - 51) % 8
    assert f"JPEG grid at offset ({x}, {y})" in found.sentence
    assert not evidence("jpeg-grid", jpeg).found


def test_a_compressed_part_in_a_picture_without_compression():
    assert_located(evidence("jpeg-grid", planted(OTHER, saved(PHOTO, 85).image[53:, 50:])))


@pytest.mark.parametrize("quality", [60, 85, 95])
def test_the_grid_of_a_cropped_jpeg_is_that_of_the_picture(quality):
    found = evidence("jpeg-grid", saved(PHOTO, quality).image[3:, 5:])
    assert not found.found and "offset (3, 5)" in found.sentence and "cropped or turned" in found.sentence


def test_a_part_that_never_was_a_jpeg_in_one_that_was():
    made = planted(saved(OTHER, 75).image, PHOTO[20:, 30:])
    assert_located(evidence("double-jpeg", made))


def test_a_part_that_was_compressed_once_where_the_rest_was_twice():
    found = evidence("double-jpeg", saved(planted(saved(OTHER, 70).image, PHOTO[20:, 30:]), 92))
    assert_located(found)
    assert "compressed twice" in found.sentence


@pytest.mark.parametrize("qualities", [(70, 92), (80, 95), (92, 75), (85,)])
def test_pictures_that_were_compressed_all_alike(qualities):
    for image in (PHOTO, OTHER):
        for quality in qualities:
            picture = saved(image, quality)
            image = picture.image
        assert not evidence("double-jpeg", picture).found


def test_the_table_of_a_turned_file_is_turned():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=75, exif=exif)
    steps = View.of(load_picture(buffer.getvalue())).luma_steps
    assert (steps == View.of(saved(PHOTO, 75)).luma_steps.T).all() and not (steps == steps.T).all()


def test_a_part_that_was_scaled():
    larger = cv2.resize(PHOTO[:120, :120], (160, 160), interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(OTHER + np.random.default_rng(1).normal(0, 2, OTHER.shape), 0, 255).astype(np.uint8)
    made = planted(noisy, cv2.resize(PHOTO[:100, :100], (128, 128), interpolation=cv2.INTER_CUBIC))
    found = evidence("resampling", made)
    assert found.found and found.map[PLACE].mean() > 8 * found.map[ELSEWHERE].mean()
    assert not evidence("resampling", noisy).found and larger.shape == (160, 160, 3)


def test_a_picture_that_was_scaled_as_a_whole_has_no_odd_part():
    found = evidence("resampling", cv2.resize(OTHER, None, fx=1.3, fy=1.3, interpolation=cv2.INTER_CUBIC))
    assert not found.found and "as a whole was scaled" in found.sentence


@pytest.mark.parametrize(("angle", "scale"), [(0, 1.0), (20, 1.15)])
def test_a_part_that_was_copied(angle, scale):
    source = OTHER[200:328, 330:458]
    turn = cv2.getRotationMatrix2D((64, 64), angle, scale)
    part = cv2.warpAffine(source, turn, (128, 128), borderMode=cv2.BORDER_REFLECT)
    found = evidence("copy-move", saved(planted(OTHER, part), 90))
    assert_located(found)
    assert found.map[200:328, 330:458].mean() > 0.25 and found.score >= 8


def test_what_occurs_many_times_is_no_copy():
    bricks = np.tile(data.brick()[:96, :96, None], (4, 5, 3))
    assert not evidence("copy-move", bricks).found
    assert not evidence("copy-move", PHOTO).found


def test_a_part_with_more_noise():
    rng = np.random.default_rng(1)
    smooth = cv2.GaussianBlur(OTHER, (0, 0), 3)
    noisy = np.clip(smooth + rng.normal(0, 1, smooth.shape), 0, 255)
    noisy[PLACE] = np.clip(smooth[PLACE] + rng.normal(0, 40, smooth[PLACE].shape), 0, 255)
    assert_located(evidence("noise", noisy.astype(np.uint8)))
    even = np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
    assert not evidence("noise", even).found


def test_error_levels_are_a_map_on_a_fixed_scale_and_never_a_finding():
    found = evidence("error-level", PHOTO)
    assert found.found is False and "no sign of manipulation" in found.innocent
    again = evidence("error-level", saved(saved(PHOTO, 90).image, 90).image)
    assert again.map.mean() < found.map.mean() / 2


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_pictures_have_maps_of_their_size(kind):
    image = draw_graphic(kind, 200, 260, np.random.default_rng(3))
    for name, found in classical_evidence(View(image)).items():
        assert found.sentence and found.innocent and (found.map is None) <= (not found.found), name
        if found.map is not None:
            assert found.map.shape == (200, 260) and 0 <= found.map.min() <= found.map.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (63, 400), (64, 64), (64, 3000), (65, 71), (128, 130)])
def test_any_size_and_content(shape):
    rng = np.random.default_rng(0)
    flat, noise = np.full((*shape, 3), 128, np.uint8), rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    for image in (flat, noise):
        found = classical_evidence(View(image))
        assert set(found) == set(METHODS) and not any(one.found for one in found.values())
        assert all(one.found is None for one in found.values()) == (min(shape) < 64)


def test_the_bound_on_tails_of_binomials():
    draws = np.random.default_rng(0).binomial(36, 1 / 32, 200_000)
    for count in (3, 5, 8):
        bound = log10_tail(np.array(count), np.array(36), 1 / 32)
        assert np.log10((draws >= count).mean() + 1e-9) <= bound <= 0
    assert log10_tail(np.array(0), np.array(0), 1 / 32) == 0
