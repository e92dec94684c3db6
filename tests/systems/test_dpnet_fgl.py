"""DPNet and FGL: the formulas by hand, the heat map against autograd, batches and steps of the training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage import data
from torch.nn import functional

from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import MASK_SIDE, SIDE, FaceEntry, FaceSet
from underdrawing.nets.resnet18 import normalized
from underdrawing.ops.dct import analyse
from underdrawing.systems.dpnet_fgl import training
from underdrawing.systems.dpnet_fgl.adaptation import adapt
from underdrawing.systems.dpnet_fgl.frequency import FREQUENCIES, BlockMagnitudes, DynamicConv
from underdrawing.systems.dpnet_fgl.graph_convolution import TEMPERATURE, GraphConvolution
from underdrawing.systems.dpnet_fgl.guidance import Guidance, difference, direction, guided
from underdrawing.systems.dpnet_fgl.losses import supervised_contrast
from underdrawing.systems.dpnet_fgl.network import Config, DPNet
from underdrawing.systems.dpnet_fgl.recipes import RECIPES
from underdrawing.systems.dpnet_fgl.training import build
from underdrawing.train.loop import train
from underdrawing.train.run import start

LOG = [[2.7055, 4.9701], [2.8836, 7.8177]]
"""L_K and (1 + D) L_u of five steps."""
FACE = np.ascontiguousarray(data.astronaut()[64:192, 160:288])


def inputs(*pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()


def network(**changes) -> DPNet:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return DPNet(replace(Config(), **changes)).eval()


def test_magnitudes_are_those_of_the_block_dct():
    found = BlockMagnitudes()(inputs(FACE))[0]
    assert found.shape == (63, 32, 32)
    luma = FACE.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    moved = np.pad(luma, 2, mode="edge")
    for row, column in (
        (0, 0),
        (0, 4),
        (4, 0),
        (4, 4),
    ):  # every second block of the maps, by rows and columns
        part = moved[row : row + 120, column : column + 120]
        expected = np.log1p(np.abs(analyse(part, FREQUENCIES))).transpose(2, 0, 1)
        mine = found[:, row // 4 :: 2, column // 4 :: 2][:, :15, :15]
        assert np.abs(mine.numpy() - expected).max() < 2e-3


def test_a_dynamic_convolution_is_the_weighted_sum_of_its_kernels():
    layer = DynamicConv(8, 6, 2, 4)
    x = torch.randn(3, 8, 12, 10, generator=torch.Generator().manual_seed(1))
    weights = layer.weights(x)
    assert torch.allclose(weights.sum(1), torch.ones(3)) and weights.std(0).max() > 0
    each = [functional.conv2d(x, kernel, stride=2, padding=1) for kernel in layer.kernels.chunk(4)]
    expected = torch.einsum("bk,kbchw->bchw", weights, torch.stack(each))
    for mode in (True, False):  # one kernel for each picture, or all kernels for all
        assert torch.allclose(layer.train(mode)(x), expected, atol=1e-5)


def test_a_graph_convolution_of_four_nodes_by_hand():
    layer = GraphConvolution(2, neighbours=2)
    layer.weight.weight.data = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    x = torch.tensor([[[1.0, 0.0], [2.0, 0.2], [0.0, 1.0], [0.1, 3.0]]])
    after, adjacency, active = layer(x)
    cosine = 2 / np.hypot(2, 0.2), 3 / np.hypot(0.1, 3)
    expected = torch.zeros(4, 4)
    for (i, j), c in zip(((0, 1), (2, 3)), cosine, strict=True):
        best, second = np.exp(1 / TEMPERATURE), np.exp(c / TEMPERATURE)
        expected[i, i] = expected[j, j] = best / (best + second)
        expected[i, j] = expected[j, i] = second / (best + second)
    assert torch.allclose(adjacency[0], expected, atol=1e-5)
    first = expected @ x[0, :, 0]  # of the second channel, -A x is negative: the rectifier stops it
    assert torch.allclose(after[0, :, 0], x[0, :, 0] + first, atol=1e-5)
    assert torch.equal(after[0, :, 1], x[0, :, 1]) and active[0].tolist() == [[1.0, 0.0]] * 4


@pytest.mark.parametrize("changes", [{}, {"graph_layers": 0}, {"spatial": False}, {"frequency": False}])
def test_heat_is_gradient_times_activation_with_the_adjacency_held_fixed(changes):
    net = network(**changes)
    outputs = net(inputs(FACE, FACE[::-1]))
    assert outputs.embedding.shape == (2, 96) and outputs.heat.shape == (2, 8, 8)
    assert torch.allclose(outputs.heat.sum((1, 2)) + net.classifier.bias, outputs.logit, atol=1e-4)
    places = outputs.parts["maps.places"].detach().flatten(2).transpose(1, 2).requires_grad_()
    x = places
    for layer in net.graph:
        x = x + (layer.adjacency(x).detach() @ layer.weight(x)).relu()
    (gradient,) = torch.autograd.grad(net.classifier(x.mean(1)).sum(), places)
    assert torch.allclose((gradient * places).sum(2).reshape(2, 8, 8), outputs.heat, atol=1e-5)


def test_a_step_of_fgl_by_hand():
    """theta = (a, b); L_K = a^2 / 2 + b, L_u = a b: theta' = (a - r a, b - r)."""
    a, b, rate = 3.0, 5.0, 0.1
    mu_known, mu_unknown = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    a1, b1 = a - rate * a, b - rate
    expected = {  # D = 1: the weight of L_u is 2; the second order passes the gradient through theta'
        False: (a + 2 * b1, 1 + 2 * a1),
        True: (a + 2 * b1 * (1 - rate), 1 + 2 * a1),
    }
    for second, gradient in expected.items():
        theta = {name: torch.tensor(value, requires_grad=True) for name, value in (("a", a), ("b", b))}
        terms = guided(
            theta,
            lambda p: (p["a"] ** 2 / 2 + p["b"], mu_known),
            lambda p: (p["a"] * p["b"], mu_unknown),
            Guidance(rate, second),
        )
        assert terms["known"].item() == pytest.approx(a**2 / 2 + b)
        assert terms["unknown"].item() == pytest.approx(2 * a1 * b1)
        sum(terms.values()).backward()
        assert [theta[name].grad.item() for name in "ab"] == pytest.approx(gradient)


