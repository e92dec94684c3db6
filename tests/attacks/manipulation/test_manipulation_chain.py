"""The path after a manipulation: picture and mask stay together, and authentic pictures pass alike."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.manipulation import PLATFORMS, Camera, Chain
from underdrawing.attacks.manipulation.chain import Codec, Ranges


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return cv2.resize(data.coffee(), (160, 128), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("side", [None, 96])
@pytest.mark.parametrize("seed", range(12))
def test_picture_and_masks_have_one_size_and_one_place(photo, side, seed):
    path = Chain.draw(np.random.default_rng(seed), side)
    received = path(photo)
    luma = path.moved(photo.astype(np.float32).mean(2))
    assert received.shape[:2] == luma.shape and received.dtype == np.uint8
    assert side is None or received.shape == (side, side, 3)
    correlation = np.corrcoef(received.mean(2).ravel(), luma.ravel())[0, 1]
    assert correlation > 0.97
    labels = np.zeros(photo.shape[:2], np.uint8)
    labels[40:90, 50:110], labels[:20] = 1, 255
    moved = path.moved(labels)
    assert moved.dtype == np.uint8 and moved.shape == luma.shape and set(np.unique(moved)) <= {0, 1, 255}


def test_a_path_is_drawn_once_and_the_same_for_every_picture(photo):
    first, again = (Chain.draw(np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert np.array_equal(first(photo), again(photo))


def test_the_second_grid_is_shifted(photo):
    path = Chain(first=Codec(50), shift=(3, 5), last=None)
    assert np.array_equal(path(photo), Codec(50)(photo)[3:, 5:])
    assert np.array_equal(path.moved(photo), photo[3:, 5:])


def test_every_choice_occurs():
    paths = [Chain.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert 20 < sum(path.first is not None for path in paths) < 80
    assert sum(path.last is None for path in paths) > 10
    assert any(path.last and path.last.webp for path in paths)
    assert all(0.7 <= path.scale <= 1.25 for path in paths)
    assert {path.shift for path in paths if path.first} - {(0, 0)}


def test_a_share_of_the_paths_only_cuts_out(photo):
    paths = [Chain.draw(np.random.default_rng(seed), 64, Ranges(plain=0.5)) for seed in range(60)]
    plain = [path for path in paths if path == Chain(crop=path.crop, side=64)]
    assert 15 < len(plain) < 45
    rows = np.lib.stride_tricks.sliding_window_view(photo, (64, 64), (0, 1)).reshape(-1, 3, 64, 64)
    assert (rows == plain[0](photo).transpose(2, 0, 1)).all((1, 2, 3)).any()


@pytest.mark.parametrize("seed", range(12))
def test_a_square_around_a_point_has_it_near_the_middle(photo, seed):
    path = Chain.draw(np.random.default_rng(seed), 64)
    point = np.zeros(photo.shape[:2], np.float32)
    point[60:69, 70:79] = 1
    moved = path.around((64.0, 74.0), photo.shape).moved(point)
    assert moved.shape == (64, 64)
    assert np.abs(np.average(np.argwhere(moved > 0), axis=0) - 31.5).max() < 10
    corner = path.around((0.0, 0.0), photo.shape)
    assert corner.crop[:2] == (0.0, 0.0) and path.around((999.0, 999.0), photo.shape).crop[:2] == (1.0, 1.0)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_limits_the_size_and_compresses(name, photo):
    platform = PLATFORMS[name]
    path = platform.draw(np.random.default_rng(0))
    large = cv2.resize(photo, (2560, 2048))
    assert max(path(large).shape[:2]) <= platform.longest
    assert path(large).shape[:2] == path.moved(large[..., 0]).shape
    small = path(photo)
    assert small.shape == photo.shape and not np.array_equal(small, photo)
    assert platform.quality[0] <= path.last.quality <= platform.quality[1]
    assert platform.source


def test_a_camera_compresses_two_photographs_in_three(photo):
    cameras = [Camera.draw(np.random.default_rng(seed)) for seed in range(90)]
    lossy = [camera for camera in cameras if camera.codec]
    assert 45 <= len(lossy) <= 75
    assert np.array_equal(Camera(None)(photo), photo)
    assert not np.array_equal(lossy[0](photo), photo)
