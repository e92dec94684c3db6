"""Which outputs of protect get the layer of lossless copies, and that their files keep it."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.api import Session
from underdrawing.data.pictures import load_picture
from underdrawing.judging.lossless import NAME

PHOTO = np.ascontiguousarray(data.astronaut()[:160, 120:280])


def file_of(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def session():
    with Session() as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "source", "layered"),
    [
        ("a.png", file_of(Image.fromarray(PHOTO), "JPEG", quality=98), True),
        ("a.tif", PHOTO, True),
        ("a.bmp", PHOTO, True),
        ("a.webp", file_of(Image.fromarray(PHOTO), "WEBP", lossless=True), True),
        ("a.webp", file_of(Image.fromarray(PHOTO), "WEBP", quality=95), False),
        ("a.jpg", PHOTO, False),
        ("a.png", PHOTO[..., 1], False),
        ("a.png", np.dstack([PHOTO, np.full(PHOTO.shape[:2], 200, np.uint8)]), False),
        ("a.png", np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)]), True),
    ],
)
def test_files_that_keep_every_pixel_have_the_layer(session, name, source, layered):
    report, encoded = session.produce(source, name)
    found = session.judge(encoded.data)
    witness = found.verdict.assurance.witness(NAME)
    assert (witness is not None and witness.state == "agrees") == layered
    if layered:
        assert (load_picture(encoded.data).image == report.protected.image).all()


def test_16_bit_files_and_pixels_in_memory_have_it(session):
    deep = session.embed(PHOTO.astype(np.uint16) * 257 + 40)
    assert deep.protected.pixels.dtype == np.uint16
    for made in (deep.protected, session.embed(PHOTO).protected):
        assert session.judge(made).verdict.assurance.witness(NAME).state == "agrees"
