"""Faces in profile and turned ones."""

import numpy as np
import pytest

from underdrawing.faces.pose import is_turned

FRONT = np.float32([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]])


def rotated(degrees):
    angle = np.radians(degrees)
    matrix = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (FRONT - 56) @ matrix.T + 56


@pytest.mark.parametrize("degrees", [0, 20, -40])
def test_a_face_from_the_front_is_not_turned(degrees):
    assert not is_turned(rotated(degrees))


@pytest.mark.parametrize("degrees", [60, -90, 180])
def test_a_face_that_lies_or_stands_on_its_head_is_turned(degrees):
    assert is_turned(rotated(degrees))


def test_a_profile_is_turned():
    beside, narrow = FRONT.copy(), FRONT.copy()
    beside[2, 0] = 78  # the nose beyond an eye
    narrow[:2, 0] = 50, 62
    assert is_turned(beside) and is_turned(narrow) and is_turned(np.full((5, 2), 9, np.float32))
