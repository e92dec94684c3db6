"""Alignment, comparison and recovery with the rendition of a registered original, on real photographs."""

import cv2
import numpy as np
import pytest
import skimage.data

from underdrawing.attacks.channel import Blur, Brightness, Contrast, Gamma, Jpeg, Noise, Webp
from underdrawing.attacks.geometry import Crop, Flip, Rotate, Scale
from underdrawing.judging.reference import compare, recover
from underdrawing.judging.reference_alignment import align
from underdrawing.metrics.quality import psnr_db
from underdrawing.registry.rendition import render

RNG = np.random.default_rng(7)


def turned(photo: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(photo))


def narrow(photo: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return cv2.resize(photo, (480, 400), interpolation=cv2.INTER_AREA)


def framed(photo: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return cv2.copyMakeBorder(photo, 60, 90, 20, 20, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def gray(photo: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


BENIGN = (
    Jpeg(95), Jpeg(30), Webp(50), Scale(0.5), Scale(1.5), Crop(0.5), Crop(0.2), Blur(1.0), Noise(10.0),
    Gamma(0.8), Brightness(1.2), Contrast(1.2), Rotate(1.0), Rotate(33.0), Flip(), turned, narrow, framed,
    gray,
)  # fmt: skip


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def rendition(photo) -> np.ndarray:
    kept = render(photo)
    return kept.image(kept.file)


@pytest.mark.parametrize("channel", BENIGN, ids=lambda channel: getattr(channel, "name", channel.__class__))
def test_unaltered_pictures_agree(photo, rendition, channel):
    received = channel(photo, RNG)
    found, alignment = align(received, rendition)
    assert found == "aligned"
    comparison = compare(received, rendition, alignment)
    assert not comparison.altered.any()
    assert comparison.probability.shape == received.shape[:2] == comparison.inside.shape
    assert comparison.inside.mean() > (0.6 if channel is framed or isinstance(channel, Rotate) else 0.98)


@pytest.mark.parametrize("channel", [Jpeg(70), Scale(0.7), Crop(0.7), Gamma(1.25), turned])
def test_edits_are_found_and_what_was_there_is_shown(photo, rendition, channel):
    altered = np.zeros(photo.shape[:2], bool)
    cv2.ellipse(mask := altered.astype(np.uint8), (300, 280), (26, 18), 30, 0, 360, 1, -1)
    altered = mask > 0  # .6 % of the frame
    edited = np.where(altered[..., None], np.roll(photo, 150, axis=0), photo)
    white = np.repeat(255 * mask[..., None], 3, axis=2)
    received, original, marked = (channel(p, np.random.default_rng(7)) for p in (edited, photo, white))
    marked = marked[..., 0] > 127
    _, alignment = align(received, rendition)
    comparison = compare(received, rendition, alignment)
    overlap = 2 * (comparison.altered & marked).sum() / (comparison.altered.sum() + marked.sum())
    assert overlap > 0.75
    recovered, source = recover(received, rendition, alignment, comparison.altered)
    assert source[marked].mean() > 0.97 and source.mean() < 0.03
    assert psnr_db(recovered[marked][None], original[marked][None]) > 27
    assert (recovered[~source] == received[~source]).all()


def test_another_picture_is_not_aligned(rendition):
    for other in (skimage.data.coffee()[:400, :400], skimage.data.chelsea()[:256, :256]):
        assert align(np.ascontiguousarray(other), rendition) == ("another picture", None)


def test_flat_pictures_are_not_decided(rendition):
    assert align(np.full((200, 300, 3), 90, np.uint8), rendition) == ("undecided", None)


def test_a_faint_edit_of_a_smooth_area_is_found(photo, rendition):
    """Six levels of tone, far below what the eye or the mark sees."""
    received = photo.copy()
    received[20:60, 20:60] = np.clip(received[20:60, 20:60].astype(int) + 6, 0, 255)
    _, alignment = align(received, rendition)
    altered = compare(received, rendition, alignment).altered
    assert altered[25:55, 25:55].mean() > 0.8 and altered.mean() < 0.02


def test_nothing_is_recovered_where_nothing_was_altered(photo, rendition):
    _, alignment = align(photo, rendition)
    recovered, source = recover(photo, rendition, alignment, np.zeros(photo.shape[:2], bool))
    assert (recovered == photo).all() and not source.any()
