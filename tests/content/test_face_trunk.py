"""The trunk from which detectors start."""

import torch

from underdrawing.content.face_trunk import network, training
from underdrawing.content.face_trunk.network import Config, FaceTrunk, start_from
from underdrawing.nets.lite_trunk import LiteTrunk
from underdrawing.nets.loading import save_network
from underdrawing.nets.resnet18 import ResNet18, TrunkConfig


def test_the_heat_map_sums_to_the_logit():
    trunk = FaceTrunk(Config(width=4)).eval()
    outputs = trunk(255 * torch.rand(2, 3, 64, 64))
    torch.testing.assert_close(outputs.heat.sum((1, 2)) + trunk.head.bias, outputs.logit)
    assert set(outputs.parts) == {"maps.0-1", "maps.0-2", "maps.1-1", "maps.1-2"}


def test_trunks_of_the_same_width_start_from_it(tmp_path):
    class Own(torch.nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.ones(channels, 1, 1))

        def forward(self, maps):
            return maps * self.factor

    trained = FaceTrunk(Config(width=4))
    weights = tmp_path / "trunk.safetensors"
    save_network(trained, weights, {}, prefix="network.")
    same, traces, other, attentive = (
        ResNet18(TrunkConfig(4)),
        ResNet18(TrunkConfig(4, "magnitudes", gain=255.0)),
        ResNet18(TrunkConfig(8)),
        ResNet18(TrunkConfig(4), inputs=12, attention=Own),
    )
    before = other.conv.weight.clone()
    start_from(same, traces, other, attentive, weights=weights)
    assert torch.equal(same.conv.weight, trained.picture.conv.weight.half().float())
    assert torch.equal(traces.blocks[3].conv1.weight, trained.traces.blocks[3].conv1.weight.half().float())
    assert torch.equal(other.conv.weight, before)
    assert torch.equal(attentive.blocks[3].conv1.weight, same.blocks[3].conv1.weight)
    assert attentive.conv.in_channels == 12 and attentive.blocks[0].attention.factor.mean() == 1


def test_a_training_without_some_kinds_starts_from_what_knows_none(monkeypatch, tmp_path):
    """The trained trunk has seen every kind of forgery."""
    started = []
    monkeypatch.setattr(network, "start_from_imagenet", lambda *trunks: started.extend(trunks))
    lite, resnet = LiteTrunk(TrunkConfig(lite=True)), ResNet18(TrunkConfig(4))
    before = resnet.conv.weight.clone()
    start_from(lite, resnet, without=("swap",), weights=tmp_path / "not read.safetensors")
    assert started == [lite] and torch.equal(resnet.conv.weight, before)


def test_a_training_of_some_steps(face_set, tmp_path):
    last = training.make(training.RECIPES["smoke"], face_set, tmp_path, minutes=None, resume=False)
    assert last["step"] == 19 and (tmp_path / "face-trunk.safetensors").is_file()
