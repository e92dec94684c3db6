"""The recovery transformer: what is known stays, what is hidden is decoded, for any mask and any code."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.core.errors import WeightsError
from underdrawing.nets.loading import load_network
from underdrawing.nets.token_choice import Choice, guided
from underdrawing.systems.hidden_code.recovery import Recovery, visible_cells
from underdrawing.systems.hidden_code.recovery_net import (
    Given,
    RecoveryConfig,
    RecoveryNet,
    known_tokens,
)
from underdrawing.systems.hidden_code.tokens import Tokenizer
from underdrawing.systems.hidden_code.training_recovery import RECIPES, RecoveryTraining, run
from underdrawing.systems.hidden_code.training_recovery import initial_network as initial_recovery
from underdrawing.systems.hidden_code.training_tokens import RECIPES as TOKEN_RECIPES
from underdrawing.systems.hidden_code.training_tokens import initial_network as initial_tokens
from underdrawing.train.loop import Run, train

PHOTOS = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
SMOKE = RECIPES["smoke"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(initial_tokens(PHOTOS, TOKEN_RECIPES["smoke"]))


@pytest.fixture(scope="module")
def recovery(tokenizer) -> Recovery:
    return Recovery(tokenizer, initial_recovery(SMOKE))


def box(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 3 : width // 2] = True
    return mask


def test_what_is_visible_keeps_its_tokens(tokenizer):
    quantizer, latent = tokenizer.net.quantizer, tokenizer.latent(PHOTOS[0])
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 64:128, 64:160] = 1
    visible = visible_cells(mask)
    assert 0.6 < float(visible.mean()) < 0.95
    true, totals = quantizer.quantize(latent, tokenizer.scales)
    given, total = Given(latent * visible, visible, []), torch.zeros_like(latent)
    for scale, grid in enumerate(true):
        known = known_tokens(quantizer, given, total, scale)
        assert bool((known >= 0).any()) == (scale > 1)  # the box touches all four cells of the second
        assert torch.equal(known[known >= 0], grid[known >= 0])
        total = totals[scale]


@pytest.mark.parametrize("how", ["argmax", "sample", "mean"])
@pytest.mark.parametrize("prefix", [0, 2, 3])
def test_any_code_and_choice_gives_a_picture(recovery, tokenizer, how, prefix):
    photo = PHOTOS[1]
    code = tokenizer.encode(photo, prefix) if prefix else []
    mask = box(*photo.shape[:2])
    first = recovery(photo, mask, code, Choice(how))
    assert first.shape == photo.shape and np.array_equal(first, recovery(photo, mask, code, Choice(how)))


def test_a_whole_code_and_no_mask_are_the_tokens_themselves(recovery, tokenizer):
    photo = PHOTOS[2]
    everything = tokenizer.encode(photo)
    decoded = tokenizer.decode(everything, *photo.shape[:2])
    nothing, all_over = np.zeros(photo.shape[:2], bool), np.ones(photo.shape[:2], bool)
    np.testing.assert_array_equal(recovery(photo, nothing), decoded)
    np.testing.assert_array_equal(recovery(0 * photo, all_over, everything), decoded)


def test_what_lies_under_the_mask_is_not_looked_at(recovery, tokenizer):
    photo, mask = PHOTOS[0], box(512, 512)
    other = photo.copy()
    other[mask] = 7
    code = tokenizer.encode(photo, 1)
    np.testing.assert_array_equal(recovery(photo, mask, code), recovery(other, mask, code))


def test_scales_one_by_one_agree_with_all_at_once(tokenizer):
    net, quantizer = initial_recovery(SMOKE).eval(), tokenizer.net.quantizer
    latent = tokenizer.latent(PHOTOS[3])
    visible = torch.ones(1, 1, *latent.shape[-2:])
    visible[..., 2:6, 3:9] = 0
    given = Given(latent * visible, visible, [])
    total, tokens, totals, answers, cache = torch.zeros_like(latent), [], [], [], None
    with torch.no_grad():
        for scale, codes in enumerate(quantizer.codebooks):
            grid = known_tokens(quantizer, given, total, scale)
            tokens.append(grid)
            totals.append(total)
            part = net.embed(scale, total, given, grid, codes)
            outputs, cache = net.transformer(part, cache=cache)
            answers.append(net.logits(scale, outputs, codes))
            total = total + quantizer.part(grid.clamp_min(0), scale, latent.shape[-2:])
        for one, other in zip(answers, net(quantizer, given, tokens, totals), strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_training_repeats_and_leaves_weights(tokenizer, tmp_path):
    def begin() -> RecoveryTraining:
        return RecoveryTraining(initial_recovery(SMOKE), tokenizer.net, PHOTOS, SMOKE)

    rows = train(begin(), Run(steps=6), tmp_path / "a")
    again = train(begin(), Run(steps=6), tmp_path / "b")
    np.testing.assert_allclose([r["tokens"] for r in rows], [r["tokens"] for r in again], rtol=1e-3)
    run(PHOTOS, dataclasses.replace(SMOKE, steps=2), tokenizer.net, tmp_path / "c")
    assert (
        load_network(tmp_path / "c" / "recovery.safetensors", RecoveryConfig, RecoveryNet).config
        == SMOKE.config
    )
    (tmp_path / "broken.safetensors").write_bytes(b"0" * 64)
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        load_network(tmp_path / "broken.safetensors", RecoveryConfig, RecoveryNet)


def test_cells_that_a_code_leaves_open_are_as_without_it(recovery, tokenizer):
    photo, mask = PHOTOS[0], box(512, 512)
    code = tokenizer.encode(photo, 2)
    open_all = [code[0], np.full_like(code[1], -1)]
    np.testing.assert_array_equal(recovery(photo, mask, open_all), recovery(photo, mask, code[:1]))
    half = [code[0], np.where(np.arange(4).reshape(2, 2) < 3, code[1], -1)]
    quantizer, latent = tokenizer.net.quantizer, tokenizer.latent(photo)
    grids = [torch.from_numpy(grid)[None] for grid in half]
    total = quantizer.part(grids[0], 0, latent.shape[-2:])
    hidden = torch.zeros(1, 1, *latent.shape[-2:])
    known = known_tokens(quantizer, Given(latent, hidden, grids), total, 1)
    assert torch.equal(known, grids[1])
    visible = known_tokens(quantizer, Given(latent, 1 - hidden, grids), total, 1)
    assert torch.equal(visible, torch.from_numpy(code[1])[None])  # what the code leaves open is read there


def test_guidance_leads_away_from_what_is_said_without_a_condition(recovery, tokenizer):
    away = guided(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0]), 0.5)
    torch.testing.assert_close(away, torch.tensor([1.5, 1.5]))
    photo, mask, code = PHOTOS[1], box(400, 600), tokenizer.encode(PHOTOS[1], 1)
    plain = recovery(photo, mask, code)
    np.testing.assert_array_equal(plain, recovery(photo, mask, code, Choice(guidance=0.0)))
    assert not np.array_equal(plain, recovery(photo, mask, code, Choice(guidance=2.0)))
    everything = np.ones(mask.shape, bool)  # no condition at all: nothing to lead away from
    same = [recovery(photo, everything, (), Choice("argmax", guidance=g)) for g in (0.0, 3.0)]
    assert np.mean(same[0] != same[1]) < 0.01


def test_what_is_dropped_is_shown_nothing(tokenizer):
    system = RecoveryTraining(
        initial_recovery(SMOKE),
        tokenizer.net,
        PHOTOS,
        replace(SMOKE, dropped=0.5, prefixes=(2,), batch=8, wrong=1.0),
    )
    rng = np.random.default_rng(3)
    latent = torch.cat([tokenizer.latent(PHOTOS[0])] * 8)
    bare = system._dropped(8, rng)
    assert 0 < int(bare.sum()) < 8
    shown, true, _ = system._tokens(latent, torch.zeros(8, 1, 16, 16), bare, rng)
    assert all(bool((grid[bare] < 0).all()) for grid in shown)
    assert all(bool((grid[~bare] >= 0).all()) for grid in shown[:2])
    straight, _ = tokenizer.net.quantizer.quantize(latent, 3)
    assert all(torch.equal(a[bare], b[bare]) for a, b in zip(true, straight, strict=True))
    losses = dict(system.losses(system.batch(rng), rng))
    assert float(losses["recovery"]["tokens"].detach()) > 0
    assert not RecoveryTraining(initial_recovery(SMOKE), tokenizer.net, PHOTOS, SMOKE)._dropped(8, rng).any()
