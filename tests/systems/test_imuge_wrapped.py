"""Numbers written modulo a period: what is written is read, after blur and JPEG too."""

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.attacks.differentiable import blur, pillow_jpeg
from underdrawing.systems.imuge.lean import far
from underdrawing.systems.imuge.spectrum import Spectrum, spreads
from underdrawing.systems.imuge.wrapped import MARGIN, Writing, compand, expand, wrap

ASTRONAUT = torch.from_numpy(data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.fixture(scope="module")
def writing() -> Writing:
    return Writing(period=40.0, details=6, pilots=3)


def written(writing: Writing, numbers: torch.Tensor) -> torch.Tensor:
    spectrum = Spectrum()
    return ASTRONAUT + spectrum.inverse(writing.write(spectrum(ASTRONAUT), numbers))


def drawn(writing: Writing) -> torch.Tensor:
    numbers = (
        torch.rand(1, len(writing.places), 32, 32, generator=torch.Generator().manual_seed(4)) * 1.8 - 0.9
    )
    numbers[:, -writing.pilots :] = 0
    return numbers


def test_wrap_leaves_the_nearest_remainder():
    x = torch.tensor([0.0, 4.0, 6.0, -6.0, 23.0], requires_grad=True)
    wrapped = wrap(x, 10.0)
    assert wrapped.tolist() == [0.0, 4.0, -4.0, 4.0, 3.0]
    wrapped.sum().backward()
    assert x.grad.tolist() == [1.0] * 5


def test_companding_comes_back():
    x = torch.linspace(-3, 3, 31)
    torch.testing.assert_close(expand(compand(x)), x)
    assert torch.isfinite(expand(torch.tensor([-1.2, 1.0]))).all()


def test_the_spectrum_comes_back_and_has_about_unit_variance():
    spectrum = Spectrum()
    seen = spectrum(ASTRONAUT)
    torch.testing.assert_close(spectrum.inverse(seen), ASTRONAUT, atol=1e-4, rtol=0)
    low = seen[0, [0, 1, 8, 9]].std((1, 2))
    assert low.min() > 0.4 and low.max() < 2.5
    assert spreads().shape == (3, 64)


def test_what_is_written_is_read(writing):
    numbers = drawn(writing)
    received = written(writing, numbers)
    read = writing.read(received, torch.ones(1, 1, 32, 32))
    torch.testing.assert_close(read, numbers, atol=1e-3, rtol=0)
    change = (received - ASTRONAUT).mul(127.5).square().mean().sqrt()
    assert 3 < change < 5  # a sixteenth of all periods squared over 12, along the shortest change of RGB


@pytest.mark.parametrize(
    "attack, most",
    [(lambda x: pillow_jpeg(x, 80), 0.25), (lambda x: blur(x, 5, 0.8), 0.3)],
)
def test_what_is_written_outlives_a_channel(writing, attack, most):
    numbers = drawn(writing)
    received = 2 * attack((written(writing, numbers) + 1).clamp(0, 2) / 2) - 1
    read = writing.read(received, torch.ones(1, 1, 32, 32))
    error = wrap(read - numbers, 2 / MARGIN).abs()
    assert error.median() < most


def test_a_picture_is_told_and_untold(writing):
    seen = Spectrum()(ASTRONAUT)
    told = writing.untell(wrap(writing.tell(seen), 2 / MARGIN))
    error = (told - seen[:, writing.told]).abs()
    assert error[:, :1].max() < 0.01 and error.median() < 1e-3


def test_far_is_its_own_inverse():
    maps = torch.rand(2, 3, 8, 6)
    assert torch.equal(far(far(maps)), maps) and not torch.equal(far(maps), maps)
    np.testing.assert_array_equal(far(maps)[0, 0, 4, 3], maps[0, 0, 0, 0])
