"""Meso-4: published size, and contributions to the logit."""

import torch

from underdrawing.nets.meso4 import Config, Meso4


def test_the_published_size():
    assert sum(parameter.numel() for parameter in Meso4().parameters()) == 27_977  # sec. 2.1


def test_the_heat_map_is_gradient_times_activation():
    torch.manual_seed(1)
    network, features = Meso4(Config(side=64)).eval(), []
    network.body[-1].register_forward_hook(lambda module, inputs, output: features.append(output))
    outputs = network(255 * torch.rand(3, 3, 64, 64))
    (gradient,) = torch.autograd.grad(outputs.logit.sum(), features[0])
    assert outputs.heat.shape == (3, 2, 2) and outputs.embedding.shape == (3, 16)
    assert torch.allclose(outputs.heat, (gradient * features[0]).sum(1), atol=1e-6)
