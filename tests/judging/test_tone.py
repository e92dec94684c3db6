"""A darker or flatter picture is compared at the tone of its signed content."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from underdrawing.attacks.channel import Blur, Brightness, Contrast
from underdrawing.judging.witness.tone import with_tone_of

_RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.mark.parametrize("channel", [Contrast(0.8), Brightness(0.8)])
def test_a_darker_or_flatter_picture_gets_the_tone_of_the_sketch(photo, channel):
    sketch, received = Blur(4.0)(photo, _RNG), channel(photo, _RNG)
    error = np.abs(with_tone_of(sketch, received).astype(float) - photo).mean()
    assert error < 0.25 * np.abs(received.astype(float) - photo).mean()


def test_a_picture_of_the_same_tone_or_another_picture_stays(photo):
    sketch = Blur(4.0)(photo, _RNG)
    assert np.array_equal(with_tone_of(sketch, photo), photo)
    other = np.ascontiguousarray(photo[::-1, ::-1])
    assert np.array_equal(with_tone_of(sketch, other), other)


def test_an_edit_does_not_take_the_tone_of_what_it_replaced(photo):
    edited = photo.copy()
    edited[100:220, 100:220] = 255
    toned = with_tone_of(Blur(4.0)(photo, _RNG), Contrast(0.8)(edited, _RNG))
    assert toned[140:180, 140:180].mean() > 235
