"""The average face fitted to landmarks."""

import cv2
import numpy as np
import pytest

from underdrawing.attacks.face_forgery.shape import NAMES, TEMPLATE, fit_shape

FIVE = [
    NAMES[name][0] for name in ("left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner")
]


@pytest.mark.parametrize(
    "yaw, pitch, roll", [(0, 0, 0), (25, 0, 0), (-30, 10, 0), (10, -12, 20), (0, 8, -35)]
)
def test_a_turned_average_face_is_recovered(yaw, pitch, roll):
    """Landmarks projected from a known pose give back all points and the pose itself."""
    turns = (cv2.Rodrigues(np.radians(v))[0] for v in ([0, 0, roll], [pitch, 0, 0], [0, yaw, 0]))
    rotation = np.linalg.multi_dot(list(turns)) if roll or pitch or yaw else np.eye(3)
    points = 54.0 * TEMPLATE @ rotation[:2].T + (128, 110)
    shape = fit_shape(points[FIVE])
    assert shape.scale == pytest.approx(54, rel=0.05)
    assert np.abs(shape.points - points).max() < 6
    assert np.allclose(shape.points[FIVE], points[FIVE])
    assert np.abs(shape.rotation - rotation).max() < 0.12


def test_the_shape_moves_and_scales_with_its_landmarks():
    landmarks = np.float32([[100, 106], [157, 109], [125, 144], [97, 155], [153, 159]])
    shape, moved = fit_shape(landmarks), fit_shape(2 * landmarks + (30, -7))
    assert np.allclose(moved.points, 2 * shape.points + (30, -7), atol=1e-6)
    assert moved.scale == pytest.approx(2 * shape.scale)


def test_no_turn_moves_no_point():
    shape = fit_shape(np.float32([[100, 106], [157, 109], [125, 144], [97, 155], [153, 159]]))
    assert np.abs(shape.turned(np.eye(3))).max() < 1e-9
