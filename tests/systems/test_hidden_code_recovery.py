"""The recovery transformer: what is known stays, what is hidden is told, for any mask and any code."""

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.core.errors import WeightsError
from underdrawing.systems.hidden_code.recovery import Recovery, load_recovery, visible_cells
from underdrawing.systems.hidden_code.recovery_net import Choice, Given, known_tokens
from underdrawing.systems.hidden_code.tokens import Tokenizer
from underdrawing.systems.hidden_code.training_recovery import RECIPES, RecoveryTraining, begun, run
from underdrawing.systems.hidden_code.training_tokens import RECIPES as TOKEN_RECIPES
from underdrawing.systems.hidden_code.training_tokens import started
from underdrawing.train.loop import Run, train

PHOTOS = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
SMOKE = RECIPES["smoke"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(started(PHOTOS, TOKEN_RECIPES["smoke"]))


@pytest.fixture(scope="module")
def recovery(tokenizer) -> Recovery:
    return Recovery(tokenizer, begun(SMOKE))


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
    told = tokenizer.decode(everything, *photo.shape[:2])
    nothing, all_over = np.zeros(photo.shape[:2], bool), np.ones(photo.shape[:2], bool)
    np.testing.assert_array_equal(recovery(photo, nothing), told)
    np.testing.assert_array_equal(recovery(0 * photo, all_over, everything), told)


def test_what_lies_under_the_mask_is_not_looked_at(recovery, tokenizer):
    photo, mask = PHOTOS[0], box(512, 512)
    other = photo.copy()
    other[mask] = 7
    code = tokenizer.encode(photo, 1)
    np.testing.assert_array_equal(recovery(photo, mask, code), recovery(other, mask, code))


def test_scales_one_by_one_agree_with_all_at_once(tokenizer):
    net, quantizer = begun(SMOKE).eval(), tokenizer.net.quantizer
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
            seen, cache = net.transformer(part, cache=cache)
            answers.append(net.logits(scale, seen, codes))
            total = total + quantizer.part(grid.clamp_min(0), scale, latent.shape[-2:])
        for one, other in zip(answers, net(quantizer, given, tokens, totals), strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_training_repeats_and_leaves_weights(tokenizer, tmp_path):
    def begin() -> RecoveryTraining:
        return RecoveryTraining(begun(SMOKE), tokenizer.net, PHOTOS, SMOKE)

    rows = train(begin(), Run(steps=6), tmp_path / "a")
    again = train(begin(), Run(steps=6), tmp_path / "b")
    np.testing.assert_allclose([r["tokens"] for r in rows], [r["tokens"] for r in again], rtol=1e-3)
    run(PHOTOS, SMOKE, tokenizer.net, tmp_path / "c", Run(steps=2))
    assert load_recovery(tmp_path / "c" / "recovery.safetensors").config == SMOKE.config
    (tmp_path / "broken.safetensors").write_bytes(b"0" * 64)
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        load_recovery(tmp_path / "broken.safetensors")
