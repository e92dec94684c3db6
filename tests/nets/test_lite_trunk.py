"""EfficientNet-Lite0 as a trunk of detectors, and its start."""

import pytest
import torch
from torch import nn

from underdrawing.nets import lite_trunk
from underdrawing.nets.efficientnet_lite import EfficientNetLite
from underdrawing.nets.lite_trunk import LiteTrunk, start_from_imagenet
from underdrawing.nets.resnet18 import TrunkConfig, normalized
from underdrawing.nets.trunks import build_trunk


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """Random parameters in the place of the trained ones."""
    network = EfficientNetLite().eval()
    torch.save(network.state_dict(), tmp_path / "lite0.pth")
    monkeypatch.setattr(lite_trunk, "package_weights", lambda *names: tmp_path / "lite0.pth")
    return network


@pytest.mark.parametrize("side", [64, 112, 128])
@pytest.mark.parametrize("stem", ["published", "magnitudes"])
def test_sides_of_the_maps(side, stem):
    config = TrunkConfig(stem=stem, lite=True)
    trunk = build_trunk(config, inputs=5).eval()
    maps = trunk(torch.zeros(1, 5, side, side))
    assert isinstance(trunk, LiteTrunk) and tuple(m.shape[1] for m in maps) == config.stages
    assert maps[-1].shape == (1, config.channels, config.map_side(side), config.map_side(side))


def test_the_start_has_the_maps_of_the_whole_network(imagenet):
    """Of the stages with all their bottlenecks; normalized takes the means out, and the stem is scaled."""
    trunk = build_trunk(TrunkConfig(lite=True)).eval()
    start_from_imagenet(trunk)
    faces = 255 * torch.rand(2, 3, 64, 64)
    first = trunk.bn0(trunk.conv_stem(normalized(faces)))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255
    wanted = imagenet.bn0(imagenet.conv_stem((faces - mean) / 128))
    torch.testing.assert_close(first, wanted, atol=1e-4, rtol=1e-4)
    x = torch.rand(2, 32, 32, 32)
    for stage, (start, end) in zip(trunk.stages[:4], [(0, 1), (1, 3), (3, 5), (5, 8)], strict=True):
        expected = imagenet.blocks[start:end](x)
        x = stage(x)
        torch.testing.assert_close(x, expected)


def test_attention_and_a_stem_for_traces_keep_their_parameters(imagenet):
    class Factor(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.factor = nn.Parameter(torch.full((channels, 1, 1), 0.5))

        def forward(self, maps):
            return self.factor * maps

    trunk = build_trunk(TrunkConfig(stem="magnitudes", lite=True), inputs=3, attention=Factor)
    stem = trunk.conv_stem.weight.clone()
    start_from_imagenet(trunk)
    assert torch.equal(trunk.conv_stem.weight, stem)
    assert torch.equal(trunk.stages[4][0].expand_conv.weight, imagenet.blocks[8].expand_conv.weight)
    assert trunk.stages[2][1].attention.factor.unique().item() == 0.5
    block, x = trunk.stages[2][1].eval(), torch.rand(1, 40, 8, 8)
    with_half = block(x)
    block.attention.factor.data.fill_(1.0)
    torch.testing.assert_close(block(x) - x, 2 * (with_half - x), atol=1e-5, rtol=1e-4)
