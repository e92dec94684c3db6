"""The natural decoder: the network of the fusion with other last layers, sharper and outside nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.sketch import natural
from underdrawing.content.sketch.fusion import Fusion
from underdrawing.content.sketch.fusion_net import FusionNet
from underdrawing.content.sketch.natural import TAIL, Natural
from underdrawing.content.sketch.sketch import Sketch
from underdrawing.core.errors import WeightsError
from underdrawing.nets.weights import read_tensors

_SIDE = 256


@pytest.fixture(scope="module")
def scene():
    """Photograph, altered picture, region, sketch and density of an astronaut without her head."""
    photo = np.ascontiguousarray(data.astronaut()[:_SIDE, 90 : 90 + _SIDE])
    codec, mask = Sketch(), np.zeros((_SIDE, _SIDE), bool)
    mask[40:190, 70:200] = True
    sketch = codec.decode(codec.encode(photo, [2000]), _SIDE, _SIDE)
    density = np.full((_SIDE // 8, _SIDE // 8), 2000 / (_SIDE // 8) ** 2, np.float32)
    return photo, np.where(mask[..., None], np.uint8(90), photo), mask, sketch, density


def sharpness(picture: np.ndarray, mask: np.ndarray) -> float:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(gray, cv2.CV_32F))[mask].mean())


def test_its_tensors_are_the_last_layers_of_the_fusion():
    names = {name for name, _ in FusionNet().named_parameters() if name.split(".")[0] in TAIL}
    assert set(read_tensors(natural.WEIGHTS)) == names


def test_it_is_sharper_than_the_fusion_and_not_far_from_the_photograph(scene):
    photo, image, mask, sketch, density = scene
    drawn, faithful = (
        block.recover(image, mask.astype(np.float32), sketch, density)[0] for block in (Natural(), Fusion())
    )
    assert (drawn[~mask] == image[~mask]).all()
    assert sharpness(drawn, mask) > 1.15 * sharpness(faithful, mask)
    errors = [((p[mask].astype(float) - photo[mask]) ** 2).mean() for p in (drawn, faithful)]
    assert errors[1] < errors[0] < 2 * errors[1]


def test_missing_weights_have_an_error_of_their_own(tmp_path):
    with pytest.raises(WeightsError, match="none"):
        Natural(tmp_path / "none.safetensors")
