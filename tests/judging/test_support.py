"""Which flagged areas are borne out."""

import cv2
import numpy as np
from skimage import data

from underdrawing.attacks.channel import Palette
from underdrawing.judging.regions import (
    drop_palette_regions,
    drop_unsupported_regions,
    gradients,
    has_palette,
)


def test_an_area_that_shows_what_the_code_tells_is_not_altered_unless_it_lost_its_gradient():
    probability = np.zeros((64, 64), np.float32)
    probability[16:48, 16:48] = 0.9
    against, bright = np.full((8, 8), -9, np.float32), np.zeros((8, 8), np.float32)
    photo = data.astronaut()[100:164, 200:264]
    decoded = cv2.GaussianBlur(photo, (0, 0), 3)
    error, gradient = np.full((64, 64), 10, np.float32), gradients(photo, decoded)
    error[16:48, 16:48] = 5
    assert drop_unsupported_regions(probability, against, bright, error, gradient).max() < 0.5
    assert drop_unsupported_regions(probability, against, bright, error).max() > 0.5
    assert (
        drop_unsupported_regions(probability, against, bright, error, gradients(decoded, decoded)).max() > 0.5
    )
    error[16:48, 16:48] = 15
    assert drop_unsupported_regions(probability, against, bright, error, gradient).max() > 0.5
    everywhere = np.full_like(probability, 0.9)
    assert drop_unsupported_regions(everywhere, against, bright, error, gradient).min() > 0.5


def test_a_void_counts_where_the_signed_content_tells_of_something_else():
    probability = np.zeros((64, 64), np.float32)
    probability[16:48, 16:48] = 0.9
    silent, black = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    black[2:6, 2:6] = 1
    error = np.full((64, 64), 10, np.float32)
    assert drop_unsupported_regions(probability, silent, black, error).max() < 0.5
    error[16:48, 16:48] = 60
    assert drop_unsupported_regions(probability, silent, black, error).max() > 0.5


def test_a_line_along_the_rim_is_no_alteration_and_a_bar_is():
    against, bright = np.full((16, 16), -9, np.float32), np.zeros((16, 16), np.float32)
    for width, altered in ((3, False), (8, True)):
        probability = np.zeros((128, 128), np.float32)
        probability[-width:, 10:120] = 0.9
        assert (drop_unsupported_regions(probability, against, bright).max() > 0.5) == altered


def test_a_doubtful_region_counts_only_where_the_mark_is_shown_to_be_absent():
    against, bright = np.full((16, 16), -9, np.float32), np.zeros((16, 16), np.float32)
    probability, absent = np.zeros((128, 128), np.float32), np.zeros((128, 128), bool)
    probability[16:64, 16:64] = 0.7
    assert drop_unsupported_regions(probability, against, bright).max() > 0.5
    assert drop_unsupported_regions(probability, against, bright, absent=absent).max() < 0.5
    absent[20:40, 20:40] = True
    assert drop_unsupported_regions(probability, against, bright, absent=absent).max() > 0.5


def test_a_region_that_a_palette_left_few_colours_counts_only_where_the_content_contradicts():
    probability = np.zeros((256, 256), np.float32)
    probability[64:128, 64:128] = 0.9
    photo = data.astronaut()[:256, 128:384].copy()
    photo[48:144, 48:144] = (200, 30, 60)
    reduced = Palette(64)(photo, np.random.default_rng(0))
    denied, contradicting = np.full((32, 32), -2.0), np.full((32, 32), -2.0)
    contradicting[9, 9] = 1.0
    assert drop_palette_regions(probability, photo, denied).max() > 0.5
    assert drop_palette_regions(probability, reduced, denied).max() < 0.5
    assert drop_palette_regions(probability, reduced).max() < 0.5
    assert drop_palette_regions(probability, reduced, contradicting).max() > 0.5
    assert has_palette(reduced) and not has_palette(photo)
    gray = np.repeat(photo.mean(2).astype(np.uint8)[..., None], 3, 2)
    assert not has_palette(gray)
    assert drop_palette_regions(probability, gray, denied).max() > 0.5
