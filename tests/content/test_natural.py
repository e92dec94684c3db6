"""The natural recovery: the faithful one, and detail that the surroundings have where their code is alike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.sketch.fusion import Fusion
from underdrawing.content.sketch.natural import Natural
from underdrawing.content.sketch.sketch import Sketch

_SIDE = 256
DENSITY = np.full((_SIDE // 8, _SIDE // 8), 1.5, np.float32)


def blurred(photo: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(photo, (0, 0), 5)


def texture(picture: np.ndarray, mask: np.ndarray) -> float:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(gray, cv2.CV_32F))[mask].mean())


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    mask = np.zeros((_SIDE, _SIDE), bool)
    mask[90:170, 80:180] = True
    return mask


def both(photo, mask, sketch):
    image = np.where(mask[..., None], np.uint8(90), photo)
    return [block.recover(image, mask.astype(np.float32), sketch, DENSITY) for block in (Fusion(), Natural())]


def test_a_texture_goes_on_where_the_code_holds_none(mask):
    grass = np.repeat(data.grass()[:_SIDE, :_SIDE, None], 3, 2)
    (faithful, _), (drawn, _) = both(grass, mask, blurred(grass))
    assert texture(faithful, mask) < 0.3 * texture(grass, mask)
    assert 0.6 < texture(drawn, mask) / texture(grass, mask) < 1.2
    assert (np.ptp(drawn, axis=2) == 0).all()  # a gray picture stays gray


def test_the_rest_is_that_of_the_faithful_recovery_and_detail_has_no_confidence(mask):
    photo = np.ascontiguousarray(data.astronaut()[:_SIDE, 90 : 90 + _SIDE])
    codec = Sketch()
    sketch = codec.decode(codec.encode(photo, [2000]), _SIDE, _SIDE)
    (faithful, sure), (drawn, also) = both(photo, mask, sketch)
    assert (drawn[~mask] == faithful[~mask]).all()
    assert (also[~mask] == sure[~mask]).all()
    assert sure[mask].max() > also[mask].max() == 0
    errors = [((p[mask].astype(float) - photo[mask]) ** 2).mean() for p in (faithful, drawn)]
    assert errors[0] < errors[1] < 2 * errors[0]


def test_what_looks_like_nothing_outside_gets_little(mask):
    photo = np.full((_SIDE, _SIDE, 3), 40, np.uint8)
    photo += np.random.default_rng(1).integers(0, 40, photo.shape, dtype=np.uint8)
    sketch = np.full_like(photo, 60)
    sketch[mask] = 220
    (faithful, _), (drawn, _) = both(photo, mask, sketch)
    core = cv2.erode(mask.astype(np.uint8), np.ones((33, 33))) > 0
    assert np.abs(drawn[core].astype(int) - faithful[core]).mean() < 0.5


def test_everything_altered_leaves_nothing_to_take_detail_from(mask):
    photo = np.ascontiguousarray(data.astronaut()[:_SIDE, 90 : 90 + _SIDE])
    (faithful, _), (drawn, _) = both(photo, np.ones_like(mask), blurred(photo))
    assert (drawn == faithful).all()


def test_small_and_narrow_pictures(mask):
    photo = data.astronaut()[:64, :136]
    probability = np.zeros((64, 136), np.float32)
    probability[10:30, 60:90] = 0.9
    drawn, _ = Natural().recover(photo, probability, blurred(photo), DENSITY[:8, :17])
    assert drawn.shape == (64, 136, 3)
    drawn, _ = Natural().recover(photo[:8, :16], probability[8:16, 60:76], photo[:8, :16], DENSITY[:1, :2])
    assert drawn.shape == (8, 16, 3)
