"""The last JPEG's quantizer, found in real JPEGs of a real photograph."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.carriers.lattice.parameters import FREQUENCIES, JPEG_STEPS
from underdrawing.carriers.lattice.quantizer import (
    COSINES,
    estimate_quantizer,
    expected_log_density,
    log_density_table,
)
from underdrawing.ops.color import luma
from underdrawing.ops.dct import analyse

PHOTO = data.astronaut()


def received(quality=None, table=None):
    buffer = io.BytesIO()
    options = {"qtables": [table, table]} if table is not None else {"quality": quality}
    Image.fromarray(PHOTO).save(buffer, "JPEG", **options)
    return analyse(luma(np.asarray(Image.open(buffer))), FREQUENCIES)


@pytest.mark.parametrize("quality", [30, 50, 70])
def test_finds_the_quantizer_of_a_jpeg(quality):
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    wanted = np.floor((JPEG_STEPS * scale + 50) / 100)
    found = estimate_quantizer(received(quality))[:8, 0]
    assert np.abs(found - wanted[:8]).max() <= 1


def test_finds_a_table_that_is_not_the_standards():
    found = estimate_quantizer(received(table=[13] * 64))[:, 0]
    assert (found[:8] == 13).all()


@pytest.mark.parametrize("plane", [luma(PHOTO), luma(PHOTO)[3:507, 5:509]], ids=["untouched", "shifted"])
def test_finds_nothing_where_no_jpeg_shows(plane):
    assert not estimate_quantizer(analyse(np.ascontiguousarray(plane), FREQUENCIES)).any()


def test_a_jpeg_on_another_grid_does_not_show():
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=50)
    plane = luma(np.asarray(Image.open(buffer)))[3:507, 5:509]
    assert not estimate_quantizer(analyse(np.ascontiguousarray(plane), FREQUENCIES)).any()


def test_the_density_of_a_box_is_a_density():
    p = np.exp(log_density_table(0.45, 0.02))
    angles = np.arccos(COSINES)[::-1]
    assert np.trapezoid(p[::-1], angles) / np.pi == pytest.approx(1, abs=0.01)
    assert p[-1] == pytest.approx(0.97 / 0.45 + 0.03, rel=0.01)
    assert p[0] == pytest.approx(0.03, rel=0.05)
    right = 0.45 * p[-1] * np.log(p[-1])  # nearly all angles lie inside the box
    assert expected_log_density(0.45, 0.02) == pytest.approx(right, abs=0.15)
