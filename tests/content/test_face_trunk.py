"""The trunk from which detectors start."""

from dataclasses import replace

import pytest
import torch

from underdrawing.content.face_trunk import starting, training
from underdrawing.content.face_trunk.network import Config, FaceTrunk
from underdrawing.content.face_trunk.starting import StartedRecipe, start_trunks
from underdrawing.core.errors import UsageError
from underdrawing.nets.lite_trunk import LiteTrunk
from underdrawing.nets.loading import save_network
from underdrawing.nets.resnet18 import ResNet18, TrunkConfig


def test_the_heat_map_sums_to_the_logit():
    trunk = FaceTrunk(Config(width=4)).eval()
    outputs = trunk(255 * torch.rand(2, 3, 64, 64))
    torch.testing.assert_close(outputs.heat.sum((1, 2)) + trunk.head.bias, outputs.logit)
    assert set(outputs.parts) == {"maps.0-1", "maps.0-2", "maps.1-1", "maps.1-2"}


@pytest.fixture
def trained(tmp_path):
    """A trunk of width 4 and its file, from a training without faces that were swapped."""
    trunk, path = FaceTrunk(Config(width=4)), tmp_path / "face-trunk.safetensors"
    save_network(trunk, path, {"recipe": '{"without": ["swap"]}'}, prefix="network.")
    return trunk, path


def test_trunks_of_the_same_width_start_from_it(trained):
    class Own(torch.nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.ones(channels, 1, 1))

        def forward(self, maps):
            return maps * self.factor

    trunk, path = trained
    same, traces, attentive = (
        ResNet18(TrunkConfig(4)),
        ResNet18(TrunkConfig(4, "magnitudes", gain=255.0)),
        ResNet18(TrunkConfig(4), inputs=12, attention=Own),
    )
    start_trunks(StartedRecipe(trunk=str(path)), same, traces, attentive)
    assert torch.equal(same.conv.weight, trunk.picture.conv.weight.half().float())
    assert torch.equal(traces.blocks[3].conv1.weight, trunk.traces.blocks[3].conv1.weight.half().float())
    assert torch.equal(attentive.blocks[3].conv1.weight, same.blocks[3].conv1.weight)
    assert attentive.conv.in_channels == 12 and attentive.blocks[0].attention.factor.mean() == 1


def test_a_trunk_that_does_not_fit_or_knows_what_is_left_out_is_refused(trained):
    recipe = StartedRecipe(trunk=str(trained[1]))
    with pytest.raises(UsageError, match="stages"):
        start_trunks(recipe, ResNet18(TrunkConfig(8)))
    with pytest.raises(UsageError, match="trained with blend"):
        start_trunks(replace(recipe, without=("blend", "swap")), ResNet18(TrunkConfig(4)))
    start_trunks(replace(recipe, without=("swap",)), ResNet18(TrunkConfig(4)))


def test_without_a_file_trunks_start_from_imagenet_or_stay(monkeypatch):
    started = []
    monkeypatch.setattr(starting, "start_from_imagenet", lambda *trunks: started.extend(trunks))
    lite, resnet = LiteTrunk(TrunkConfig(lite=True)), ResNet18(TrunkConfig(4))
    before = resnet.conv.weight.clone()
    start_trunks(StartedRecipe(imagenet=True), lite, resnet)
    assert started == [lite] and torch.equal(resnet.conv.weight, before)
    start_trunks(StartedRecipe(), lite)
    assert started == [lite]


def test_a_training_of_some_steps(face_set, tmp_path):
    last = training.make(training.RECIPES["smoke"], face_set, tmp_path, minutes=None, resume=False)
    assert last["step"] == 19 and (tmp_path / "face-trunk.safetensors").is_file()
