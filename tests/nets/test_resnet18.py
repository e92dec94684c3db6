"""ResNet-18: the published sizes, and the place of an attention module."""

import math

import pytest
import torch
from torch import nn

from underdrawing.nets.resnet18 import Magnitudes, ResNet18, TrunkConfig, normalized


def test_the_published_trunk_has_its_parameters():
    trunk = ResNet18(TrunkConfig())
    assert sum(p.numel() for p in trunk.parameters()) == 11_176_512  # 11,689,512 of He et al. without the FC


@pytest.mark.parametrize("side", [64, 65, 128, 299])
@pytest.mark.parametrize("stem", ["published", "magnitudes"])
def test_sides_of_the_maps(side, stem):
    config = TrunkConfig(2, stem)
    maps = ResNet18(config).eval()(torch.zeros(1, 3, side, side))
    assert maps[-1].shape == (1, config.channels, config.map_side(side), config.map_side(side))


def test_the_maps_at_299_px_are_the_published_ones():
    assert TrunkConfig().map_side(299) == 10 and TrunkConfig().channels == 512


def test_magnitudes_by_hand():
    x = torch.tensor([[[[1.0, -1.0], [3.0, 0.0]]]])
    strength, mean = Magnitudes(2.0)(x).flatten()
    assert strength.item() == pytest.approx((2 * math.log(3) + math.log(7)) / 4 - 1)
    assert mean.item() == pytest.approx(3 / 4)


def test_attention_acts_before_the_shortcut():
    """With an attention that gives zeros, a block of equal shapes is the identity of its positive input."""

    class Zero(nn.Module):
        def forward(self, maps):
            return 0 * maps

    channels = []
    trunk = ResNet18(TrunkConfig(4), attention=lambda count: channels.append(count) or Zero()).eval()
    assert channels == [4, 4, 8, 8, 16, 16, 32, 32]
    x = torch.rand(2, 4, 9, 9)
    assert torch.equal(trunk.blocks[0](x), x)


def test_normalized_gray():
    assert normalized(torch.full((1, 3, 1, 1), 255 * 0.485))[0, 0].item() == pytest.approx(0, abs=1e-6)
    assert normalized(torch.full((1, 3, 1, 1), 255.0))[0, 2].item() == pytest.approx((1 - 0.406) / 0.225)
