"""Outliers and blurs of few pixels are undone; other pictures stay nearly as they are."""

import cv2
import numpy as np
from skimage import data

from underdrawing.metrics.quality import psnr_db
from underdrawing.ops.restoration import TAPS, unblurred, without_outliers

PHOTO = np.ascontiguousarray(data.astronaut()[40:168, 160:288])


def test_white_and_black_pixels_are_replaced_and_no_others():
    draw, noisy = np.random.default_rng(1).random(PHOTO.shape[:2]), PHOTO.copy()
    noisy[draw < 0.05], noisy[draw > 0.95] = 255, 0
    cleaned = without_outliers(noisy)
    assert psnr_db(PHOTO, cleaned) > psnr_db(PHOTO, noisy) + 14
    kept = (draw >= 0.05) & (draw <= 0.95)
    assert (cleaned[kept] == noisy[kept]).mean() > 0.99


def test_a_mean_over_few_pixels_is_undone():
    blurred = cv2.blur(PHOTO, (TAPS, TAPS))
    restored = np.clip(np.rint(unblurred(blurred)), 0, 255).astype(np.uint8)
    assert restored.shape == PHOTO.shape and psnr_db(PHOTO, restored) > psnr_db(PHOTO, blurred) + 4