def test_the_difference_of_two_kinds():
    embedding = torch.tensor([[1.0, 1.0], [3.0, 1.0], [1.0, 4.0], [1.0, 2.0]])
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0])
    mu = direction(embedding, labels)
    assert mu.tolist() == [1.0, 1.0]
    assert float(difference(mu, mu)) == pytest.approx(0, abs=1e-6) and float(
        difference(mu, -mu)
    ) == pytest.approx(2)


def test_contrast_by_hand():
    """Two classes of two: the positive of each anchor is the same vector, the others are orthogonal."""
    z = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    labels = torch.tensor([1.0, 1.0, 0.0, 0.0])
    expected = -np.log(np.exp(10) / (np.exp(10) + 2))
    assert float(supervised_contrast(z, labels)) == pytest.approx(expected, abs=1e-5)
    assert float(supervised_contrast(z[:3], labels[:3])) < 1e-3  # the third has no other of its class


def test_adapted_statistics_lie_between_those_of_training_and_of_the_received_faces():
    net, faces = network(), inputs(FACE, FACE[::-1], FACE[:, ::-1], FACE // 2)
    before = net(faces).logit
    adapted = adapt(net, faces, prior=12)  # 4 of 16
    stem = net.spatial.trunk.conv(normalized(faces))
    expected = 0.75 * net.spatial.trunk.bn.running_mean + 0.25 * stem.mean((0, 2, 3))
    assert torch.allclose(adapted.spatial.trunk.bn.running_mean, expected, atol=1e-5)
    assert torch.equal(net(faces).logit, before)  # the network itself stays as it is
    assert not torch.allclose(adapted(faces).logit, before, atol=1e-3)


def small_set(kinds=("swap", "blend", "attribute")) -> FaceSet:
    """Faces of one photograph; forged ones are darker in the middle."""
    rng = np.random.default_rng(2)
    entries, pictures, masks = [], [], []
    for number in range(6):
        top, left = rng.integers(0, 60, 2)
        face = np.ascontiguousarray(data.astronaut()[top : top + SIDE, 100 + left : 100 + left + SIDE])
        for kind in ("real", *kinds):
            forged, mask = face.copy(), np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
            if kind != "real":
                forged[80:180, 80:180] //= 2
                mask[20:45, 20:45] = 255
            name = f"{number}-{kind}"
            entries.append(FaceEntry(name, kind, "train", str(number), "one", [], original=f"{number}-real"))
            pictures.append(forged)
            masks.append(mask)
    return FaceSet(tuple(entries), np.stack(pictures), np.stack(masks))


def test_a_batch_holds_one_kind_out():
    system = build(small_set(), RECIPES["smoke"])
    held = set()
    for seed in range(12):
        batch = system.batch(np.random.default_rng(seed))
        known, unknown = batch.kinds[:8], batch.kinds[8:]
        assert batch.faces.shape == (12, 3, 32, 32) and batch.labels.tolist() == [1.0, 0.0] * 6
        (kind,) = set(unknown[::2].tolist())
        assert kind not in known.tolist()
        held.add(kind)
    assert held == {1, 2, 3}


@pytest.mark.parametrize("recipe", ["smoke", "ablation-no-fgl"])
def test_a_step_reaches_every_parameter(recipe):
    small = replace(RECIPES["smoke"], guidance=RECIPES[recipe].guidance)
    with torch.random.fork_rng():
        torch.manual_seed(1)  # a ReLU of so small a network may be 0 for all faces
        system = build(small_set(), small)
    rng = np.random.default_rng(1)
    ((player, terms),) = system.losses(system.batch(rng), rng)
    sum(terms.values()).backward()
    assert player == "detector" and set(system.module) == {"network", "heads"}
    for name, value in system.module.named_parameters():
        assert value.grad is not None and value.grad.abs().max() > 0, name


def test_a_seeded_training_has_the_same_log(tmp_path):
    recipe = RECIPES["smoke"]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        system = build(small_set(), recipe)
    rows = train(system, replace(recipe.run_length(), steps=len(LOG)), tmp_path)
    found = [[row["known"], row["unknown"]] for row in rows]
    assert np.allclose(found[0], LOG[0], rtol=0.02), found
    assert np.allclose(found, LOG, rtol=0.2), found  # steps amplify the rounding of other processors


def test_kinds_left_out_reach_the_training(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(training, "make", lambda recipe, *_, **__: made.append(recipe) or {})
    start(training.__name__, tmp_path, tmp_path, None, False, "smoke", {"without": ("swap",)})
    assert made == [replace(RECIPES["smoke"], without=("swap",))]


def test_fgl_needs_two_kinds():
    with pytest.raises(UsageError, match="only"):
        build(small_set(("swap",)), RECIPES["smoke"])
