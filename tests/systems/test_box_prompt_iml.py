"""BoxPromptIML: gates and memory by hand, the mixture at both ends, the loss, a seeded training."""

import numpy as np
import pytest
import torch

from underdrawing.content.manipulation_trunk.network import CHANNELS, ManipulationTrunk
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.judging.map_scorer import MAPS, PREFIX
from underdrawing.nets.graph import Graph
from underdrawing.nets.loading import load_network, save_network
from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.systems.box_prompt_iml.mgfm import GatedFusion, MemoryBank
from underdrawing.systems.box_prompt_iml.model import GRAPH
from underdrawing.systems.box_prompt_iml.network import BoxPromptIML, Config, DualGuidance
from underdrawing.systems.box_prompt_iml.teachers import teacher_masks
from underdrawing.systems.box_prompt_iml.training import RECIPES, Distillation, build
from underdrawing.train.localize import LocalizeBatch
from underdrawing.train.loop import Run, train

SMALL = Config(width=8, prototypes=5)
LOSSES = [0.6105, 0.6090, 0.5938, 0.5583]
"""Of the first steps of the smoke recipe."""


def maps(batch=2, side=64):
    """Random maps of the trunk for pictures of `side` px."""
    return [torch.randn(batch, c, side >> i + 2, side >> i + 2) for i, c in enumerate(CHANNELS)]


def run(network, inputs):
    side = 4 * inputs[0].shape[2]
    return network(torch.zeros(len(inputs[0]), 3, side, side), inputs)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def test_the_memory_is_read_by_hand():
    memory, q = MemoryBank(4, 3), torch.randn(1, 4, 2, 3)
    m, queries = memory.prototypes.detach().numpy(), q[0].numpy()
    weight, bias = memory.map.weight[0, :, 0, 0].detach().numpy(), memory.map.bias.item()
    expected = np.empty((1, 2, 3), np.float32)
    for row in range(2):
        for col in range(3):
            scores = m @ queries[:, row, col] / np.sqrt(4)
            weights = np.exp(scores) / np.exp(scores).sum()
            expected[0, row, col] = weights @ m @ weight + bias
    np.testing.assert_allclose(memory.recall(q)[0].detach().numpy(), expected, atol=1e-6)


def test_a_query_far_along_one_prototype_recalls_it():
    memory = MemoryBank(4, 4)
    memory.prototypes.data = torch.eye(4)
    recalled = memory.recall(1000 * torch.eye(4)[2].view(1, 4, 1, 1))
    torch.testing.assert_close(recalled, memory.map(torch.eye(4)[2].view(1, 4, 1, 1)))


def test_prototypes_are_trained_and_stored():
    assert MemoryBank(4, 3).state_dict()["prototypes"].shape == (3, 4)
    network = BoxPromptIML(SMALL)
    run(network, maps()).logits.sum().backward()
    assert network.memory.prototypes.grad.abs().max() > 0


def test_the_gates_by_hand():
    fusion, inputs = GatedFusion(CHANNELS, 8, gates=True).eval(), maps(1)
    total, gates = 0, []
    for scale, x in enumerate(inputs):
        f = torch.nn.functional.interpolate(
            fusion.projections[scale](x), size=(16, 16), mode="bilinear", align_corners=False
        ).detach()
        weight, bias = fusion.gates[scale].weight[0, :, 0, 0].detach(), fusion.gates[scale].bias.item()
        gates.append(sigmoid((f[0].numpy() * weight.numpy()[:, None, None]).sum(0) + bias))
        total = total + torch.from_numpy(gates[-1]) * f
    found = fusion(inputs)
    np.testing.assert_allclose(found.gate[0, 0].detach().numpy(), np.mean(gates, 0), atol=1e-6)
    torch.testing.assert_close(found.features, fusion.fusion(total), atol=1e-5, rtol=1e-4)


def test_a_closed_gate_removes_its_scale():
    fusion, inputs = GatedFusion(CHANNELS, 8, gates=True).eval(), maps(1)
    torch.nn.init.constant_(fusion.gates[1].bias, -1e4)
    others = [inputs[0], torch.randn_like(inputs[1]), *inputs[2:]]
    torch.testing.assert_close(fusion(inputs).features, fusion(others).features)


def test_without_gates_all_scales_count_alike():
    fusion, inputs = GatedFusion(CHANNELS, 8, gates=False).eval(), maps(1)
    total = sum(
        torch.nn.functional.interpolate(projection(x), size=(16, 16), mode="bilinear")
        for projection, x in zip(fusion.projections, inputs, strict=True)
    )
    found = fusion(inputs)
    assert (found.gate == 1).all()
    torch.testing.assert_close(found.features, fusion.fusion(total))


def test_without_memory_only_the_observed_counts():
    network = BoxPromptIML(Config(width=8, memory=False)).eval()
    found = run(network, maps())
    torch.testing.assert_close(found.logits, found.parts["base"] * found.parts["gate"])


@pytest.mark.parametrize("name", ["no-gates", "no-memory"])
def test_parts_that_are_left_out_are_not_trained_and_fit_the_graph(name):
    network, whole = BoxPromptIML(RECIPES[name].network), BoxPromptIML(RECIPES["lean"].network)
    fixed = {name for name, value in network.named_parameters() if not value.requires_grad}
    assert fixed and all(name.startswith(("fusion.gates.", "guidance.")) for name in fixed)
    assert [(n, v.shape) for n, v in network.state_dict().items()] == [
        (n, v.shape) for n, v in whole.state_dict().items()
    ]


