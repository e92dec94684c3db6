"""Recovery: outside the mask nothing moves, inside the sketch gains by what is left around it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.sketch.fusion import Fusion, prepare
from underdrawing.content.sketch.fusion_net import CHANNELS
from underdrawing.core.errors import WeightsError
from underdrawing.judging.blending import spread
from underdrawing.systems.photo.training_fusion import as_flagged

_SIDE = 256


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


def received(photo, mask):
    return np.where(mask[..., None], np.uint8([200, 30, 90]), photo)


def test_only_the_mask_is_written(photo, sketch, mask):
    image = received(photo, mask)
    recovered, confidence = Fusion().recover(image, mask.astype(np.float32), sketch)
    assert (recovered[~mask] == image[~mask]).all()
    assert (confidence[~mask] == 1).all()
    assert confidence.dtype == np.float32
    assert 0 <= confidence.min() < confidence[mask].max() <= 1


def test_what_is_written_is_about_as_good_as_the_sketch(photo, sketch, mask):
    recovered, _ = Fusion().recover(received(photo, mask), mask.astype(np.float32), sketch)
    assert error(recovered, photo, mask) < 1.05 * error(sketch, photo, mask)


def test_a_sketch_in_the_wrong_tone_takes_that_of_its_surroundings(photo, sketch, mask):
    off = np.clip(sketch.astype(int) + np.array([14, -10, 8]), 0, 255).astype(np.uint8)
    recovered, _ = Fusion().recover(received(photo, mask), mask.astype(np.float32), off)
    gained = error(off, photo, mask) - error(recovered, photo, mask)
    assert gained > 0.5 * (error(off, photo, mask) - error(sketch, photo, mask))


def test_confidence_tells_good_places_from_bad(photo, sketch, mask):
    recovered, confidence = Fusion().recover(received(photo, mask), mask.astype(np.float32), sketch)
    low, high = np.quantile(confidence[mask], [0.25, 0.75])
    sure, unsure = mask & (confidence >= high), mask & (confidence <= low)
    assert error(recovered, photo, sure) < error(recovered, photo, unsure)


def test_the_alteration_itself_has_no_effect(photo, sketch, mask):
    first = Fusion().recover(received(photo, mask), mask.astype(np.float32), sketch)[0]
    other = np.where(mask[..., None], photo[::-1], photo)
    assert (Fusion().recover(other, mask.astype(np.float32), sketch)[0][mask] == first[mask]).all()


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_nothing_altered_and_everything_altered(photo, sketch, fraction):
    recovered, confidence = Fusion().recover(photo, np.full((_SIDE, _SIDE), fraction, np.float32), sketch)
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
    recovered, confidence = Fusion().recover(photo[:64, :136], probability, sketch[:64, :136])
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
    planes = prepare(photo, mask, sketch)
    assert planes.shape == (_SIDE, _SIDE, CHANNELS)
    assert planes.dtype == np.float32
    assert (planes[mask][:, 3:6] == 0).all()


def test_flagged_masks_are_never_empty(mask):
    for seed in range(20):
        flagged = as_flagged(mask if seed % 2 else np.zeros_like(mask), np.random.default_rng(seed))
        assert flagged.any()
        assert flagged.dtype == bool


def test_missing_weights_are_said_to_be_missing(photo, sketch, tmp_path):
    with pytest.raises(WeightsError, match="none"):
        Fusion(tmp_path / "none.safetensors").recover(photo, np.ones((_SIDE, _SIDE), np.float32), sketch)
