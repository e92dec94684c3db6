"""The channel on tensors: the real thing forward, a gradient backwards."""

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.attacks import differentiable as channel
from underdrawing.attacks.channel import Blur, Jpeg
from underdrawing.metrics.quality import psnr_db


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:128, :96].copy()).permute(2, 0, 1)[None].float() / 255


def to_u8(image: torch.Tensor) -> np.ndarray:
    return (image[0].detach().permute(1, 2, 0) * 255).round().byte().numpy()


def test_pillows_jpeg_runs_forward_and_passes_a_gradient(image, rng):
    given = image.clone().requires_grad_()
    received = channel.pillow_jpeg(given, 70)
    assert np.array_equal(to_u8(received), Jpeg(70)(to_u8(image), rng))
    received.square().mean().backward()
    assert given.grad.abs().sum() > 0


def test_eight_bits_are_those_of_a_file(image):
    off = image + 0.3 / 255 + torch.tensor([0.0, 0.5, -0.5])[:, None, None]
    kept = channel.eight_bits(off)
    torch.testing.assert_close(kept * 255, (kept * 255).round(), atol=1e-3, rtol=0)
    assert kept.min() >= 0 and kept.max() <= 1


def test_blur_is_opencvs(image, rng):
    ours = to_u8(channel.blur(image, 7, 1.0))
    assert psnr_db(ours, Blur(1.0)(to_u8(image), rng)) > 50


def test_noise_has_its_deviation(rng):
    gray = torch.full((1, 3, 64, 64), 0.5)
    assert float((channel.add_noise(gray, 0.1, rng) - gray).std()) == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("factor", [0.5, 0.77, 2.0])
def test_rescaling_keeps_sides_and_content(image, factor):
    received = channel.rescale(image, factor)
    assert received.shape == image.shape
    assert psnr_db(to_u8(received), to_u8(image)) > 20


def test_a_window_keeps_its_part(rng):
    rows, columns = channel.window((100, 200), 0.5, rng)
    kept = (rows.stop - rows.start) * (columns.stop - columns.start)
    assert kept / 20000 == pytest.approx(0.5, abs=0.01)
    assert rows.stop <= 100 and columns.stop <= 200
