"""Tokens: prefixes, bits and their order, any proportions, what is refused; a training that repeats."""

import dataclasses

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.core.errors import CapacityError, CodeError, ShapeError, WeightsError
from underdrawing.nets.code_order import pseudo_gray
from underdrawing.nets.loading import load_network
from underdrawing.nets.token_net import TokenConfig, TokenNet
from underdrawing.systems.hidden_code.tokens import Tokenizer, save_tokens, working_sides
from underdrawing.systems.hidden_code.training_tokens import RECIPES, TokenTraining, initial_network, run
from underdrawing.train.loop import Run, train

PHOTOS = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
SMOKE = RECIPES["smoke"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(initial_network(PHOTOS, SMOKE))


def test_parts_and_rest_sum_to_the_latent_after_every_scale(tokenizer):
    latent, quantizer = tokenizer.latent(PHOTOS[0]), tokenizer.net.quantizer
    tokens, totals = quantizer.quantize(latent, tokenizer.scales)
    rests = []
    for scale, total in enumerate(totals):
        torch.testing.assert_close(quantizer.total(tokens[: scale + 1], latent.shape[-2:]), total)
        rests.append(float((latent - total).detach().square().mean()))
    assert rests == sorted(rests, reverse=True) and rests[-1] < rests[0]


@pytest.mark.parametrize("index", range(4))
def test_bits_come_back_for_any_proportions(tokenizer, index):
    photo = PHOTOS[index]
    height, width = photo.shape[:2]
    lengths = tokenizer.lengths_bits(height, width)
    for prefix in range(1, tokenizer.scales + 1):
        tokens = tokenizer.encode(photo, prefix)
        bits = tokenizer.to_bits(tokens)
        assert len(bits) == lengths[prefix - 1] and tokenizer.prefix_for(len(bits), height, width) == prefix
        back = tokenizer.from_bits(bits, height, width)
        assert all(np.array_equal(a, b) for a, b in zip(tokens, back, strict=True))
    assert tokenizer.decode(tokens, height, width).shape == photo.shape


def test_more_scales_tell_more(tokenizer):
    photo = PHOTOS[0]
    errors = [
        np.square(tokenizer.decode(tokenizer.encode(photo, k), *photo.shape[:2]).astype(float) - photo).mean()
        for k in (1, 2, 3)
    ]
    assert errors[2] < errors[0]


def test_a_code_is_as_long_as_the_room_allows(tokenizer):
    lengths = tokenizer.lengths_bits(512, 512)
    assert len(tokenizer.fit(PHOTOS[0], lengths[1] + 3)) == lengths[1]
    with pytest.raises(CapacityError, match=str(lengths[0])):
        tokenizer.fit(PHOTOS[0], lengths[0] - 1)


def test_what_no_code_can_be_is_refused(tokenizer):
    lengths = tokenizer.lengths_bits(512, 512)
    with pytest.raises(CodeError, match="at most"):
        tokenizer.from_bits(np.zeros(lengths[-1] + 1, np.uint8), 512, 512)
    with pytest.raises(CodeError, match="first scale"):
        tokenizer.from_bits(np.zeros(lengths[0] - 1, np.uint8), 512, 512)
    with pytest.raises(ShapeError, match="uint8"):
        tokenizer.encode(PHOTOS[0].astype(np.float32))
    with pytest.raises(ShapeError, match="15x40"):
        tokenizer.encode(np.zeros((40, 15, 3), np.uint8))


def test_working_sides_keep_the_proportions():
    assert working_sides(512, 512) == (256, 256)
    assert working_sides(300, 600) == (128, 256)
    assert working_sides(4000, 100) == (256, 16)


def test_one_wrong_bit_leads_to_a_code_that_is_alike():
    codes = np.random.default_rng(2).normal(size=(64, 6)) * [4, 2, 1, 1, 0.5, 0.5]
    order = pseudo_gray(codes)
    assert sorted(order) == list(range(64))

    def apart(order: np.ndarray) -> float:
        flips = [order[np.arange(64) ^ (1 << bit)] for bit in range(6)]
        return float(np.mean([np.square(codes[order] - codes[other]).sum(1).mean() for other in flips]))

    assert apart(order) < 0.75 * apart(np.arange(64))
    with pytest.raises(ValueError, match="power of two"):
        pseudo_gray(codes[:63])


def test_saved_tokens_mean_the_same(tokenizer, tmp_path):
    before = tokenizer.decode(tokenizer.encode(PHOTOS[2]), 128, 200).astype(float)
    save_tokens(initial_network(PHOTOS, SMOKE), tmp_path / "tokens.safetensors", {})
    again = Tokenizer(tmp_path / "tokens.safetensors")
    after = again.decode(again.encode(PHOTOS[2]), 128, 200)
    assert np.abs(before - after).mean() < 3
    (tmp_path / "tokens.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match=r"tokens\.safetensors"):
        load_network(tmp_path / "tokens.safetensors", TokenConfig, TokenNet)


def test_twelve_steps_repeat_and_go_on(tmp_path):
    def initial_training() -> TokenTraining:
        return TokenTraining(initial_network(PHOTOS, SMOKE), PHOTOS, SMOKE)

    whole = train(initial_training(), Run(steps=12), tmp_path / "whole")
    train(initial_training(), Run(steps=7), tmp_path / "part")
    rows = [row["fit"] for row in train(initial_training(), Run(steps=12), tmp_path / "again")]
    np.testing.assert_allclose(rows, [row["fit"] for row in whole], rtol=1e-4)
    assert whole[-1]["decode"] < whole[0]["decode"] + 0.5


def test_a_run_leaves_weights_and_a_log(tmp_path):
    last = run(PHOTOS, dataclasses.replace(SMOKE, steps=2), tmp_path)
    assert last["step"] == 1 and (tmp_path / "log.jsonl").is_file()
    assert load_network(tmp_path / "tokens.safetensors", TokenConfig, TokenNet).config == SMOKE.config
