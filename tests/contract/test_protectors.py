"""What every system of the zoo that protects has to keep, whatever it is made of."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.tamper import Tamper, blob, splice
from underdrawing.core.errors import ShapeError
from underdrawing.metrics.masks import count_mask
from underdrawing.metrics.quality import psnr_db

NAMES = [name for name in zoo.names() if zoo.card(name).weights and zoo.card(name).kind == "protector"]


@pytest.fixture(scope="module", params=NAMES)
def system(request):
    return zoo.load(request.param)


@pytest.fixture(scope="module")
def photo():
    whole = Image.fromarray(data.coffee()).resize((420, 280), Image.Resampling.LANCZOS)
    return np.asarray(whole)[:267, 13:414]  # odd sides


@pytest.fixture(scope="module")
def protected(system, photo):
    return protect(system, photo)


def protect(system, photo):
    return system.protect(photo, owner=None, identity=bytes(8), secret=None, strength=1.0).apply(photo)


def test_there_are_systems():
    assert {"imuge", "photo"} <= set(NAMES)


def test_the_protected_picture_is_close_and_repeats(system, photo, protected):
    assert protected.shape == photo.shape and protected.dtype == np.uint8
    assert 33 < psnr_db(photo, protected) < 60
    assert np.array_equal(protected, protect(system, photo))


def test_sixteen_bits_are_kept(system, photo):
    deep = photo.astype(np.uint16) * 257
    change = system.protect(photo, owner=None, identity=bytes(8), secret=None, strength=1.0)
    apart = change.apply(deep).astype(np.float64) / 257 - change.apply(photo)
    assert change.apply(deep).dtype == np.uint16 and np.abs(apart).max() < 0.51


def test_an_untouched_picture_is_found_intact(system, protected):
    verdict = system.verify(protected, secret=None, find_key=lambda fingerprint: None)
    assert verdict.present and verdict.status in ("intact", "unvouched"), verdict.message
    assert np.array_equal(verdict.recovered, protected)


def test_an_edit_is_found_and_undone(system, photo, protected):
    donor = np.asarray(Image.fromarray(data.astronaut()).resize(photo.shape[1::-1]))
    edited, mask = Tamper(blob, splice, (0.15, 0.2))(protected, donor, np.random.default_rng(4))
    verdict = system.verify(edited, secret=None, find_key=lambda fingerprint: None)
    assert verdict.status == "altered" and verdict.message
    assert verdict.tampered_prob.shape == photo.shape[:2] and verdict.tampered_prob.dtype == np.float32
    assert verdict.tampered_prob.min() >= 0 and verdict.tampered_prob.max() <= 1
    assert abs(verdict.altered_fraction - (verdict.tampered_prob > 0.5).mean()) < 0.02
    assert count_mask(verdict.tampered_prob, mask).f1 > 0.6
    assert verdict.recovered.shape == photo.shape and verdict.recovered.dtype == np.uint8
    assert set(np.unique(verdict.source_map)) <= {0, 1, 2}
    before, after = (
        np.abs(picture[mask].astype(float) - photo[mask]).mean() for picture in (edited, verdict.recovered)
    )
    assert after < 0.7 * before


def test_a_picture_too_small_is_refused(system):
    with pytest.raises(ShapeError, match="63"):
        system.protect(np.zeros((63, 200, 3), np.uint8), owner=None, identity=None, secret=None, strength=1.0)
