"""The golden output of the main system; this file as a program writes tests/golden/photo.npz.

A new file needs a new `behaviour` in the card; see tests/golden/behaviour.json.
"""

from pathlib import Path

import numpy as np
from skimage import data

from underdrawing import zoo

GOLDEN = Path(__file__).parents[1] / "golden" / "photo.npz"


def outputs() -> dict[str, np.ndarray]:
    """Change by protection, recovered picture and altered probability of an edited photograph."""
    image = np.ascontiguousarray(data.astronaut()[:256, 100:356])
    model = zoo.load("photo")
    protected = model.protect(image, identity=bytes(range(8))).apply(image)
    edited = protected.copy()
    edited[100:150, 60:120] = protected[10:60, 180:240]
    verdict = model.verify(edited)
    probability = np.rint(255 * verdict.tampered_prob).astype(np.uint8)
    change = (protected.astype(int) - image).astype(np.int8)
    return {"change": change, "probability": probability, "recovered": verdict.recovered[90:160, 50:130]}


def test_golden_output():
    found = outputs()
    with np.load(GOLDEN) as golden:
        for name, values in found.items():
            difference = np.abs(values.astype(int) - golden[name])
            assert np.mean(difference > 1) < 0.001, name


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **outputs())
