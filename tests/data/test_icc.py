"""Colour profiles from code points: they show the colours that the code points state."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from underdrawing.data.icc import icc_of_cicp
from underdrawing.data.picture import Cicp, Picture
from underdrawing.data.pictures import encode_picture, load_picture

COLOURS = np.array([[[200, 100, 50], [128, 128, 128], [255, 255, 255], [60, 120, 40]]], np.uint8)


def in_srgb(icc: bytes) -> np.ndarray:
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    image = Image.fromarray(COLOURS)
    return np.asarray(ImageCms.profileToProfile(image, source, target, renderingIntent=1)).astype(int)


def test_srgb_is_srgb():
    assert np.abs(in_srgb(icc_of_cicp(Cicp(1, 13, 6, True))) - COLOURS).max() <= 1


def test_p3_is_wider():
    """Linear P3 to linear sRGB by the matrix of CSS Color 4, sec. 10 (lin_P3 to XYZ, XYZ to lin_sRGB)."""
    matrix = np.array([[1.2249, -0.2249, 0], [-0.0421, 1.0421, 0], [-0.0196, -0.0786, 1.0983]])
    value = COLOURS / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) @ matrix.T
    linear = np.clip(linear, 0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(in_srgb(icc_of_cicp(Cicp(12, 13, 6, True))) - 255 * shown).max() <= 2


@pytest.mark.parametrize(("transfer", "gray"), [(4, 128), (1, 140), (8, 188)])
def test_transfer_functions(transfer, gray):
    assert np.abs(in_srgb(icc_of_cicp(Cicp(9, transfer, 9, True)))[0, 1] - gray).max() <= 1


def test_hdr_has_no_profile():
    assert icc_of_cicp(Cicp(9, 16, 9, True)) is None
    assert icc_of_cicp(Cicp(22, 13, 6, True)) is None


def test_code_points_become_a_profile_where_the_format_needs_it():
    picture = Picture(COLOURS, None, False, "AVIF", None, None, None, cicp=Cicp(12, 13, 6, True))
    written = encode_picture(picture, Path("a.webp"))
    assert written.notes == ("colour code points (CICP) became a colour profile",)
    assert load_picture(written.data).icc == icc_of_cicp(picture.cicp)
    assert not encode_picture(picture, Path("a.png")).notes
    assert load_picture(encode_picture(picture, Path("a.png")).data).icc is None
