"""GRnet: the guided filter against its closed form, AFM's softmax and weights, the heat map, the losses."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from skimage import data
from torch.nn.functional import binary_cross_entropy_with_logits

from underdrawing.data.face_set import FaceEntry, FaceSet
from underdrawing.systems.grnet.afm import ChannelAttention, EqualWeighting, LossWeighting, TrainedWeighting
from underdrawing.systems.grnet.mte import ManipulationTraces
from underdrawing.systems.grnet.network import Config, GRNet
from underdrawing.systems.grnet.training import RECIPES, GRNetTraining
from underdrawing.train.classify import FaceBatch
from underdrawing.train.loop import Run, train

LOSSES = {
    "fused": [0.6839, 0.7568, 0.7403, 0.7685],
    "spatial": [0.5945, 0.5754, 0.5415, 0.5046],
    "residual": [0.6191, 0.6461, 0.6012, 0.5959],
}
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


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def guided_residual(p: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """|p - q| of one channel on [0, 1], window by window."""
    a, b, q = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    places = list(np.ndindex(*p.shape))

    def window(x, i, j):
        return x[max(i - radius, 0) : i + radius + 1, max(j - radius, 0) : j + radius + 1]

    for i, j in places:
        around = window(p, i, j)
        a[i, j] = around.var() / (around.var() + eps)
        b[i, j] = (1 - a[i, j]) * around.mean()
    for i, j in places:
        q[i, j] = window(a, i, j).mean() * p[i, j] + window(b, i, j).mean()
    return np.abs(p - q)


@pytest.mark.parametrize(("radius", "eps"), [(1, 0.01**2), (2, 0.05**2), (5, 0.1**2)])
def test_the_residual_is_that_of_the_closed_form(radius, eps):
    face = data.astronaut()[80:104, 210:241].astype(np.float64)
    found = ManipulationTraces(radius, eps)(torch.from_numpy(face).float().permute(2, 0, 1)[None])
    expected = np.stack([255 * guided_residual(face[..., c] / 255, radius, eps) for c in range(3)])
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-3)
    assert expected.max() > 1


def test_a_flat_picture_has_no_residual():
    assert ManipulationTraces(2, 1e-4)(torch.full((1, 3, 16, 16), 77.0)).abs().max() < 1e-4


def test_edges_stay_out_of_the_residual_and_noise_goes_into_it():
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 200
    noise = 4 * torch.randn(1, 1, 32, 32)
    mte = ManipulationTraces(2, 0.05**2)
    assert mte(step).max() < 6 and mte(100 + noise).mean() > 0.6 * noise.abs().mean()


def test_channel_attention_by_hand():
    maps = torch.randn(2, 5, 3, 4)
    f = maps[1].flatten(1).numpy()
    expected = softmax(f @ f.T, axis=1) @ f
    np.testing.assert_allclose(ChannelAttention(False)(maps)[1].flatten(1).numpy(), expected, atol=1e-5)
    residual = ChannelAttention(True)
    assert torch.equal(residual(maps), maps)
    torch.nn.init.constant_(residual.beta, 0.5)
    found = residual(maps)[1].flatten(1).detach().numpy()
    np.testing.assert_allclose(found, f + 0.5 * expected, atol=1e-5)


@pytest.mark.parametrize("sign", [-1, 1])
def test_weights_of_losses(sign):
    weighting, own = LossWeighting(sign, 0.9), torch.tensor([0.2, 0.7], requires_grad=True)
    alpha = weighting.of_losses(own)
    np.testing.assert_allclose(alpha.numpy(), softmax(sign * np.array([0.2, 0.7])), rtol=1e-6)
    assert not alpha.requires_grad and (alpha[0] > alpha[1]) == (sign < 0)
    torch.testing.assert_close(weighting.alpha, 0.9 * torch.tensor([0.5, 0.5]) + 0.1 * alpha)
    assert "running" in weighting.state_dict()


def test_trained_and_equal_weights_start_at_one_half():
    trained = TrainedWeighting()
    assert trained.of_losses(torch.tensor([0.0, 9.0])).tolist() == [0.5, 0.5]
    assert trained.alpha.requires_grad
    assert EqualWeighting().of_losses(torch.tensor([0.0, 9.0])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("alpha", ["smaller_loss", "larger_loss", "trained", "equal"])
def test_losses_are_those_of_the_fused_maps(alpha):
    """The logit of F, computed from F, equals that of the means."""
    network = GRNet(Config(side=64, width=4, alpha=alpha)).train()
    system = GRNetTraining(network, two_faces(), RECIPES["smoke"])
    maps, labels = [], torch.tensor([0.0, 1.0, 1.0])
    for module in network.attention:
        module.register_forward_hook(lambda module, inputs, output: maps.append(output))
    outputs = network(255 * torch.rand(3, 3, 64, 64))
    maps = maps[-2:]
    received = FaceBatch(torch.zeros(0), labels, labels.long(), torch.zeros(3, 1, 16, 16))
    terms = system.terms(outputs, received, np.random.default_rng(1))
    own = [
        binary_cross_entropy_with_logits(layer(x.mean((2, 3)))[:, 0], labels)
        for layer, x in zip(system.streams, maps, strict=True)
    ]
    sign = {"smaller_loss": -1, "larger_loss": 1}.get(alpha, 0)
    weights = torch.tensor(sign * np.array([x.item() for x in own])).softmax(0).float()
    fused = weights[0] * maps[0] + weights[1] * maps[1]
    logit = network.head(fused.mean((2, 3))).diff(dim=1)[:, 0]
    expected = binary_cross_entropy_with_logits(logit, labels)
    torch.testing.assert_close(terms["fused"], expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(terms["spatial"], own[0])
    torch.testing.assert_close(terms["residual"], own[1])
    trained = {id(p) for group in system.players["detector"] for p in group["params"]}
    assert trained == {id(p) for p in system.module.parameters()}


@pytest.mark.parametrize("config", [recipe.network for recipe in RECIPES.values() if recipe.side < 299])
def test_the_heat_map_is_gradient_times_activation_and_sums_to_the_logit(config):
    network = GRNet(config).eval()
    maps, alpha = [], network.weighting.alpha.detach()

    def keep(module, inputs, output):
        output.retain_grad()
        maps.append(output)

    for module in network.attention:
        module.register_forward_hook(keep)
    outputs = network(255 * torch.rand(2, 3, config.side, config.side))
    outputs.logit.sum().backward()
    expected = sum((x.grad * x).sum(1) for x in maps)
    torch.testing.assert_close(outputs.heat, expected.detach(), atol=1e-5, rtol=1e-4)
    bias = network.head.bias[1] - network.head.bias[0]
    torch.testing.assert_close(outputs.heat.sum((1, 2)) + bias, outputs.logit, atol=1e-4, rtol=1e-4)
    means = sum(weight * x.mean((2, 3)) for weight, x in zip(alpha, maps, strict=True))
    torch.testing.assert_close(outputs.embedding, means)


def test_the_log_of_a_seeded_training(tmp_path):
    recipe = RECIPES["smoke"]
    system = GRNetTraining(GRNet(recipe.network), two_faces(), recipe)
    system.batch = batch
    rows = train(system, Run(steps=4), tmp_path)
    for name, expected in LOSSES.items():
        assert [row[name] for row in rows] == pytest.approx(expected, rel=0.1)
    assert float(system.network.weighting.alpha.sum()) == pytest.approx(1)
    assert system.network.weighting.alpha[0] != 0.5