@pytest.mark.parametrize(("a", "alpha"), [(-1e4, 0.0), (0.0, 0.5), (1e4, 1.0)])
def test_the_mixture_at_the_ends_of_alpha(a, alpha):
    guidance = DualGuidance()
    torch.nn.init.constant_(guidance.a, a)
    base, gate, memory = torch.randn(2, 1, 4, 4), torch.rand(2, 1, 4, 4), torch.randn(2, 1, 4, 4)
    torch.testing.assert_close(guidance(base, gate, memory), alpha * base * gate + (1 - alpha) * memory)


def test_where_the_gates_close_only_the_memory_counts():
    """And not at all what is observed: its evidence is 0 nats."""
    guidance, memory = DualGuidance(), torch.randn(1, 1, 4, 4)
    for base in (torch.full_like(memory, 50.0), torch.full_like(memory, -50.0)):
        torch.testing.assert_close(guidance(base, torch.zeros_like(memory), memory), memory / 2)


def test_the_refinement_starts_as_the_identity():
    network = BoxPromptIML(SMALL).eval()
    found = run(network, maps())
    base, gate, memory = (found.parts[name] for name in ("base", "gate", "memory"))
    torch.testing.assert_close(found.logits, network.guidance(base, gate, memory))


@pytest.mark.parametrize("config", [SMALL, Config(width=8, gates=False), Config(width=8, memory=False)])
def test_shapes_and_ranges(config):
    found = run(BoxPromptIML(config), maps(2, 96))
    assert found.logits.shape == found.reliability.shape == (2, 1, 24, 24)
    assert (found.reliability >= 0).all() and (found.reliability <= 1).all()


def test_parameters_of_the_released_network():
    """The paper's student has 5.5 million with its trunk."""
    assert sum(p.numel() for p in BoxPromptIML().parameters()) == 216_952


def test_the_paper_recipe_has_the_size_of_the_paper():
    """5.5 million parameters, its trunk among them."""
    recipe = RECIPES["paper"]
    with torch.device("meta"):
        parts = ManipulationTrunk(recipe.trunk), BoxPromptIML(recipe.network)
    assert sum(p.numel() for part in parts for p in part.parameters()) == 5_338_172


def test_the_graph_is_that_of_pytorch(tmp_path):
    """With any weights, on other sides than those of the export."""
    network = BoxPromptIML()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    weights = tmp_path / "weights.safetensors"
    save_network(network, weights, {}, prefix=PREFIX)
    network, inputs = load_network(weights, Config, BoxPromptIML, PREFIX), maps(1, 96)
    found = Graph(GRAPH, weights, PREFIX)(**{name: x.numpy() for name, x in zip(MAPS, inputs, strict=True)})
    expected = run(network, inputs)
    for own, torchs in zip(found, expected[:2], strict=True):
        np.testing.assert_allclose(own, torchs.detach().numpy(), atol=1e-4)


def batch(rng):
    """Noise, smoother within a square in the first half."""
    images = torch.from_numpy(rng.uniform(0, 255, (8, 3, 64, 64))).float()
    labels = torch.zeros(8, 1, 16, 16)
    images[:4, :, 16:48, 16:48] = torch.nn.functional.avg_pool2d(images[:4, :, 16:48, 16:48], 3, 1, 1)
    labels[:4, :, 4:12, 4:12] = 1
    manipulated = labels.amax((1, 2, 3))
    return LocalizeBatch(images, labels, labels, labels, manipulated, manipulated.long())


def test_the_loss_is_one_cross_entropy_of_cells_with_labels():
    given = batch(np.random.default_rng(1))
    given.labels[0, 0, :8] = -1
    logits = torch.randn(8, 1, 16, 16)
    p = sigmoid(logits.double().numpy())
    labels = given.labels.numpy()
    terms = -np.where(labels == 1, np.log(p), np.log(1 - p))[labels >= 0]
    found = Distillation()(LocalizerOutputs(logits, logits, {}), given, None, 0.0)
    assert list(found) == ["loss"]
    assert found["loss"].item() == pytest.approx(terms.mean(), rel=1e-5)


def test_the_student_gets_the_masks_of_the_teacher(manipulated_set):
    """Here they are full; the boxes and the true masks are not."""
    pictures = ManipulatedSet.read(manipulated_set, "train")
    drawn = build(pictures, RECIPES["smoke"], np.ones_like(pictures.masks)).batch(np.random.default_rng(1))
    assert (drawn.labels[0::2] == 1).all() and not drawn.labels[1::2].any()
    assert drawn.boxes.mean() < 0.5 and drawn.masks.mean() < 0.5


def test_masks_of_the_teacher_are_stored_beside_the_set(manipulated_set):
    pictures = ManipulatedSet.read(manipulated_set, "val")
    found = teacher_masks(pictures, manipulated_set, "val", "box")
    assert (manipulated_set / "val-teacher-box.npy").is_file()
    for entry, mask in zip(pictures.entries, found, strict=True):
        assert mask.sum() == sum(width * height for _, _, width, height in entry.boxes)


def test_the_log_of_a_seeded_training(manipulated_set, tmp_path):
    recipe, pictures = RECIPES["smoke"], ManipulatedSet.read(manipulated_set, "train")
    system = build(pictures, recipe, np.zeros_like(pictures.masks))
    system.batch = batch
    rows = train(system, Run(steps=4), tmp_path)
    assert [row["loss"] for row in rows] == pytest.approx(LOSSES, rel=0.02)
