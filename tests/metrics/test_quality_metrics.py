"""Picture metrics against scikit-image and by hand."""

import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from underdrawing.attacks.channel import Jpeg, Noise
from underdrawing.core.errors import ShapeError
from underdrawing.metrics import quality
from underdrawing.metrics.perceptual import masked_stlpips, stlpips
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PHOTO = data.astronaut()[:240, 100:420]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channel", [Jpeg(90), Jpeg(30), Noise(8.0)], ids=lambda channel: channel.name)
def test_psnr_and_ssim_agree_with_scikit_image(channel):
    received = channel(PHOTO, RNG)
    assert quality.psnr_db(PHOTO, received) == pytest.approx(
        peak_signal_noise_ratio(PHOTO, received), abs=1e-4
    )
    want = structural_similarity(
        PHOTO, received, channel_axis=2, data_range=255, gaussian_weights=True, use_sample_covariance=False
    )
    assert quality.ssim(PHOTO, received) == pytest.approx(want, abs=1e-4)


def test_identical_pictures():
    assert quality.psnr_db(PHOTO, PHOTO) == quality.IDENTICAL_DB
    assert quality.ssim(PHOTO, PHOTO) == pytest.approx(1, abs=1e-6)
    assert stlpips(PHOTO, PHOTO) == 0
    assert ssimulacra2(PHOTO, PHOTO) == pytest.approx(100)


def test_masked_psnr_sees_only_the_mask():
    other, mask = PHOTO.copy(), np.zeros(PHOTO.shape[:2], bool)
    mask[10:50, 10:60] = True
    other[~mask] = 0
    assert quality.masked_psnr_db(PHOTO, other, mask) == quality.IDENTICAL_DB
    other[mask] = PHOTO[mask] ^ 1
    assert quality.masked_psnr_db(PHOTO, other, mask) == pytest.approx(20 * np.log10(255))
    assert np.isnan(quality.masked_psnr_db(PHOTO, other, np.zeros_like(mask)))


def test_smooth_rms_counts_only_smooth_places():
    image = np.full((128, 128, 3), 90, np.uint8)
    image[:, 64:] = RNG.integers(0, 256, (128, 64, 1))
    smooth = quality.smooth_places(image)
    assert smooth[:, :59].all() and not smooth[:, 70:].any()
    changed = image.copy()
    changed[:, 70:] //= 2
    assert quality.smooth_rms(image, changed) == 0
    changed[:, :64] += 2
    assert quality.smooth_rms(image, changed) == pytest.approx(2, rel=1e-3)
    assert np.isnan(quality.smooth_rms(image[:, 70:], changed[:, 70:]))


def test_perceptual_scores_order_codecs_and_forgive_a_shift():
    scores = [ssimulacra2(PHOTO, Jpeg(quality_)(PHOTO, RNG)) for quality_ in (95, 70, 30)]
    assert scores == sorted(scores, reverse=True) and 78 < scores[0] < 95 and scores[2] < 60
    distances = [stlpips(PHOTO, Jpeg(quality_)(PHOTO, RNG)) for quality_ in (95, 70, 30)]
    assert distances == sorted(distances)
    whole = data.astronaut()
    assert stlpips(whole[50:290, 100:420], whole[51:291, 101:421]) < distances[2]


def test_shapes_must_agree():
    for metric in (quality.psnr_db, quality.ssim, quality.smooth_rms, stlpips):
        with pytest.raises(ShapeError):
            metric(PHOTO, PHOTO[1:])


def test_masked_scores_see_their_side_alone_and_agree_where_the_mask_is_everything():
    received, everything = Jpeg(30)(PHOTO, RNG), np.ones(PHOTO.shape[:2], bool)
    left = np.arange(PHOTO.shape[1])[None, :] < 100 + 0 * everything
    half = np.where(left[..., None], received, PHOTO)
    inside, outside = masked_stlpips(PHOTO, half, left)
    assert inside > 20 * outside > 0
    assert quality.masked_ssim(PHOTO, half, left) < 0.95 < quality.masked_ssim(PHOTO, half, ~left)
    whole, nothing = masked_stlpips(PHOTO, received, everything)
    assert whole == pytest.approx(stlpips(PHOTO, received), rel=1e-5) and np.isnan(nothing)
    assert quality.masked_ssim(PHOTO, received, everything) == pytest.approx(quality.ssim(PHOTO, received))
    assert np.isnan(quality.masked_ssim(PHOTO, received, ~everything))
