"""What the released marks write into a face and read from it: golden outputs.

python tests/systems/test_marks_released.py NAME writes tests/golden/NAME.npz anew, for new weights.
"""

from __future__ import annotations

import sys

import cv2
import golden_outputs
import numpy as np
import pytest
from skimage import data

from underdrawing import faces, zoo

NAMES = ("dawf", "diffmark", "gifguard", "waveguard")


def outputs(name: str) -> dict[str, np.ndarray]:
    """Change of a picture with a face, rms by squares of 28 px in levels, and the soft bits that are read."""
    photo, carrier = data.astronaut(), zoo.load(name)
    face = faces.crop(photo, faces.detect(photo)[0], 224, faces.CONTEXT).image
    bits = np.random.default_rng(1).integers(0, 2, carrier.capacity_bits(face), dtype=np.uint8)
    marked = carrier.embed(face, bits).apply(face)
    change = marked.astype(np.float32) - face
    return {
        "strength": cv2.resize((change**2).mean(-1), (8, 8), interpolation=cv2.INTER_AREA) ** 0.5,
        "soft_bits": carrier.read(marked, len(bits)).soft_bits,
    }


@pytest.mark.parametrize("name", NAMES)
def test_golden_output(name):
    golden_outputs.compare(name, outputs(name))


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        golden_outputs.write(name, outputs(name))
