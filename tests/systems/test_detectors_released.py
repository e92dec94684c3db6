"""What the released detectors answer for one face, real and forged: golden outputs.

python tests/systems/test_detectors_released.py NAME writes tests/golden/NAME.npz anew, for new weights.
"""

from __future__ import annotations

import sys

import cv2
import golden_outputs
import numpy as np
import pytest
from skimage import data

from underdrawing import faces, zoo


def pictures() -> list[np.ndarray]:
    """A face, and the same with its inner part of a fifth of the resolution."""
    photo = data.astronaut()
    face = faces.crop(photo, faces.detect(photo)[0], 160).image
    coarse = cv2.resize(cv2.resize(face, (32, 32), interpolation=cv2.INTER_AREA), (160, 160))
    mask = np.zeros((160, 160, 1), np.float32)
    cv2.ellipse(mask, (80, 85), (45, 55), 0, 0, 360, 1, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 4)[..., None]
    return [face, np.rint(face + mask * (coarse - face.astype(np.float32))).astype(np.uint8)]


def answers(name: str) -> dict[str, np.ndarray]:
    """Probability, distance and heat map of each picture."""
    detector = zoo.load(name)
    found = [detector.evidence(face) for face in pictures()]
    heat = [cv2.resize(detector.heat(face), (16, 16), interpolation=cv2.INTER_AREA) for face in pictures()]
    return {
        "prob": np.float32([evidence.fake_prob for evidence in found]),
        "distance": np.float32([evidence.distance for evidence in found]),
        "heat": np.float32(heat),
    }


@pytest.mark.parametrize("name", golden_outputs.released("detector"))
def test_golden_output(name):
    golden_outputs.compare(name, answers(name))


if __name__ == "__main__":
    for name in sys.argv[1:] or golden_outputs.released("detector"):
        golden_outputs.write(name, answers(name))
