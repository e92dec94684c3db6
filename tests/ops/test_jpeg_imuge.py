"""The differentiable JPEG against Pillow's, and its gradient."""

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.metrics.quality import psnr_db
from underdrawing.ops.jpeg import jpeg, quantization_tables, round_cubic, round_through


def to_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


def to_u8(image: torch.Tensor) -> np.ndarray:
    return (image[0].permute(1, 2, 0) * 255).round().byte().numpy()


@pytest.mark.parametrize("quality", [95, 90, 80, 70, 50, 30, 10])
@pytest.mark.parametrize("photo", [data.astronaut, data.coffee, data.chelsea])
def test_is_as_far_from_the_photograph_as_pillows(photo, quality):
    image = photo()[:240, :250]
    ours = psnr_db(image, to_u8(jpeg(to_tensor(image), quality)))
    theirs = psnr_db(image, Jpeg(quality)(image, np.random.default_rng(0)))
    assert abs(ours - theirs) < 0.3


@pytest.mark.parametrize("quality", [90, 50])
def test_is_nearer_to_pillows_picture_than_to_the_photograph(quality):
    image = data.astronaut()[:256, :256]
    ours, theirs = to_u8(jpeg(to_tensor(image), quality)), Jpeg(quality)(image, np.random.default_rng(0))
    assert psnr_db(ours, theirs) > psnr_db(image, theirs) + 6


def test_gradient_of_the_cubic_rounding_is_that_of_finite_differences():
    image = torch.rand(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    image = (0.3 + 0.4 * image).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: jpeg(x, 60, round_cubic), image, eps=1e-7, atol=1e-4)


def test_straight_through_has_the_gradient_of_a_codec_that_does_not_round():
    image = 0.3 + 0.4 * torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    weights = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    gradients = []
    for rounding in (round_through, lambda x: x):
        given = image.clone().requires_grad_()
        (jpeg(given, 90, rounding) * weights).sum().backward()
        gradients.append(given.grad)
    torch.testing.assert_close(*gradients)


def test_each_picture_of_a_batch_has_its_own_quality():
    image = to_tensor(data.astronaut()[:64, :64])
    both = jpeg(image.repeat(2, 1, 1, 1), torch.tensor([90, 30]))
    torch.testing.assert_close(both[:1], jpeg(image, 90))
    torch.testing.assert_close(both[1:], jpeg(image, 30))


def test_tables_follow_libjpegs_scale():
    luma, chroma = quantization_tables(torch.tensor([50, 90, 25]))
    assert luma[:, 0, 0].tolist() == [16, 3, 32]
    assert chroma[:, 7, 7].tolist() == [99, 20, 198]
