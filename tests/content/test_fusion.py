"""Recovery: outside the mask nothing moves, inside the sketch gains by what is left around it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.sketch.fusion import Fusion, prepare
from underdrawing.content.sketch.fusion_net import CHANNELS
from underdrawing.content.sketch.training_fusion import draw_region, part, received
from underdrawing.core.errors import WeightsError
from underdrawing.judging.blending import spread

_SIDE = 256
DENSITY = np.full((_SIDE // 8, _SIDE // 8), 1.5, np.float32)
"""Bits a block of a code that shows about as much as the blurred photograph below."""


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:_SIDE, 90 : 90 + _SIDE])


@pytest.fixture(scope="module")
def sketch(photo) -> np.ndarray:
    small = cv2.resize(photo, (28, 28), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    y, x = np.mgrid[:_SIDE, :_SIDE]
    return (y - 120) ** 2 + (x - 140) ** 2 < 45**2


def error(picture: np.ndarray, photo: np.ndarray, mask: np.ndarray) -> float:
    return float(((picture[mask].astype(np.float64) - photo[mask]) ** 2).mean())


def edited(photo, mask):
    return np.where(mask[..., None], np.uint8([200, 30, 90]), photo)


def test_only_the_mask_is_written(photo, sketch, mask):
    image = edited(photo, mask)
    recovered, confidence = Fusion().recover(image, mask.astype(np.float32), sketch, DENSITY)
    assert (recovered[~mask] == image[~mask]).all()
    assert (confidence[~mask] == 1).all()
    assert confidence.dtype == np.float32
    assert 0 <= confidence.min() < confidence[mask].max() <= 1


def test_what_is_written_is_about_as_good_as_the_sketch(photo, sketch, mask):
    recovered, _ = Fusion().recover(edited(photo, mask), mask.astype(np.float32), sketch, DENSITY)
    assert error(recovered, photo, mask) < 1.05 * error(sketch, photo, mask)


def test_a_sketch_in_the_wrong_tone_takes_that_of_its_surroundings(photo, sketch, mask):
    off = np.clip(sketch.astype(int) + np.array([14, -10, 8]), 0, 255).astype(np.uint8)
    recovered, _ = Fusion().recover(edited(photo, mask), mask.astype(np.float32), off, DENSITY)
    gained = error(off, photo, mask) - error(recovered, photo, mask)
    assert gained > 0.5 * (error(off, photo, mask) - error(sketch, photo, mask))


def test_confidence_tells_good_places_from_bad(photo, sketch, mask):
    recovered, confidence = Fusion().recover(edited(photo, mask), mask.astype(np.float32), sketch, DENSITY)
    low, high = np.quantile(confidence[mask], [0.25, 0.75])
    sure, unsure = mask & (confidence >= high), mask & (confidence <= low)
    assert error(recovered, photo, sure) < error(recovered, photo, unsure)


def test_the_alteration_itself_has_no_effect(photo, sketch, mask):
    first = Fusion().recover(edited(photo, mask), mask.astype(np.float32), sketch, DENSITY)[0]
    other = np.where(mask[..., None], photo[::-1], photo)
    assert (Fusion().recover(other, mask.astype(np.float32), sketch, DENSITY)[0][mask] == first[mask]).all()


def test_a_gray_picture_stays_gray_and_a_coloured_sketch_keeps_its_colour(photo, sketch, mask):
    def gray(picture):
        return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

    image, tinted = gray(edited(photo, mask)), gray(sketch)
    tinted[..., 0] += np.uint8(6) * (tinted[..., 0] < 240)
    recovered, _ = Fusion().recover(image, mask.astype(np.float32), tinted, DENSITY)
    assert (np.ptp(recovered, axis=2) == 0).all()
    recovered, _ = Fusion().recover(image, mask.astype(np.float32), sketch, DENSITY)
    assert np.ptp(recovered[mask].astype(int), axis=1).mean() > 10


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_nothing_altered_and_everything_altered(photo, sketch, fraction):
    recovered, confidence = Fusion().recover(
        photo, np.full((_SIDE, _SIDE), fraction, np.float32), sketch, DENSITY
    )
    if fraction:
        assert (
            error(recovered, photo, np.ones((_SIDE, _SIDE), bool))
            < 1.05 * ((sketch - photo.astype(float)) ** 2).mean()
        )
    else:
        assert (recovered == photo).all()
        assert (confidence == 1).all()


def test_sides_need_not_be_alike(photo, sketch):
    probability = np.zeros((64, 136), np.float32)
    probability[10:30, 100:] = 0.9
    recovered, confidence = Fusion().recover(
        photo[:64, :136], probability, sketch[:64, :136], DENSITY[:8, :17]
    )
    assert recovered.shape == (64, 136, 3)
    assert confidence.shape == (64, 136)


def test_a_constant_difference_is_spread_over_a_small_hole():
    weight = np.ones((64, 64), np.float32)
    weight[24:40, 24:40] = 0
    values = np.full((64, 64, 3), 0.5, np.float32) * weight[..., None]
    filled = spread(values, weight)
    assert np.allclose(filled[weight > 0], 0.5, atol=0.02)
    assert (filled[24:40, 24:40] > 0.35).all()


def test_planes(photo, sketch, mask):
    planes = prepare(photo, mask, sketch, DENSITY)
    assert planes.shape == (_SIDE, _SIDE, CHANNELS)
    assert planes.dtype == np.float32
    assert (planes[mask][:, 3:6] == 0).all()


def test_the_density_is_the_last_plane(photo, sketch, mask):
    density = np.zeros_like(DENSITY)
    density[3, 5] = 8
    plane = prepare(photo, mask, sketch, density)[..., -1]
    assert (plane[24:32, 40:48] == np.log1p(np.float32(256)) / 4).all()
    assert np.count_nonzero(plane) == 64


def test_parts_keep_pixels_and_blocks_together(photo):
    density = photo[::8, ::8, 0].astype(np.float32)
    for seed in range(8):
        cut = part((photo, photo.copy(), density), 96, np.random.default_rng(seed))
        assert [a.shape for a in cut] == [(96, 96, 3), (96, 96, 3), (12, 12)]
        corner = cut[0][::8, 7::8, 0] if (cut[0][::8, ::8, 0] != cut[2]).any() else cut[0][::8, ::8, 0]
        assert (corner == cut[2]).all()  # the first pixel of each block, or the last where it is mirrored


def test_regions_are_never_empty_and_nearly_cover_the_edit(photo):
    for seed in range(30):
        edit, flagged = draw_region((96, 128), np.random.default_rng(seed))
        assert edit.shape == flagged.shape == (96, 128)
        assert flagged.any()
        assert (edit & ~flagged).mean() < 0.05


def test_what_is_received_differs_inside_the_edit(photo, mask):
    image = received(photo, mask, np.random.default_rng(1))
    assert image.shape == photo.shape
    assert error(image, photo, mask) > 4 * error(image, photo, ~mask)


def test_missing_weights_are_said_to_be_missing(photo, sketch, tmp_path):
    with pytest.raises(WeightsError, match="none"):
        Fusion(tmp_path / "none.safetensors").recover(
            photo, np.ones((_SIDE, _SIDE), np.float32), sketch, DENSITY
        )
