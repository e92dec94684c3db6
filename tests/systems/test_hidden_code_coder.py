"""Coded tokens: back exactly for any room, the same on any machine, an error and never other tokens."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.core.errors import CapacityError, CodeError
from underdrawing.systems.hidden_code.recovery import Recovery
from underdrawing.systems.hidden_code.recovery_net import RecoveryNet
from underdrawing.systems.hidden_code.token_coder import CHECK_BITS, STEP, TokenCoder, rounded
from underdrawing.systems.hidden_code.tokens import Tokenizer
from underdrawing.systems.hidden_code.training_recovery import RECIPES
from underdrawing.systems.hidden_code.training_recovery import initial_network as initial_recovery
from underdrawing.systems.hidden_code.training_tokens import RECIPES as TOKEN_RECIPES
from underdrawing.systems.hidden_code.training_tokens import initial_network as initial_tokens

PHOTOS = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(initial_tokens(PHOTOS, TOKEN_RECIPES["smoke"]))


@pytest.fixture(scope="module")
def net() -> RecoveryNet:
    """A transformer that has learned nothing, and is not too sure of it."""
    net = initial_recovery(RECIPES["smoke"]).eval()
    net.sharpness.data -= 1
    return net


@pytest.fixture
def coder(net, tokenizer) -> TokenCoder:
    return TokenCoder(net, tokenizer.net.quantizer)


def in_another_order(net: RecoveryNet) -> RecoveryNet:
    """The same function: hidden units, and the channels of every attention head, exchanged."""
    other, rng = deepcopy(net), np.random.default_rng(5)
    for layer in other.transformer.layers:
        first, last = layer.mlp[0], layer.mlp[2]
        order = torch.from_numpy(rng.permutation(len(first.weight)))
        first.weight.data, first.bias.data = first.weight[order], first.bias[order]
        last.weight.data = last.weight[:, order]
        width, heads = layer.attention.leave.weight.shape[0], layer.attention.heads
        inner = torch.from_numpy(rng.permutation(width // heads))
        order = (torch.arange(heads)[:, None] * (width // heads) + inner).flatten()
        threefold = torch.cat([order, order + width, order + 2 * width])
        enter, leave = layer.attention.enter, layer.attention.leave
        enter.weight.data, enter.bias.data = enter.weight[threefold], enter.bias[threefold]
        leave.weight.data = leave.weight[:, order]
    return other


@pytest.mark.parametrize("index", range(4))
def test_tokens_come_back_for_any_room(coder, tokenizer, index):
    photo = PHOTOS[index]
    height, width = photo.shape[:2]
    tokens = tokenizer.encode(photo)
    flat, before = np.concatenate([grid.ravel() for grid in tokens]), 0
    for room in (44, 57, 64, 100, 1000):
        bits = coder.encode(tokens, height, width, room)
        back = np.concatenate([grid.ravel() for grid in coder.decode(bits, height, width)])
        count = int((back >= 0).sum())
        np.testing.assert_array_equal(back[:count], flat[:count])
        assert (back[count:] < 0).all() and count >= before
        assert len(bits) == room if count < len(flat) else len(bits) < room
        before = count
    assert before == len(flat)


def test_the_coder_takes_the_bits_of_the_probabilities(coder, tokenizer):
    photo = PHOTOS[2]
    tokens = tokenizer.encode(photo)
    costs = coder.cost_bits(tokens, *photo.shape[:2])
    bits = coder.encode(tokens, *photo.shape[:2], 10_000)
    assert len(costs) == 3 and abs(len(bits) - CHECK_BITS - sum(costs)) < 2.5


def test_a_scale_is_sent_in_part(coder, tokenizer):
    height, width = PHOTOS[0].shape[:2]
    tokens = tokenizer.encode(PHOTOS[0])
    whole = len(coder.encode(tokens, height, width, 10_000))
    back = coder.decode(coder.encode(tokens, height, width, whole - 12), height, width)
    assert len(back) == 3 and (back[2] < 0).any() and (back[2] >= 0).any()
    assert all(np.array_equal(a, b) for a, b in zip(back[:2], tokens, strict=False))


def test_threads_and_order_of_summation_change_no_bit(net, coder, tokenizer):
    photo = PHOTOS[1]
    height, width = photo.shape[:2]
    tokens, other = tokenizer.encode(photo), TokenCoder(in_another_order(net), tokenizer.net.quantizer)
    bits, threads = coder.encode(tokens, height, width, 10_000), torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            np.testing.assert_array_equal(other.encode(tokens, height, width, 10_000), bits)
            back = other.decode(bits, height, width)
            assert all(np.array_equal(a, b) for a, b in zip(back, tokens, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_rounding_forgets_what_machines_differ_in():
    logits = np.round(np.random.default_rng(0).normal(0, 6, (50, 64)), 4) + STEP / 7
    noise = np.random.default_rng(1).uniform(-1e-12, 1e-12, logits.shape)
    table = rounded(logits)
    np.testing.assert_array_equal(table, rounded(logits + noise))
    np.testing.assert_array_equal(table, np.rint(table))
    exact = np.exp(logits - logits.max(-1, keepdims=True))
    exact /= exact.sum(-1, keepdims=True)
    ours = table / table.sum(-1, keepdims=True)
    loss = (exact * np.log2(exact / ours)).sum(-1)
    assert table.min() == 1 and loss.mean() < 0.003


@pytest.mark.parametrize("room", [64, 10_000])
def test_what_was_not_written_so_is_an_error(coder, tokenizer, room):
    height, width = PHOTOS[3].shape[:2]
    bits = coder.encode(tokenizer.encode(PHOTOS[3]), height, width, room)
    wrong = [bits[:-cut] for cut in (1, 2, 9, 30)] + [bits[:n] for n in (0, 1, CHECK_BITS, CHECK_BITS + 1)]
    wrong += [np.append(bits, np.uint8(1)), np.append(bits, np.zeros(40, np.uint8))]
    for place in range(0, len(bits), 3):
        wrong.append(bits ^ (np.arange(len(bits)) == place).astype(np.uint8))
    rng = np.random.default_rng(8)
    wrong += [rng.integers(0, 2, length, dtype=np.uint8) for length in (17, 40, 200, 5000)]
    wrong += [np.full(300, value, np.uint8) for value in (0, 1)]
    for received in wrong:
        with pytest.raises(CodeError, match="no coded tokens"):
            coder.decode(received, height, width)
    with pytest.raises(CodeError):
        coder.decode(bits, height, width // 2)


def test_other_probabilities_are_an_error(net, coder, tokenizer):
    height, width = PHOTOS[0].shape[:2]
    other = deepcopy(net)
    other.sharpness.data += 0.3
    bits = coder.encode(tokenizer.encode(PHOTOS[0]), height, width, 10_000)
    with pytest.raises(CodeError, match="no coded tokens"):
        TokenCoder(other, tokenizer.net.quantizer).decode(bits, height, width)


def test_too_little_room_and_other_grids_are_refused(coder, tokenizer):
    tokens = tokenizer.encode(PHOTOS[0])
    for room in (0, 1, CHECK_BITS):
        with pytest.raises(CapacityError, match="not one token"):
            coder.encode(tokens, 512, 512, room)
    with pytest.raises(CodeError, match="expected grids"):
        coder.encode(tokens[:2], 512, 512, 100)
    with pytest.raises(CodeError, match="expected grids"):
        coder.encode(tokens, 512, 256, 100)


def test_what_was_sent_in_part_is_shown(net, coder, tokenizer):
    photo = PHOTOS[0]
    height, width = photo.shape[:2]
    tokens, recovery = tokenizer.encode(photo), Recovery(tokenizer, net)
    whole = len(coder.encode(tokens, height, width, 10_000))
    part = coder.decode(coder.encode(tokens, height, width, whole - 12), height, width)
    everything = np.ones((height, width), bool)
    decoded = recovery(photo, everything, part)
    assert decoded.shape == photo.shape
    assert not np.array_equal(decoded, recovery(photo, everything, part[:2]))
