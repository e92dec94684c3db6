"""Importance maps: what is asked for, where they are high, and requests that cannot be met."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.importance.request import DEFAULT_FOCUS, EVEN, Box, FocusRequest, read_request
from underdrawing.content.importance.saliency import salience
from underdrawing.core.errors import ShapeError, UsageError

IMAGE = np.ascontiguousarray(cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def importance() -> ImportanceMap:
    return ImportanceMap()


@pytest.mark.parametrize(
    ("values", "request_"),
    [
        (None, DEFAULT_FOCUS),
        ((), DEFAULT_FOCUS),
        ("", DEFAULT_FOCUS),
        ("auto", DEFAULT_FOCUS),
        (["faces"], FocusRequest(salient=False)),
        ("none", EVEN),
        ("1,2,3,4", EVEN._replace(boxes=(Box(1, 2, 3, 4),))),
        (["1,2,3,4", " 5,6,7.5,8 "], EVEN._replace(boxes=(Box(1, 2, 3, 4), Box(5, 6, 7.5, 8)))),
        ("faces;1,2,3,4", FocusRequest((Box(1, 2, 3, 4),), salient=False)),
    ],
)
def test_requests_are_read(values: object, request_: FocusRequest) -> None:
    assert read_request(values) == request_


@pytest.mark.parametrize(
    "values",
    [
        "people", "1,2,3", "1,2,3,4,5", "1,2,0,4", "1,2,3,-4", "nan,1,2,3", "1,inf,2,3", "1,2,three,4",
        "auto;none", "none;1,2,3,4", ";", ["1,2,3,4"] * 65,
    ],
)  # fmt: skip
def test_impossible_requests_are_refused(values: object) -> None:
    with pytest.raises(UsageError, match="expected"):
        read_request(values)


def test_named_boxes_hold_three_quarters_of_the_map(importance: ImportanceMap) -> None:
    found = importance.map(IMAGE, read_request("512,0,256,512"), (1024, 2048), [])
    assert found.shape == (32, 64)
    assert found[:16, 16:24].sum() / found.sum() == pytest.approx(0.75 + 0.25 / 16, abs=1e-3)


@pytest.mark.parametrize("box", ["600,10,20,20", "-50,10,50,20", "10,512,5,5"])
def test_a_box_outside_of_the_picture_is_refused_with_its_size(importance: ImportanceMap, box: str) -> None:
    with pytest.raises(ShapeError, match=r"outside of this picture of 512x512 px"):
        importance.map(IMAGE, read_request(box), (512, 512), [])


def test_a_box_over_the_border_is_cut(importance: ImportanceMap) -> None:
    over = importance.map(IMAGE, read_request("-100,-100,228,228"), (512, 512), [])
    inside = importance.map(IMAGE, read_request("0,0,128,128"), (512, 512), [])
    assert np.array_equal(over, inside)


def test_a_face_is_found_and_is_important(importance: ImportanceMap) -> None:
    (face,) = importance.faces(IMAGE)
    assert 90 < face.left < face.left + face.width < 150
    found = importance.map(IMAGE, read_request("faces"), (256, 256), [face])
    assert found[4:24, 24:36].mean() > 3 * found[40:].mean()


def test_nothing_to_prefer_is_no_map(importance: ImportanceMap) -> None:
    assert importance.map(IMAGE, read_request("none"), (256, 256), []) is None
    assert importance.map(IMAGE, read_request("faces"), (256, 256), []) is None
    flat = np.full((64, 96, 3), 90, np.uint8)
    assert importance.faces(flat) == []
    assert importance.map(flat, FocusRequest(), (64, 96), []) is None


def test_what_stands_out_is_salient() -> None:
    picture = np.random.default_rng(0).integers(100, 130, (240, 320, 3), np.uint8)
    cv2.circle(picture, (210, 90), 40, (220, 40, 30), -1)
    found = salience(picture, (48, 64))
    assert found.mean() == pytest.approx(1, abs=1e-4)
    assert found[11:25, 35:49].mean() > 4
