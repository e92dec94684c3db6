"""AMTENnet as published: sizes of layers and maps, colours, initial weights, contributions to the logit."""

import pytest
import torch

from underdrawing.systems.amtennet.network import AMTENnet, Config

SMALL = Config(trunk=(4, 6, 8, 10), hidden=12)


def faces(count=2, side=128):
    return 255 * torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def small(config=SMALL):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return AMTENnet(config).eval()


def test_the_published_size():
    network = AMTENnet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_023_050
    assert sum(p.numel() for p in network.fc1.parameters()) / 2_023_050 == pytest.approx(0.93, abs=0.005)


def test_sides_of_the_maps():
    """Caffe's pooling keeps the last, incomplete window: 62 -> 31 and 29 -> 14."""
    values, sides = torch.zeros(1, 12, 128, 128), []
    for layer in small().trunk:
        values = layer(values)
        sides.append(values.shape[-1])
    assert sides == [128, 64, 64, 64, 62, 31, 31, 31, 29, 14, 14, 14, 14, 7, 7]


@pytest.mark.parametrize("side", [96, 112, 128, 160])
def test_other_sides(side):
    network = small(Config(trunk=(4, 6, 8, 10), hidden=12, side=side))
    outputs = network(faces(side=side))
    assert outputs.logit.shape == (2,) and outputs.embedding.shape == (2, 12)
    assert outputs.heat.shape == (2, network.map_side, network.map_side)


def test_the_order_in_a_stage_is_conv_pool_relu_normalization():
    order = (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.ReLU, torch.nn.BatchNorm2d)
    trunk = small().trunk
    assert all(isinstance(layer, order[place % 4]) for place, layer in enumerate(trunk))
    assert len(trunk) == 15  # the last stage has no normalization


def test_amten_gets_blue_first_and_no_normalization():
    network, received = small(), []
    network.amten.register_forward_pre_hook(lambda module, inputs: received.append(inputs[0]))
    picture = faces()
    network(picture)
    assert torch.equal(received[0], picture[:, [2, 1, 0]])


def test_initial_weights_have_the_variance_of_caffe():
    network = AMTENnet()
    weight = network.fc1.weight.detach()
    assert float(weight.var() * 6272) == pytest.approx(1.0, abs=0.02)  # uniform, 1 / inputs
    assert float(weight.abs().max()) <= (3 / 6272) ** 0.5
    assert not any(layer.bias.any() for layer in network.modules() if isinstance(layer, torch.nn.Linear))


def test_the_prediction_of_amten_keeps_a_bias_of_zero():
    network = small()
    assert not network.amten.predict.bias.requires_grad and not network.amten.predict.bias.any()


def test_the_heat_map_is_gradient_times_activation():
    network, features = small(), []
    network.trunk[-1].register_forward_hook(lambda module, inputs, output: features.append(output))
    outputs = network(faces())
    (gradient,) = torch.autograd.grad(outputs.logit.sum(), features[0])
    assert torch.allclose(outputs.heat, (gradient * features[0]).sum(1), atol=1e-5)


def test_the_logit_is_the_sum_of_the_heat_map_and_a_constant():
    network = small().double()
    with torch.no_grad():
        network.fc3.bias[1] = 3.0
        outputs = network(faces(5).double())
    rest = outputs.logit - outputs.heat.sum(dim=(1, 2))
    assert outputs.logit.std() > 0.1 and float(rest[0]) == pytest.approx(3)
    assert torch.allclose(rest, rest[0].expand(5))


def test_the_logit_is_fake_minus_real():
    network = small()
    before = network(faces()).logit
    with torch.no_grad():
        network.fc3.bias += torch.tensor([0.0, 2.0])
    assert torch.allclose(network(faces()).logit, before + 2)
