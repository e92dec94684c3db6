"""Animations made from a photograph: views inside of it, points that follow, motion as drawn."""

import numpy as np
import pytest
from skimage import data

from underdrawing.data.motion import Path, View, draw_path, frames_of


@pytest.mark.parametrize("seed", range(12))
def test_views_lie_inside_of_the_photograph(seed):
    path = draw_path(200, 320, 5, np.random.default_rng(seed))
    assert len(path.views) == len(path.near) == 5
    for view in path.views:
        assert view.left >= 0 and view.left + view.side <= 320 and 140 - 1e-9 <= view.side <= 200
        assert view.top >= 0 and view.top + view.side <= 200


def test_a_view_of_the_size_of_the_frames_is_that_part_of_the_photograph():
    photo = data.coffee()
    path = Path((View(40, 20, 128),), ((0.0, 0.0),), (100.0, 100.0))
    assert np.array_equal(frames_of(photo, path, 128)[0], photo[20:148, 40:168])


def test_points_follow_the_photograph():
    photo = np.zeros((300, 300, 3), np.uint8)
    photo[99:102, 149:152] = 255
    views = (View(80, 40, 200), View(60, 30, 220), View(20, 0, 280))
    frames = frames_of(photo, Path(views, ((0.0, 0.0),) * 3, (150.0, 100.0)), 100)
    for view, frame in zip(views, frames, strict=True):
        (point,) = view.points(np.array([[150.5, 100.5]]), 100)
        rows, cols = np.nonzero(frame[..., 0] > 0.6 * frame.max())
        assert abs(cols.mean() + 0.5 - point[0]) < 0.8 and abs(rows.mean() + 0.5 - point[1]) < 0.8


def test_parallax_moves_the_centre_and_not_the_border():
    photo = data.coffee()
    view = View(100, 20, 256)
    still, moved = frames_of(photo, Path((view, view), ((0.0, 0.0), (0.05, 0.0)), (228.0, 148.0)), 128)
    change = np.abs(moved.astype(int) - still).max(2)
    assert change[54:74, 54:74].mean() > 5 * max(change[:4].mean(), 0.1)


def test_motion_is_seeded_and_some_of_it_is_none():
    paths = [draw_path(256, 256, 4, np.random.default_rng(seed)) for seed in range(40)]
    assert paths == [draw_path(256, 256, 4, np.random.default_rng(seed)) for seed in range(40)]
    still = [len(set(path.views)) == 1 for path in paths]
    assert 0 < sum(still) < 15
