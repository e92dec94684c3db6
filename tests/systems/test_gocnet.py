"""GocNet: MTA's gates by hand, the sum of the trunks, the head's heat map against autograd."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from underdrawing.data.face_set import FaceEntry, FaceSet
from underdrawing.nets.front_ends import TP_KERNEL
from underdrawing.systems.gocnet.mta import GatedMTA, MTAGates
from underdrawing.systems.gocnet.network import Config, GocNet
from underdrawing.systems.gocnet.training import RECIPES, GocNetTraining
from underdrawing.train.classify import FaceBatch
from underdrawing.train.loop import Run, train

SMALL = Config(side=64, width=4)
LOSSES = [0.7013, 0.7907, 0.693, 0.6272]
"""Of the first steps of the smoke recipe."""


def entry(kind):
    return FaceEntry(f"{kind}.png", kind, "train", "a", "photo", [])


def two_faces():
    return FaceSet(
        (entry("real"), entry("swap")), np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.uint8)
    )


def batch(rng):
    """Noise; the forged ones are smoother."""
    faces = torch.from_numpy(rng.uniform(0, 255, (8, 3, 64, 64))).float()
    labels = torch.arange(8) % 2
    faces[1::2] = torch.nn.functional.avg_pool2d(faces[1::2], 3, 1, 1)
    return FaceBatch(faces, labels.float(), labels, labels.view(-1, 1, 1, 1) * torch.ones(8, 1, 16, 16))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def test_the_gates_by_hand():
    gates, maps = MTAGates(32), torch.randn(1, 32, 5, 6)
    torch.nn.init.constant_(gates.gamma, 0.3)
    f, w1, w2, b = maps[0].numpy(), *(x.detach().numpy() for x in (gates.squeeze.weight, gates.expand.weight,
                                                                  gates.bias))  # fmt: skip
    assert w1.shape == (2, 32)
    s = sum(w2 @ np.maximum(w1 @ pooled, 0) for pooled in (f.mean((1, 2)), f.max((1, 2))))
    # The authors' layer: K from every channel to every channel.
    t = sum(correlate2d(channel, np.array(TP_KERNEL), mode="same") for channel in f) + b
    expected = sigmoid(s)[:, None, None] + sigmoid(0.3 * t)
    np.testing.assert_allclose(gates(maps).detach()[0].numpy(), expected, atol=1e-5)


def test_at_first_the_gradients_have_no_effect():
    gates = MTAGates(16)
    constant = gates(torch.randn(2, 16, 8, 8)).detach()
    assert constant.std((2, 3)).max() < 1e-6 and (constant > 0.5).all() and (constant < 1.5).all()


def test_published_gates_replace_the_maps_and_gated_ones_multiply_them():
    torch.manual_seed(2)
    replacing = MTAGates(16)
    torch.manual_seed(2)
    gated, maps = GatedMTA(16), torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(gated(maps), maps * replacing(maps))


def test_the_bias_of_the_trace_gate_is_stored_and_not_trained():
    gates = MTAGates(16)
    assert "bias" in gates.state_dict() and "bias" not in dict(gates.named_parameters())


def test_the_published_network_has_22_46_million_parameters():
    with torch.device("meta"):
        count = sum(p.numel() for p in GocNet().parameters())
    assert count == 2 * 11_176_512 + 87_040 + 8 + 16_386


def test_two_networks_share_nothing():
    """The authors' code has one trunk for all of its networks."""
    first, second = GocNet(SMALL), GocNet(SMALL)
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}


@pytest.mark.parametrize("config", [recipe.network for recipe in RECIPES.values() if recipe.side < 299])
def test_the_heat_map_is_gradient_times_activation_and_sums_to_the_logit(config):
    network = GocNet(config).eval()
    maps = []

    def keep(module, inputs, output):
        maps.append(output[-1])
        output[-1].retain_grad()

    for trunk in (network.trunk, network.mta_trunk):
        if trunk is not None:
            trunk.register_forward_hook(keep)
    outputs = network(255 * torch.rand(2, 3, config.side, config.side))
    outputs.logit.sum().backward()
    expected = sum((x.grad * x).sum(1) for x in maps)
    torch.testing.assert_close(outputs.heat, expected.detach(), atol=1e-5, rtol=1e-4)
    bias = network.head.bias[1] - network.head.bias[0]
    torch.testing.assert_close(outputs.heat.sum((1, 2)) + bias, outputs.logit, atol=1e-4, rtol=1e-4)
    assert outputs.embedding.shape == (2, network.trunk.config.channels)


def test_the_trunks_are_added():
    both = GocNet(SMALL).eval()
    one = GocNet(Config(side=64, width=4, one_trunk=True)).eval()
    one.load_state_dict({name: value for name, value in both.state_dict().items() if "mta" not in name})
    torch.nn.init.zeros_(both.mta_trunk.blocks[-1].bn2.weight)
    faces, added = 255 * torch.rand(1, 3, 64, 64), []
    both.mta_trunk.register_forward_hook(lambda module, inputs, output: added.append(output[-1]))
    difference = both(faces).embedding - one(faces).embedding
    torch.testing.assert_close(difference, added[0].mean((2, 3)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("side", "window"), [(299, 7), (128, 1)])
def test_the_head_reads_4x4_positions(side, window):
    assert GocNet(Config(side=side, width=2)).window == window


@pytest.mark.parametrize("front_end", ["tp", "rgb", "srm", "bayar"])
def test_magnitudes_count_in_levels(front_end):
    network = GocNet(Config(side=64, width=4, front_end=front_end, stem="magnitudes"))
    assert network.trunk.magnitudes.gain == network.front_end.levels
    assert network(255 * torch.rand(1, 3, 64, 64)).logit.shape == (1,)


def test_the_log_of_a_seeded_training(tmp_path):
    recipe = RECIPES["smoke"]
    system = GocNetTraining(GocNet(recipe.network), two_faces(), recipe)
    system.batch = batch
    rows = train(system, Run(steps=4), tmp_path)
    assert [row["loss"] for row in rows] == pytest.approx(LOSSES, rel=0.1)
