"""Detection, crops and alignment of faces."""

import numpy as np
import pytest
from skimage import data

from underdrawing import faces, zoo
from underdrawing.core.errors import ShapeError

ASTRONAUT = data.astronaut()


@pytest.fixture(scope="module")
def face():
    (found,) = faces.detect(ASTRONAUT)
    return found


def test_the_astronaut_has_one_face_with_its_landmarks_in_place(face):
    assert face.score > 0.99 and np.allclose(face.box, (178, 57, 95, 120), atol=6)
    expected = [(205, 101), (247, 103), (224, 129), (202, 138), (244, 141)]
    assert face.landmarks.dtype == np.float32 and np.abs(face.landmarks - expected).max() < 5


def test_the_same_picture_gives_the_same_faces(face):
    (again,) = zoo.load("face-detector").detect(ASTRONAUT.copy())
    assert again.box == face.box and np.array_equal(again.landmarks, face.landmarks)


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "retina", "colorwheel"])
def test_no_face_in_pictures_without_one(name):
    assert faces.detect(getattr(data, name)()[..., :3]) == []


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (1, 3000), (3000, 1)])
def test_pictures_too_small_for_a_face_have_none(shape):
    assert faces.detect(np.full((*shape, 3), 127, np.uint8)) == []


def test_a_gray_picture_in_three_channels(face):
    gray = ASTRONAUT.mean(-1).astype(np.uint8)
    (found,) = faces.detect(np.repeat(gray[..., None], 3, 2))
    assert np.allclose(found.box, face.box, atol=8)


@pytest.mark.parametrize("array", [ASTRONAUT[..., 0], ASTRONAUT / 255.0, np.zeros((0, 4, 3), np.uint8)])
def test_other_arrays_are_refused(array):
    with pytest.raises(ShapeError, match="uint8"):
        faces.detect(array)


def test_a_huge_picture_has_the_same_face(face):
    huge = np.repeat(np.repeat(ASTRONAUT, 12, 0), 12, 1)[:4000]
    (found,) = faces.detect(huge)
    assert np.allclose(np.divide(found.box, 12), face.box, atol=8)


def test_fifty_faces_of_a_group_and_one_near_to_the_camera():
    import cv2

    part = cv2.resize(ASTRONAUT[:256, 100:356], (128, 128), interpolation=cv2.INTER_AREA)
    group = np.tile(part, (5, 10, 1))
    assert len(faces.detect(group)) == 50
    assert faces.detect(group, least_px=200) == []
    group[:512, :512] = ASTRONAUT
    found = faces.detect(group)
    assert len(found) == 35 and np.all(np.diff([f.box[2] * f.box[3] for f in found]) <= 0)


@pytest.mark.parametrize("side", [96, 256, 400])
def test_a_crop_holds_the_face_with_margin_and_its_transform(face, side):
    crop = faces.crop(ASTRONAUT, face, side, margin=1.3)
    assert crop.image.shape == (side, side, 3)
    assert np.allclose(crop.to_crop[0, 0], side / (1.3 * face.box[3]), rtol=0.01)
    centre = crop.to_crop @ (face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2, 1)
    assert np.abs(centre - side / 2).max() < side / 100
    again = faces.detect(crop.image, least_px=16)[0]
    assert np.abs(again.landmarks - crop.landmarks).max() < side / 20


def test_a_crop_reaches_over_the_border_by_reflection(face):
    near = np.ascontiguousarray(ASTRONAUT[100:, 200:])
    (left, top, *size) = face.box
    moved = faces.DetectedFace((left - 200, top - 100, *size), face.landmarks - (200, 100), face.score)
    crop = faces.crop(near, moved, round(1.6 * size[1]), margin=1.6)
    x, y = (round(-value) for value in crop.to_crop[:, 2])
    assert x < 0 and y < 0
    assert np.array_equal(crop.image[-y:, -x:], near[: len(crop.image) + y, : len(crop.image) + x])
    assert np.array_equal(crop.image[-y - 1], crop.image[-y])


def test_an_unchanged_crop_is_pasted_without_any_change(face):
    for crop in (faces.crop(ASTRONAUT, face, 100), faces.align(ASTRONAUT, face.landmarks, 112)):
        assert np.array_equal(faces.paste(ASTRONAUT, crop, crop.image), ASTRONAUT)


def test_a_change_is_pasted_at_its_place_and_nowhere_else(face):
    crop = faces.crop(ASTRONAUT, face, round(1.3 * face.box[3]))
    changed = crop.image.copy()
    changed[40:90, 50:100] = 255 - changed[40:90, 50:100]
    pasted = faces.paste(ASTRONAUT, crop, changed)
    left, top = np.rint(-crop.to_crop[:, 2]).astype(int)
    rows, columns = slice(top + 40, top + 90), slice(left + 50, left + 100)
    expected = ASTRONAUT.copy()
    expected[rows, columns] = 255 - expected[rows, columns]
    assert np.array_equal(pasted, expected)
    soft = faces.paste(ASTRONAUT, crop, changed, feather=10).astype(int)
    outside = np.ones(ASTRONAUT.shape[:2], bool)
    outside[rows, columns] = False
    assert np.array_equal(soft[outside], ASTRONAUT[outside])
    step = np.abs(soft - ASTRONAUT)[rows, columns].mean((1, 2))
    assert step[0] < step[4] < step[20]
    assert np.array_equal(soft[top + 65, left + 75], pasted[top + 65, left + 75])


def test_a_crop_of_another_scale_comes_back_nearly(face):
    crop = faces.crop(ASTRONAUT, face, 240)
    darker = (crop.image * 0.5).astype(np.uint8)
    pasted = faces.paste(ASTRONAUT, crop, darker)
    difference = pasted.astype(float) - np.where(pasted != ASTRONAUT, ASTRONAUT * 0.5, ASTRONAUT)
    assert np.sqrt(np.mean(difference**2)) < 4


def test_an_aligned_face_is_upright_whatever_its_rotation(face):
    turned = np.rot90(ASTRONAUT).copy()
    points = np.stack([face.landmarks[:, 1], 512 - face.landmarks[:, 0]], 1)
    a, b = faces.align(ASTRONAUT, face.landmarks, 112), faces.align(turned, points, 112)
    assert np.abs(a.landmarks - b.landmarks).max() < 1e-3
    assert np.abs(a.image.astype(int) - b.image).mean() < 1
    assert abs(a.landmarks[0, 1] - a.landmarks[1, 1]) < 4 and a.landmarks[0, 0] < a.landmarks[1, 0]


def test_landmarks_that_are_one_point_cannot_be_aligned():
    with pytest.raises(ShapeError, match="one point"):
        faces.align(ASTRONAUT, np.full((5, 2), 7, np.float32), 112)
