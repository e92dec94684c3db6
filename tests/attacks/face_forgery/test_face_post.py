"""Post-processing of faces: known suites lie within the camera path of training, unknown ones outside."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from skimage import data

from underdrawing.attacks.channel import Jpeg, Mean, Webp
from underdrawing.attacks.face_forgery.camera import Camera
from underdrawing.attacks.geometry import Scale
from underdrawing.attacks.suites import SUITES

CROP = data.astronaut()[21:214, 129:322]


@pytest.mark.parametrize("suite, inside", [("face-known", True), ("face-unknown", False)])
def test_known_ones_are_in_the_range_of_training_and_unknown_ones_are_not(suite, inside):
    camera = Camera()
    for channel in SUITES[suite]:
        if isinstance(channel, Jpeg | Webp):
            low, high = camera.jpeg if isinstance(channel, Jpeg) else camera.webp
            assert (low <= channel.quality <= high) == inside, channel.name
        elif isinstance(channel, Scale):
            assert (camera.scale[0] <= channel.factor <= camera.scale[1]) == inside


def test_the_mean_filter_is_the_mean_of_five_by_five():
    expected = uniform_filter(CROP.astype(float), (5, 5, 1), mode="mirror")
    assert np.abs(Mean(5)(CROP, np.random.default_rng(0)) - expected).max() <= 0.5 + 1e-6
