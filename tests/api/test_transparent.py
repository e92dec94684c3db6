"""A transparent picture is protected and judged as what is shown of it, not by the colours below alpha 0."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing import Session
from underdrawing.coding.keys import Owner

_OBJECT_RADIUS_PX = 230


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(sign=Owner.create())


@pytest.fixture(scope="module")
def cutout() -> Image.Image:
    """A round cut-out of 512 px with a soft rim, whose hidden colours are those of the photograph."""
    photo = skimage.data.astronaut()
    y, x = np.mgrid[:512, :512] - 256
    alpha = 255 * np.clip((_OBJECT_RADIUS_PX - np.hypot(y, x)) / 4, 0, 1)
    return Image.fromarray(np.dstack([photo, alpha.astype(np.uint8)]))


@pytest.fixture(scope="module")
def protected(session, cutout, tmp_path_factory) -> Image.Image:
    path = tmp_path_factory.mktemp("cutout") / "protected.png"
    session.protect(cutout, path)
    return Image.open(path)


def _sent(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def test_hidden_colours_and_alpha_stay(cutout, protected):
    before, after = np.asarray(cutout), np.asarray(protected)
    hidden = before[..., 3] == 0
    assert np.array_equal(before[hidden], after[hidden])
    assert np.array_equal(before[..., 3], after[..., 3])
    assert (before[~hidden] != after[~hidden]).any()


def test_lossy_webp_drops_hidden_colours_and_nothing_is_called_altered(session, protected):
    received = _sent(protected, "WEBP", quality=90)
    assert session.judge(received).verdict.status != "altered"


@pytest.mark.parametrize(("ground", "most"), [("white", 0.0), ("black", 0.15)])
def test_the_object_of_a_flattened_cutout_is_not_called_altered(session, protected, ground, most):
    """Below another ground than white the rim of the object is in blocks that the ground has altered."""
    canvas = Image.new("RGBA", protected.size, ground)
    canvas.alpha_composite(protected)
    verdict = session.judge(_sent(canvas.convert("RGB"), "JPEG", quality=90)).verdict
    inside = np.asarray(protected)[..., 3] == 255
    assert verdict.signature.state == "valid" and verdict.content_matches
    assert (verdict.tampered_prob[inside] > 0.5).mean() <= most
    assert verdict.status == ("intact" if ground == "white" else "altered")
