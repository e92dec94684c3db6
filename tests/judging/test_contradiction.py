"""What the signed content alone can tell: an area painted over, under any tone; nothing where all is well."""

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.judging.contradiction import contradicted

SIDE = 256


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.asarray(Image.fromarray(data.astronaut()).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def decoded(image) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 2.5)  # about what a code of two thousand bits tells


def test_a_painted_area_is_found(image, decoded):
    painted = image.copy()
    painted[96:176, 64:128] = 0
    silent = np.zeros((SIDE, SIDE), np.float32)
    silent[90:180, 60:130] = 0.3  # a flat place carries no mark that could be missing
    found = contradicted(painted, decoded, silent)
    assert found[96:176, 64:128].mean() > 0.75
    assert found[:, 160:].mean() < 0.01


@pytest.mark.parametrize(
    "tone", [lambda x: x, lambda x: 1.2 * x, lambda x: 0.8 * x + 20], ids=["same", "brighter", "paler"]
)
def test_an_untouched_picture_is_left_alone_under_any_tone(image, decoded, tone):
    visible = np.clip(tone(image.astype(np.float32)), 0, 255).astype(np.uint8)
    assert not contradicted(visible, decoded, np.full((SIDE, SIDE), 0.15, np.float32)).any()


def test_what_the_evidence_vouches_for_is_not_the_pictures_fault(image, decoded):
    painted = image.copy()
    painted[96:176, 64:128] = 0
    assert not contradicted(painted, decoded, np.full((SIDE, SIDE), 0.01, np.float32)).any()


def test_what_the_evidence_has_found_keeps_its_border(image, decoded):
    painted, evidence = image.copy(), np.zeros((SIDE, SIDE), np.float32)
    painted[96:176, 64:128] = 0
    evidence[96:176, 64:128] = 1
    assert not contradicted(painted, decoded, evidence)[96:176, 64:128].any()


def test_too_little_left_teaches_nothing(image, decoded):
    assert not contradicted(image, decoded, np.ones((SIDE, SIDE), np.float32)).any()
