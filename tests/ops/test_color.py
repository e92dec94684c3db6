"""Luma changed within what a pixel can be."""

from __future__ import annotations

import numpy as np
import pytest

from underdrawing.ops.color import COLOUR_DIRECTION, GRAY_DIRECTION, luma, with_luma_changed


def plane_of(colour, side=4):
    return np.broadcast_to(np.array(colour, np.uint8), (side, side, 3))


def changed_luma(colour, change):
    pixels = plane_of(colour)
    result = with_luma_changed(pixels, np.full(pixels.shape[:2], change, np.float32), COLOUR_DIRECTION)
    assert result.dtype == np.uint8
    return float((luma(result) - luma(pixels)).mean())


@pytest.mark.parametrize("change", [-12.0, 12.0])
@pytest.mark.parametrize("direction", [COLOUR_DIRECTION, GRAY_DIRECTION])
def test_within_the_gamut_the_change_is_along_the_direction(change, direction):
    pixels = plane_of((100, 120, 90))
    result = with_luma_changed(pixels, np.full((4, 4), change, np.float32), direction)
    assert np.abs(result.astype(int) - pixels - change * direction).max() <= 0.5


@pytest.mark.parametrize(
    ("colour", "change"), [((160, 0, 40), -10.0), ((200, 3, 3), -10.0), ((90, 255, 200), 10.0)], ids=str
)
def test_other_channels_make_up_for_one_at_its_end(colour, change):
    clipped = np.clip(plane_of(colour) + change * COLOUR_DIRECTION, 0, 255)
    lost = abs(float((luma(clipped) - luma(plane_of(colour))).mean()) - change)
    assert lost > 3
    assert changed_luma(colour, change) == pytest.approx(change, abs=1)


@pytest.mark.parametrize("colour", [(0, 0, 200), (255, 255, 200)])
def test_blue_alone_is_too_dear(colour):
    change = -10.0 if colour[0] == 0 else 10.0
    result = with_luma_changed(plane_of(colour), np.full((4, 4), change, np.float32), COLOUR_DIRECTION)
    assert (result[..., 2] - float(colour[2]) == np.rint(change * COLOUR_DIRECTION[2])).all()


def test_black_and_white_stay_within_their_ends():
    assert changed_luma((0, 0, 0), -10.0) == 0
    assert changed_luma((255, 255, 255), 10.0) == pytest.approx(0, abs=1e-3)


def test_sixteen_bits_have_their_own_limit():
    pixels = plane_of((160, 0, 40)).astype(np.uint16) * 257
    result = with_luma_changed(pixels, np.full((4, 4), -2570.0, np.float32), COLOUR_DIRECTION)
    assert result.dtype == np.uint16
    assert float((luma(result) - luma(pixels)).mean()) == pytest.approx(-2570, abs=30)
