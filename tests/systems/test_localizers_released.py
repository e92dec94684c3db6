"""What the released localizers answer for a photograph and for the same with a foreign patch: golden outputs.

python tests/systems/test_localizers_released.py NAME writes tests/golden/NAME.npz anew, for new weights.
"""

from __future__ import annotations

import sys

import cv2
import golden_outputs
import numpy as np
import pytest
from skimage import data

from underdrawing import zoo


def pictures() -> list[np.ndarray]:
    """A square of a photograph, and the same with a resampled patch of another one."""
    photo = data.astronaut()[128:384, 128:384]
    patch = cv2.resize(data.cat()[60:160, 120:220], (80, 80), interpolation=cv2.INTER_CUBIC)
    spliced = photo.copy()
    spliced[100:180, 60:140] = patch
    return [photo, spliced]


def answers(name: str) -> dict[str, np.ndarray]:
    """Both maps at 16 x 16, and the probability of the picture."""
    localizer = zoo.load(name)
    found = [localizer.examine(picture) for picture in pictures()]
    small = [
        [
            cv2.resize(plane, (16, 16), interpolation=cv2.INTER_AREA)
            for plane in (f.tampered_prob, f.reliability)
        ]
        for f in found
    ]
    return {"maps": np.float32(small), "picture": np.float32([f.picture_prob for f in found])}


@pytest.mark.parametrize("name", golden_outputs.released("localizer"))
def test_golden_output(name):
    golden_outputs.compare(name, answers(name))


if __name__ == "__main__":
    for name in sys.argv[1:] or golden_outputs.released("localizer"):
        golden_outputs.write(name, answers(name))
