"""Sc-IML: formulas by hand, the two errors of the released code, shapes and costs of the network."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from underdrawing.content.manipulation_trunk.network import CHANNELS
from underdrawing.judging.map_scorer import MAPS, PREFIX
from underdrawing.nets.graph import Graph
from underdrawing.nets.loading import load_network, save_network
from underdrawing.systems.sc_iml import consistency, losses, model
from underdrawing.systems.sc_iml.bank import PriorBank, coreset, place_features
from underdrawing.systems.sc_iml.consistency import View
from underdrawing.systems.sc_iml.gafm import ADF, CAM
from underdrawing.systems.sc_iml.network import EF, RELEASED, Config, ScIML
from underdrawing.systems.sc_iml.pfmm import PFMM, CoordinateAttention

PVT_V2_B2 = 24_849_856
"""Parameters without the classifier."""


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        yield


def trunk_maps(height: int = 64, width: int = 64, count: int = 2) -> list[torch.Tensor]:
    return [torch.randn(count, c, height >> i, width >> i).relu() for i, c in enumerate(CHANNELS, start=2)]


def test_cross_entropy_of_scribbles_averages_each_class_of_a_picture_by_itself():
    z = torch.tensor([[2.0, -1.0, 0.5, 3.0], [-4.0, -4.0, -4.0, 1.0]]).reshape(2, 1, 2, 2)
    labels = torch.tensor([[1.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0]]).reshape(2, 1, 2, 2)
    manipulated = math.log1p(math.exp(-2))
    strokes = (math.log1p(math.exp(-1)) + math.log1p(math.exp(0.5))) / 2
    authentic = (3 * math.log1p(math.exp(-4)) + math.log1p(math.exp(1))) / 4
    found = losses.scribble_cross_entropy(z, labels)
    assert found.item() == pytest.approx(manipulated + (strokes + authentic) / 2)
    alone = losses.scribble_cross_entropy(z[1:], labels[1:])  # no manipulated stroke
    assert alone.item() == pytest.approx(authentic)
    assert losses.scribble_cross_entropy(z, -torch.ones_like(z)) == 0


def test_lsc_is_the_sum_over_the_window_of_kernel_times_difference():
    rng = np.random.default_rng(1)
    p, colour = rng.random((2, 2, 9, 8)), rng.normal(size=(2, 3, 9, 8)) * 0.2
    sigmas, expected = (0.1, 0.3), np.zeros(2)
    places = [(y, x) for y in range(9) for x in range(8)]
    for b in range(2):
        for head, sigma in enumerate(sigmas):
            for y, x in places:
                for v, u in places:
                    if max(abs(y - v), abs(x - u)) <= 5:
                        far = ((y - v) ** 2 + (x - u) ** 2) / (2 * 6**2)
                        unlike = np.square(colour[b, :, y, x] - colour[b, :, v, u]).sum() / (2 * sigma**2)
                        kernel = math.exp(-far - unlike)
                        expected[head] += kernel * abs(p[b, head, y, x] - p[b, head, v, u])
    found = losses.local_coherence(torch.from_numpy(p), torch.from_numpy(colour), sigmas)
    assert found.numpy() == pytest.approx(expected / (2 * 72))


def test_the_sigma_of_the_released_code_shrinks_from_head_to_head():
    """Division in place, as released, leaves nothing of the kernels of the second and the third head."""
    feature, kernels = torch.tensor([0.0, 0.05]), []
    for _ in range(3):
        feature /= 0.1  # on the one tensor of all heads
        kernels.append(float(torch.exp(-0.5 * (feature[0] - feature[1]).square())))
    p = torch.tensor([[0.2, 0.7]]).expand(1, 3, 1, 2)
    colour = torch.tensor([[[[0.0, 0.05]]]]).expand(1, 3, 1, 2) / math.sqrt(3)
    near = math.exp(-1 / 72)
    released = losses.local_coherence(p, colour, (0.1, 0.01, 0.001))
    assert released.tolist() == pytest.approx([near * k * 0.5 for k in kernels], abs=1e-7)
    assert released[0] > 0.4 and released[1] < 1e-5 and released[2] == 0
    mended = losses.local_coherence(p, colour, (0.1, 0.1, 0.1))
    assert mended.tolist() == pytest.approx([released[0].item()] * 3)


def test_entropy_needs_two_classes():
    z = torch.tensor([-9.0, -1.2, 0.0, 2.5]).reshape(1, 1, 2, 2).requires_grad_()
    p = z.detach().sigmoid()
    expected = -(p * p.log() + (1 - p) * (1 - p).log())
    assert torch.allclose(losses.entropy(losses.two_classes(z)), expected, atol=1e-6)
    assert losses.entropy(losses.two_classes(z)).max().item() == pytest.approx(math.log(2))
    released = losses.entropy(z)  # softmax over one channel
    assert torch.equal(released, torch.zeros_like(z))
    labels = torch.tensor([-1.0, 1.0, 0.0, -1.0]).reshape(1, 1, 2, 2)
    loss = losses.confident_entropy(released, labels)
    loss.backward()
    assert loss == 0 and torch.equal(z.grad, torch.zeros_like(z))


def test_confident_entropy_by_hand():
    h = torch.tensor([0.1, 0.3, 0.6, 0.2, 0.69, 0.5]).reshape(1, 1, 2, 3)
    labels = torch.tensor([-1.0, -1.0, -1.0, 0.0, 1.0, -1.0]).reshape(1, 1, 2, 3)
    found = losses.confident_entropy(h, labels)  # .6 and .5 are not below .5 nat
    assert found.item() == pytest.approx((0.1 + 0.3) / 2 + 0.1 * (0.2 + 0.69) / 2)


def test_the_weight_of_cem_rises_from_its_start():
    assert losses.ramp(0.3, 25 / 70) == 0 and losses.ramp(1.0, 25 / 70) == 1
    assert losses.ramp((25 + 9) / 70, 25 / 70) == pytest.approx(math.exp(-5 * 0.8**2))


def test_structure_distance_by_hand():
    p, q = torch.rand(1, 1, 6, 7), torch.rand(1, 1, 6, 7)
    y, x = 3, 4
    a, b = (t[0, 0, y - 1 : y + 2, x - 1 : x + 2].double() for t in (p, q))
    covariance = (a * b).mean() - a.mean() * b.mean()
    top = (2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 9e-4)
    below = (a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var(correction=0) + b.var(correction=0) + 9e-4)
    inside = torch.zeros_like(p)
    inside[..., y, x] = 1
    expected = 0.85 * (1 - top / below) / 2 + 0.15 * abs(p[0, 0, y, x] - q[0, 0, y, x])
    assert losses.structure_distance(p, q, inside).item() == pytest.approx(expected.item(), abs=1e-5)
    assert losses.structure_distance(p, p, torch.ones_like(p)).item() == pytest.approx(0, abs=1e-6)


def test_views_are_flips_translations_and_crops():
    x = torch.rand(1, 1, 20, 20)
    assert torch.allclose(View((-1.0, 1.0), (0.0, 0.0))(x, 20), x.flip(-1), atol=1e-5)
    assert torch.allclose(View((1.0, -1.0), (0.0, 0.0))(x, 20), x.flip(-2), atol=1e-5)
    moved = View((1.0, 1.0), (0.3, -0.3))(x, 20)  # 15 % are 3 px
    assert torch.allclose(moved[..., 3:, :17], x[..., :17, 3:], atol=1e-5) and moved[..., :2, :].max() < 1e-5
    crop = View((0.7, 0.7), (-0.3, 0.3))(x, 14)  # the lower left corner
    assert torch.allclose(crop, x[..., 6:, :14], atol=1e-5)
    drawn = [View.draw(np.random.default_rng(seed)) for seed in range(40)]
    assert len({view.scale for view in drawn}) == 4
    assert all(abs(s) + abs(t) <= 1.3 + 1e-9 for v in drawn for s, t in zip(v.scale, v.shift, strict=True))


def test_consistency_is_zero_for_a_network_that_moves_with_the_picture():
    p = torch.rand(2, 1, 16, 16, requires_grad=True)
    view = View((1.0, 1.0), (0.3, 0.3))
    loss = consistency.consistency(p, view(p, 19).detach(), view, 64)
    assert loss.item() == pytest.approx(0, abs=1e-4)
    q = torch.rand(2, 1, 10, 10, requires_grad=True)
    loss = consistency.consistency(p, q, view, 64)
    one_way = consistency.consistency(p.detach(), q, view, 64)
    gradients = torch.autograd.grad(loss, [p, q])
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    assert torch.equal(torch.autograd.grad(one_way, q)[0], gradients[1])  # the two ways do not mix
    assert gradients[0][..., 0, 0].abs().max() == 0  # the view does not show this corner


def test_the_gate_of_pfmm_by_hand():
    pfmm = PFMM(8).eval()
    features, f, b = torch.rand(1, 8, 4, 4), torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4)
    q = f / (f + 0.8 * b + 1e-6)
    assert torch.allclose(pfmm.share(f, b, features), q, atol=1e-6)
    assert torch.allclose(
        pfmm.share(255 * f, 255 * b, features), q, atol=1e-5
    )  # grey values of 0..255 do as well
    conv, norm, _ = pfmm.gate
    gate = torch.sigmoid(norm(conv(q)))
    both = torch.cat([features, features + 0.1 * features * gate], 1)
    expected = pfmm.attention(pfmm.fusion(both))
    assert torch.allclose(pfmm(features, f, b), expected, atol=1e-6)
    coarse = pfmm.share(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), features)
    assert coarse.shape == (1, 1, 4, 4) and coarse.min() > 0.999


def test_coordinate_attention_is_a_row_times_a_column():
    attention, x = CoordinateAttention(24).eval(), torch.rand(2, 24, 6, 10)
    assert attention.hidden[0].weight.shape == (8, 24, 1, 1)
    factor = attention(x) / x
    assert factor.shape == x.shape and factor.min() > 0 and factor.max() < 1
    rank_one = factor[..., :1, :] * factor[..., :, :1] / factor[..., :1, :1]
    assert torch.allclose(factor, rank_one, atol=1e-5)
    assert factor.std(2).max() > 0 and factor.std(3).max() > 0
    turned = CoordinateAttention(24).eval()  # rows and columns share the first layer, not the second
    turned.load_state_dict(attention.state_dict())
    turned.rows, turned.columns = attention.columns, attention.rows
    assert torch.allclose(turned(x.transpose(2, 3)).transpose(2, 3), attention(x), atol=1e-6)


def test_the_balance_of_adf_is_one_number_a_picture():
    adf = ADF(6, bounded=False).eval()
    x = torch.randn(3, 6, 5, 7)
    f1 = adf.first(x)
    f2 = adf.second(f1 + x)
    g = adf.balance(f1, f2)
    assert g.shape == (3, 1, 1, 1) and g.min() > 0 and g.max() < 1
    o = x + g * f1 + (1 - g) * f2
    m, n = adf.positive(f1 * o + f1), adf.negative(f2 * (1 - o))
    assert torch.allclose(adf(x), adf.output(m + adf.difference(m - n)), atol=1e-6)


def test_bounded_gates_keep_large_features_finite():
    """Of a network of one fusion, by the growth of its output with its input."""
    growth = {}
    for bounded in (False, True):
        torch.manual_seed(4)
        cam = CAM(24, bounded).eval()
        x = torch.rand(1, 24, 8, 8)
        with torch.no_grad():
            growth[bounded] = float(cam(1e4 * x).max() / cam(1e2 * x).max())
    assert growth[True] < 1e3 < 1e6 < growth[False]


def test_ef_joins_four_branches():
    ef = EF(24, 16, 32).eval()
    assert ef(torch.randn(1, 24, 8, 8)).shape == (1, 32, 8, 8)
    assert [[tuple(layer[0].kernel_size) for layer in branch] for branch in ef.branches] == [
        [(1, k), (k, 1), (3, 3)] for k in (3, 5, 7)
    ]
    assert [branch[2][0].dilation for branch in ef.branches] == [(3, 3), (5, 5), (7, 7)]


def test_a_coreset_covers_the_outliers():
    x = torch.tensor([[0.0, 0], [0.1, 0], [0, 0.1], [5, 0], [5.1, 0], [0, -9]])
    assert coreset(x, 3).tolist() == [5, 4, 2]
    assert set(coreset(x, 6).tolist()) == set(range(6))


def test_place_features_are_means_of_neighbourhoods():
    maps = trunk_maps()
    x = place_features(maps)
    assert x.shape == (2, 48 + 96, 8, 8)
    assert torch.allclose(x[0, :48, 3, 3], maps[1][0, :, 2:5, 2:5].mean((1, 2)), atol=1e-6)
    assert torch.allclose(x[0, :48, 0, 0], maps[1][0, :, :2, :2].mean((1, 2)), atol=1e-6)


def test_priors_are_nearest_prototypes():
    """Places of the two classes differ by a shift; prior maps separate places that the banks do not hold."""
    bank, rng = PriorBank(CHANNELS, 16), np.random.default_rng(2)
    maps = trunk_maps(count=6)
    equal = bank(maps)
    assert torch.equal(*equal)  # before fill
    for level in (1, 2):
        maps[level][..., : maps[level].shape[3] // 2] += 1.5  # the left half is manipulated
    x = place_features(maps)
    left, right = x[:4, :, :, :3], x[:4, :, :, 5:]
    bank.fill(*(part.movedim(1, 3).reshape(-1, 144) for part in (left, right)), rng)
    manipulated, authentic = bank([level[4:] for level in maps])
    assert manipulated.shape == (2, 1, 8, 8)
    assert manipulated.min() > 0 and authentic.max() <= 1
    assert (manipulated[..., :3] > authentic[..., :3]).all() and (
        manipulated[..., 5:] < authentic[..., 5:]
    ).all()
    place = ((x[4:] - bank.mean) / bank.deviation)[1, :, 2, 6]
    nearest = (bank.authentic - place).square().sum(1).min()
    assert authentic[1, 0, 2, 6].item() == pytest.approx(
        math.exp(-nearest / (2 * bank.scale.item())), rel=1e-3
    )


@pytest.mark.parametrize("priors", [True, False])
def test_the_network_has_three_heads_at_a_quarter(priors):
    net = ScIML(Config(width=8, branch=8, priors=priors, prototypes=4))
    if priors:
        net.bank.fill(torch.randn(40, 144), torch.randn(40, 144) + 1, np.random.default_rng(3))
    outputs = net(torch.zeros(2, 3, 128, 96), trunk_maps(128, 96))
    assert outputs.logits.shape == outputs.reliability.shape == (2, 1, 32, 24)
    assert outputs.parts["logits"].shape == (2, 3, 32, 24)
    assert torch.equal(outputs.parts["logits"][:, :1], outputs.logits)
    assert outputs.reliability.min() >= 0 and outputs.reliability.max() <= 1
    outputs.parts["logits"].square().sum().backward()
    without = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert not without


def test_the_graph_is_the_network(tmp_path):
    """With other weights than those of a training; graphs without parameters fit any."""
    net, weights = ScIML(RELEASED), tmp_path / "sc_iml.safetensors"
    net.bank.fill(torch.rand(300, 144), torch.rand(300, 144) + 0.3, np.random.default_rng(1))
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        net.train()(torch.zeros(4, 3, 64, 64), trunk_maps(count=4))  # statistics of normalization
    save_network(net, weights, {}, prefix=PREFIX)
    net = load_network(weights, Config, ScIML, PREFIX)
    maps = trunk_maps(count=1)
    inputs = dict(zip(MAPS, (level.numpy() for level in maps), strict=True))
    found = Graph(model.WEIGHTS.with_suffix(".onnx"), weights, PREFIX)(**inputs)
    with torch.inference_mode():
        expected = net(torch.zeros(1, 3, 64, 64), maps)[:2]
    for mine, torch_own in zip(found, expected, strict=True):
        assert mine.shape == (1, 1, 16, 16) and mine.std() > 0.01
        assert np.abs(mine - torch_own.numpy()).max() < 1e-3


def test_sizes():
    released = ScIML(RELEASED)
    assert count(released) + sum(buffer.numel() for buffer in released.bank.buffers()) < 500_000
    published = ScIML(Config(channels=(64, 128, 320, 512)))  # on the maps of PVTv2-B2
    assert (count(published) + PVT_V2_B2) / 1e6 == pytest.approx(27.57, abs=0.005)


def count(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())
