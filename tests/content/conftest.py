"""The codec of the content, and a photograph of 256 px."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.sketch.sketch import Sketch


@pytest.fixture(scope="module")
def sketch() -> Sketch:
    return Sketch()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
