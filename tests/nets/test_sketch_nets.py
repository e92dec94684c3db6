"""The sketch's building blocks, each by the law that it stands on."""

import numpy as np
import torch

from underdrawing.nets.context import ContextModel, logistic_bits
from underdrawing.nets.lapped import mix_borders, overlap_matrix, unmix_borders
from underdrawing.nets.residual_quantizer import ResidualQuantizer, nearest, token_grid


def test_overlap_is_undone_exactly_and_decorrelates_better_than_blocks() -> None:
    matrix = overlap_matrix(16)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(16), atol=1e-6, rtol=0)
    picture = torch.rand(2, 3, 48, 80, generator=torch.Generator().manual_seed(0)) * 255
    torch.testing.assert_close(
        unmix_borders(mix_borders(picture, matrix), matrix), picture, atol=1e-3, rtol=0
    )
    distance = (torch.arange(80)[:, None] - torch.arange(80)).abs()
    covariance = 0.95 ** distance.double()
    mixed = mix_borders(covariance[None, None].float(), matrix)[0, 0].double()
    gains = [-10 * torch.log10(torch.linalg.eigvalsh(c[32:48, 32:48])).mean() for c in (covariance, mixed)]
    assert gains[1] > gains[0] + 0.2


def test_every_prefix_of_scales_telescopes() -> None:
    generator = torch.Generator().manual_seed(1)
    quantizer = ResidualQuantizer(4, 32, (1, 2, 4, 8))
    quantizer.codebooks.normal_(generator=generator)
    for conv in quantizer.phi:
        torch.nn.init.normal_(conv.weight, std=0.05, generator=generator)
    latent = torch.randn(2, 4, 8, 6, generator=generator)
    tokens, totals = quantizer.quantize(latent, 4)
    assert [tuple(t.shape[1:]) for t in tokens] == [(1, 1), (2, 2), (4, 3), (8, 6)]
    parts = [quantizer.part(grid, scale, (8, 6)) for scale, grid in enumerate(tokens)]
    for scale in range(4):
        torch.testing.assert_close(totals[scale], sum(parts[: scale + 1]))
        torch.testing.assert_close(quantizer.total(tokens[: scale + 1], (8, 6)), totals[scale])


def test_nearest_is_the_nearest() -> None:
    generator = torch.Generator().manual_seed(2)
    vectors, book = torch.randn(1, 5, 3, 3, generator=generator), torch.randn(40, 5, generator=generator)
    brute = torch.cdist(vectors.permute(0, 2, 3, 1).flatten(0, 2), book).argmin(1)
    assert torch.equal(nearest(vectors, book).flatten(), brute)


def test_token_grids_follow_the_frame() -> None:
    assert token_grid(8, 32, 32) == (8, 8)
    assert token_grid(8, 32, 16) == (8, 4)
    assert token_grid(4, 1, 40) == (1, 4)


def test_logistic_bits_are_a_law() -> None:
    symbols = torch.arange(-400, 401).double()
    for mean, log2_scale in ((0.0, 0.0), (0.4, -2.0), (-3.3, 3.0)):
        bits = logistic_bits(symbols, torch.tensor(mean).double(), torch.tensor(log2_scale).double())
        np.testing.assert_allclose(float(torch.exp2(-bits).sum()), 1.0, atol=2e-3)


def test_no_pass_sees_what_comes_after_it() -> None:
    model = ContextModel((2, 3), 8, 1, limit=15, base=True)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(3))
    symbols = torch.randint(-3, 4, (1, 5, 6, 6), generator=torch.Generator().manual_seed(4)).float()
    below, condition = torch.zeros_like(symbols), torch.zeros(1, 1)
    decoded = model(symbols, condition, below)[0]
    changed = symbols.clone()
    changed[0, 3, 2, 3] += 5  # a black cell of the last group: nothing may depend on it
    assert torch.equal(model(changed, condition, below)[0], decoded)
    changed[0, 3, 2, 2] += 5  # a white one: its black neighbours may
    difference = (model(changed, condition, below)[0] - decoded)[0].abs().sum(0)
    assert difference[2, 3] > 0
    white = (torch.arange(6)[:, None] + torch.arange(6)) % 2 == 0
    assert difference[white].sum() == 0
