"""Modulo embedding: numbers are extracted as embedded, after blur and JPEG too."""

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.attacks.differentiable import blur, pillow_jpeg
from underdrawing.nets.block_spectrum import BlockSpectrum, typical_deviations
from underdrawing.nets.modulo_embedding import MARGIN, ModuloEmbedding, compand, expand, wrap
from underdrawing.systems.imuge.network_lean import far

ASTRONAUT = torch.from_numpy(data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.fixture(scope="module")
def code() -> ModuloEmbedding:
    return ModuloEmbedding(period=40.0, details=6, pilots=3)


def embedded(code: ModuloEmbedding, numbers: torch.Tensor) -> torch.Tensor:
    spectrum = BlockSpectrum()
    return ASTRONAUT + spectrum.inverse(code.embed(spectrum(ASTRONAUT), numbers))


def drawn(code: ModuloEmbedding) -> torch.Tensor:
    numbers = (
        torch.rand(1, len(code.carriers), 32, 32, generator=torch.Generator().manual_seed(4)) * 1.8 - 0.9
    )
    numbers[:, -code.pilots :] = 0
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
    spectrum = BlockSpectrum()
    coefficients = spectrum(ASTRONAUT)
    torch.testing.assert_close(spectrum.inverse(coefficients), ASTRONAUT, atol=1e-4, rtol=0)
    low = coefficients[0, [0, 1, 8, 9]].std((1, 2))
    assert low.min() > 0.4 and low.max() < 2.5
    assert typical_deviations().shape == (3, 64)


def test_embedded_numbers_are_extracted(code):
    numbers = drawn(code)
    received = embedded(code, numbers)
    read = code.extract(received, torch.ones(1, 1, 32, 32))
    torch.testing.assert_close(read, numbers, atol=1e-3, rtol=0)
    change = (received - ASTRONAUT).mul(127.5).square().mean().sqrt()
    assert 3 < change < 5  # a sixteenth of all periods squared over 12, along the shortest change of RGB


@pytest.mark.parametrize(
    "attack, most",
    [(lambda x: pillow_jpeg(x, 80), 0.25), (lambda x: blur(x, 5, 0.8), 0.3)],
)
def test_embedded_numbers_survive_a_channel(code, attack, most):
    numbers = drawn(code)
    received = 2 * attack((embedded(code, numbers) + 1).clamp(0, 2) / 2) - 1
    read = code.extract(received, torch.ones(1, 1, 32, 32))
    error = wrap(read - numbers, 2 / MARGIN).abs()
    assert error.median() < most


def test_decode_inverts_encode(code):
    coefficients = BlockSpectrum()(ASTRONAUT)
    decoded = code.decode(wrap(code.encode(coefficients), 2 / MARGIN))
    error = (decoded - coefficients[:, code.encoded]).abs()
    assert error[:, :1].max() < 0.01 and error.median() < 1e-3


def test_far_is_its_own_inverse():
    maps = torch.rand(2, 3, 8, 6)
    assert torch.equal(far(far(maps)), maps) and not torch.equal(far(maps), maps)
    np.testing.assert_array_equal(far(maps)[0, 0, 4, 3], maps[0, 0, 0, 0])
