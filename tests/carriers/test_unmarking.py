"""Taking the mark out again: nearer to the original wherever the mark was read, and the formula behind it."""

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import integrate, stats
from skimage import data

from underdrawing.attacks.channel import Jpeg, Nothing
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.carriers.lattice.unmarking import _truncated_mean
from underdrawing.metrics.quality import psnr_db

SIDE = 256
PHOTO = np.asarray(Image.fromarray(data.astronaut()).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
REPORTED = cv2.GaussianBlur(PHOTO, (0, 0), 2.5)  # about what a code of two thousand bits tells


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    carrier = LatticeCarrier("jpeg70", 2.1)
    bits = np.random.default_rng(4).integers(0, 2, carrier.capacity_bits(PHOTO), dtype=np.uint8)
    return carrier.embed(PHOTO, bits).apply(PHOTO)


def taken_out(received: np.ndarray, reported: np.ndarray = REPORTED) -> np.ndarray:
    change = LatticeCarrier("jpeg70").read(received).change_back(reported)
    assert change.shape == received.shape
    return np.clip(np.rint(received + change), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("mean", "deviation", "reach"), [(0.0, 1.0, 2.0), (3.0, 1.5, 2.0), (-1.0, 9.0, 0.5), (400.0, 2.0, 10.0)]
)
def test_the_mean_of_a_truncated_normal_density(mean, deviation, reach):
    found = float(_truncated_mean(np.array([mean]), deviation, reach)[0])
    if abs(mean) > 100:
        assert found == reach
        return
    density = stats.norm(mean, deviation).pdf
    weight, _ = integrate.quad(density, -reach, reach)
    moment, _ = integrate.quad(lambda u: u * density(u), -reach, reach)
    assert found == pytest.approx(moment / weight, abs=1e-4)


@pytest.mark.parametrize(("channel", "gain_db"), [(Nothing(), 3.0), (Jpeg(90), 0.7), (Jpeg(70), 0.4)])
def test_without_its_mark_a_picture_is_nearer_to_the_original(marked, channel, gain_db):
    received = channel(marked, np.random.default_rng(0))
    assert psnr_db(PHOTO, taken_out(received)) > psnr_db(PHOTO, received) + gain_db


def test_a_part_of_the_picture_is_placed_where_it_was(marked):
    rows, cols = slice(24, 232), slice(16, 240)
    received = np.ascontiguousarray(marked[rows, cols])
    assert psnr_db(PHOTO[rows, cols], taken_out(received)) > psnr_db(PHOTO[rows, cols], received) + 2


def test_a_misleading_code_costs_little(marked):
    """Whatever is told, nothing leaves the cell that the mark names."""
    assert psnr_db(PHOTO, taken_out(marked, REPORTED[::-1, ::-1])) > psnr_db(PHOTO, marked) - 1.5


def test_a_gray_picture_stays_gray():
    gray = np.repeat(PHOTO[..., 1:2], 3, 2)
    carrier = LatticeCarrier("jpeg70", 2.1)
    bits = np.random.default_rng(4).integers(0, 2, 900, dtype=np.uint8)
    received = carrier.embed(gray, bits).apply(gray)
    found = taken_out(received, cv2.GaussianBlur(gray, (0, 0), 2.5))
    assert (found == found[..., :1]).all()
    assert psnr_db(gray, found) > psnr_db(gray, received) + 2


def test_where_the_mark_was_not_read_nothing_is_taken_out():
    assert LatticeCarrier("jpeg70", moved=False).read(PHOTO).change_back is None
