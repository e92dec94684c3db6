"""Regions like objects, and what fills the hole of a removed one."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.manipulation import fills, regions
from underdrawing.attacks.manipulation.removal import Removal


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return cv2.resize(data.chelsea(), (160, 128), interpolation=cv2.INTER_AREA)


@pytest.fixture
def hole(photo) -> np.ndarray:
    mask = np.zeros(photo.shape[:2], bool)
    mask[50:75, 60:90] = True
    return mask


@pytest.mark.parametrize("draw", [regions.region, regions.segment])
def test_a_region_is_one_part_of_fair_size(draw, photo):
    found = [draw(photo, np.random.default_rng(seed), (0.02, 0.2)) for seed in range(12)]
    found = [region for region in found if region is not None]
    assert len(found) >= 6
    for region in found:
        assert region.shape == photo.shape[:2] and region.min() >= 0 and region.max() <= 1
        assert 0.01 <= (region > 0.5).mean() <= 0.25
        sizes = cv2.connectedComponentsWithStats((region > 0.5).astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
        assert sizes.max() > 0.85 * sizes.sum()


def test_a_segment_follows_the_rim_of_an_object():
    picture = np.full((160, 160, 3), 60, np.uint8)
    disk = cv2.circle(np.zeros((160, 160), np.uint8), (80, 70), 31, 1, -1)
    picture[disk > 0] = (200, 160, 40)
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    region = regions.segment(picture, np.random.default_rng(1), (0.05, 0.3)) > 0.5
    overlap = (region & (disk > 0)).sum() / (region | (disk > 0)).sum()
    assert overlap > 0.95


@pytest.mark.parametrize("fill", fills.FILLS)
def test_a_fill_covers_the_object(fill, photo, hole):
    painted = photo.copy()
    painted[hole] = (255, 0, 255)
    filled = fill(painted, hole, np.random.default_rng(0))
    assert filled.shape == photo.shape
    left = np.abs(filled[hole] - (255, 0, 255)).mean()
    assert left > 80


def test_a_clone_has_the_colour_of_its_surroundings(hole):
    stripes = np.zeros((*hole.shape, 3), np.uint8)
    stripes[:, ::2] = 200
    stripes[:, :50] //= 4
    filled = fills.cloned(
        np.where(hole[..., None], 7, stripes).astype(np.uint8), hole, np.random.default_rng(3)
    )
    assert abs(filled[hole].mean() - stripes[hole].mean()) < 12


class _Blocks:
    """An autoencoder that keeps the mean of each position of the latent."""

    def encode(self, picture):
        count, channels, height, width = picture.shape
        return picture.reshape(count, channels, height // 8, 8, width // 8, 8).mean((3, 5))

    def decode(self, latent):
        return latent.repeat(8, 2).repeat(8, 3)


def test_a_hole_is_filled_by_an_autoencoder(photo, hole):
    decoded = fills.Decoded(_Blocks(), side=64)
    filled = decoded(photo, hole, np.random.default_rng(0))
    window = fills.with_margin(blending.bounds(hole), 12)
    outside = np.ones(hole.shape, bool)
    outside[window] = False
    assert np.array_equal(filled[outside], photo[outside])
    assert (
        np.abs(np.diff(filled[hole].mean(1))).mean()
        < np.abs(np.diff(photo[hole].mean(1).astype(float))).mean()
    )
    result = Removal(decoded)(photo, photo, np.random.default_rng(2))
    assert np.array_equal(result.image[result.mask == 0], photo[result.mask == 0])
    assert (result.mask > 0.5).any()
