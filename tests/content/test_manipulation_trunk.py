"""The trunk of the localizers, its stem, and the plain head."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data

from underdrawing.content.manipulation_trunk import training
from underdrawing.content.manipulation_trunk.model import WEIGHTS
from underdrawing.content.manipulation_trunk.network import CHANNELS, STRIDES, ManipulationTrunk
from underdrawing.content.manipulation_trunk.plain_head import PlainHead
from underdrawing.content.manipulation_trunk.stem import LUMA, ResidualStem
from underdrawing.nets.front_ends import SRM_KERNELS, SRM_TRUNCATION
from underdrawing.nets.localizer_outputs import certainty
from underdrawing.nets.weights import read_tensors

LOSSES = {
    "cells": [0.7057, 0.7407, 0.7556, 0.6769],
    "ranking": [0.3624, 0.3974, 0.3972, 0.3319],
}
"""Of the first steps of the smoke recipe."""


def picture(height=96, width=64):
    return torch.from_numpy(data.astronaut()[:height, :width].copy()).permute(2, 0, 1)[None].float()


def test_the_stem_has_the_residuals_of_every_pixel():
    rgb = picture()
    luma = (rgb * torch.tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    kernels = torch.stack([torch.tensor(kernel) / q for kernel, q in SRM_KERNELS])[:, None]
    residuals = F.conv2d(luma, kernels, padding=2)
    truncated, energies, colours = ResidualStem()(rgb).split([12, 3, 3], 1)
    expected = F.pixel_unshuffle(residuals.clamp(-SRM_TRUNCATION, SRM_TRUNCATION), 2)
    torch.testing.assert_close(truncated, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(energies, F.avg_pool2d(residuals.abs().log1p(), 2), atol=1e-3, rtol=0)
    torch.testing.assert_close(colours, F.avg_pool2d(rgb, 2) / 127.5 - 1)


def test_energies_are_larger_where_noise_was_added():
    rgb = picture(64, 64)
    noisy = rgb.clone()
    noisy[..., 32:] += 6 * torch.from_numpy(np.random.default_rng(1).standard_normal((64, 32), np.float32))
    before, after = (ResidualStem()(x)[:, 12:15].mean((0, 1, 2)) for x in (rgb, noisy))
    assert (after[18:] > before[18:] + 0.1).all() and torch.equal(after[:14], before[:14])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (96, 64)])
def test_maps_have_the_sides_of_their_strides(height, width):
    trunk = ManipulationTrunk().eval()
    images = picture(height, width)
    maps = trunk(images)
    assert [tuple(x.shape) for x in maps] == [
        (1, c, height // s, width // s) for c, s in zip(CHANNELS, STRIDES, strict=True)
    ]
    outputs = PlainHead().eval()(images, maps)
    assert outputs.logits.shape == outputs.reliability.shape == (1, 1, height // 4, width // 4)


def test_the_sizes_of_the_released_networks():
    assert sum(p.numel() for p in ManipulationTrunk().parameters()) <= 1_200_000
    assert sum(p.numel() for p in PlainHead().parameters()) <= 500_000


def test_the_context_is_of_each_picture_alone():
    trunk = ManipulationTrunk().eval()
    for stage in trunk.stages[2:]:
        torch.nn.init.normal_(stage[-1].conv.weight, std=0.1)
    one, other = picture(64, 64), picture(64, 64).flip(1)
    together = trunk(torch.cat([one, other]))
    for alone, both in zip(trunk(one), together, strict=True):
        torch.testing.assert_close(alone[0], both[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(together[3][0], together[3][1])


def test_certainty_is_the_complement_of_the_entropy_in_bits():
    p = torch.tensor([0.5, 0.9, 0.1, 1 - 1e-6])
    entropy = -(p * p.log2() + (1 - p) * (1 - p).log2())
    torch.testing.assert_close(certainty(p.logit()), 1 - entropy, atol=1e-4, rtol=0)
    assert certainty(torch.tensor([0.0, 90.0, -90.0])).tolist() == pytest.approx([0, 1, 1], abs=1e-6)


def test_the_log_of_a_seeded_training(manipulated_set, tmp_path):
    recipe = replace(training.RECIPES["smoke"], steps=4)
    training.make(recipe, manipulated_set, tmp_path, minutes=None, resume=False)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for name, losses in LOSSES.items():
        assert [row[name] for row in rows][:1] == pytest.approx(losses[:1], abs=2e-3)
        assert [row[name] for row in rows] == pytest.approx(losses, abs=0.03)


def test_training_goes_on_from_the_released_trunk_and_head(manipulated_set, tmp_path):
    recipe = replace(training.RECIPES["further"], steps=2, batch=4, side=64, learning_rate=0.0)
    training.make(recipe, manipulated_set, tmp_path, minutes=None, resume=False)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert set(rows[0]) == {"step", "progress", "cells", "dice", "ranking", "picture"}
    made = read_tensors(tmp_path / "manipulation-trunk.safetensors")
    for name, value in read_tensors(WEIGHTS).items():
        if name.startswith(("trunk.", "network.")) and ".running_" not in name:  # those are of the new set
            np.testing.assert_array_equal(made[name], value, err_msg=name)
