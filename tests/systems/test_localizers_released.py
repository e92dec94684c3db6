"""What the released localizers answer for a photograph and for the same with a foreign patch: golden outputs.

python tests/systems/test_localizers_released.py NAME writes tests/golden/NAME.npz anew, for new weights.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing import zoo

GOLDEN = Path(__file__).parents[1] / "golden"


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


@pytest.mark.parametrize("name", [name for name in zoo.names("localizer") if zoo.card(name).own_weights])
def test_golden_output(name):
    found = answers(name)
    with np.load(GOLDEN / f"{name.replace('-', '_')}.npz") as golden:
        assert set(golden.files) == set(found)
        for part, values in found.items():
            np.testing.assert_allclose(values, golden[part], rtol=0.01, atol=0.01, err_msg=part)


def write(name: str) -> None:
    """The golden file, and its hash as that of the behaviour that the card names."""
    path, recorded = GOLDEN / f"{name.replace('-', '_')}.npz", GOLDEN / "behaviour.json"
    np.savez(path, **answers(name))
    hashes = json.loads(recorded.read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    hashes.setdefault(name, {})[str(zoo.card(name).behaviour)] = digest
    recorded.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or zoo.names("localizer"):
        write(name)
