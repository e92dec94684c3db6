"""What the released weights of Imuge answer: the golden output, and the promises of the README at any size.

python tests/systems/test_imuge_released.py writes tests/golden/imuge.npz anew, for new weights.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing import api, zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.tamper import Tamper, blob, splice
from underdrawing.core.errors import CapacityError
from underdrawing.metrics.masks import count_mask
from underdrawing.metrics.quality import psnr_db, ssim

GOLDEN = Path(__file__).parents[1] / "golden" / "imuge.npz"


def photo(side: int = 256) -> np.ndarray:
    return cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)


def answers() -> dict[str, np.ndarray]:
    """Change, mask and recovered picture of one photograph, small enough to be kept."""
    system, image = zoo.load("imuge"), photo()
    protection = system.protect(image)
    received = protection.apply(image)
    received[60:130, 90:180] = photo(512)[300:370, 200:290]
    verdict = system.verify(received)
    small = cv2.resize(verdict.tampered_prob, (64, 64), interpolation=cv2.INTER_AREA)
    return {
        "change": np.rint(4 * protection.residual[96:160, 96:160]).clip(-127, 127).astype(np.int8),
        "prob": np.rint(255 * small).astype(np.uint8),
        "recovered": cv2.resize(verdict.recovered, (64, 64), interpolation=cv2.INTER_AREA),
    }


def test_golden_output():
    found = answers()
    with np.load(GOLDEN) as golden:
        for name, tolerance in (("change", 2), ("prob", 12), ("recovered", 4)):
            difference = np.abs(found[name].astype(int) - golden[name])
            assert difference.mean() < 0.3 and np.quantile(difference, 0.99) <= tolerance, name


def test_container_and_mask_are_those_of_a_trained_network():
    system, image = zoo.load("imuge"), photo()
    protected = system.protect(image).apply(image)
    assert psnr_db(image, protected) > 34 and ssim(image, protected) > 0.9
    scores = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        edited, mask = Tamper(blob, splice, (0.08, 0.2))(protected, data.coffee()[:256, :256], rng)
        verdict = system.verify(Jpeg(90)(edited, rng))
        scores.append(count_mask(verdict.tampered_prob, mask).f1)
    assert np.mean(scores) > 0.8


@pytest.mark.parametrize("size", [(128, 130), (480, 300), (1100, 700)])
def test_any_size_goes_through_the_working_size(size):
    system = zoo.load("imuge")
    image = cv2.resize(data.coffee(), size[::-1], interpolation=cv2.INTER_AREA)
    protected = system.protect(image).apply(image)
    assert protected.shape == image.shape and psnr_db(image, protected) > 33
    verdict = system.verify(protected)
    assert verdict.recovered.shape == image.shape and verdict.altered_fraction < 0.1


def test_through_the_door(tmp_path):
    report = api.protect(photo(), tmp_path / "a.png", system="imuge")
    assert report.identity is None and report.signed_by is None
    assert api.verify(tmp_path / "a.png", system="imuge").verdict.signature.state == "absent"
    with pytest.raises(CapacityError, match="signature"):
        api.protect(photo(), secret=bytes(range(32)), system="imuge")


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **answers())
