"""CMB-Net: ambiguity, interaction, coupling and losses by hand; what a text may and may not change."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from underdrawing.core.interfaces import TextLocalizer
from underdrawing.judging.map_scorer import Tile, Tiles
from underdrawing.systems.cmb_net import losses, words
from underdrawing.systems.cmb_net.ambiguity import MARGIN, Gaussian, matching, symmetric_divergence, weight
from underdrawing.systems.cmb_net.interaction import Interaction, positions
from underdrawing.systems.cmb_net.model import CMBNetLocalizer
from underdrawing.systems.cmb_net.network import CMBNet, Config
from underdrawing.systems.cmb_net.restoration import Coupling

SMALL = Config(width=16, dimensions=4)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def inputs(count=2, side=64):
    images = 255 * torch.rand(count, 3, side, side)
    maps = [
        torch.randn(count, c, side // s, side // s)
        for c, s in zip(SMALL.channels, (4, 8, 16, 32), strict=True)
    ]
    return images, maps


def texts(*sentences):
    codes, present = zip(*map(words.encode, sentences), strict=True)
    return torch.from_numpy(np.stack(codes)), torch.from_numpy(np.stack(present))


def gaussian(mean, variance):
    return Gaussian(torch.tensor([mean]), torch.tensor([variance]).log())


def test_the_ambiguity_by_hand():
    v, t = gaussian([0.0, 1.0], [1.0, 4.0]), gaussian([2.0, 1.0], [1.0, 1.0])
    # First: only the centres differ, KL = d^2 / 2 = 2 both ways.
    # Second: (4 - 1 - ln 4) / 2 and (1/4 - 1 + ln 4) / 2.
    expected = (2 + (3 - 0.75) / 4) / 2
    torch.testing.assert_close(symmetric_divergence(v, t), torch.tensor([expected]))
    torch.testing.assert_close(symmetric_divergence(t, v), symmetric_divergence(v, t))
    a = 1 / (1 + math.exp(-expected))
    found = weight(symmetric_divergence(v, t), torch.ones(1))
    torch.testing.assert_close(found, torch.tensor([2 * (1 - a)]))


def test_the_ambiguity_is_that_of_torch_distributions():
    means, variances = torch.randn(2, 3, 5), torch.rand(2, 3, 5) + 0.1
    v, t = (Gaussian(mean, variance.log()) for mean, variance in zip(means, variances, strict=True))
    p, q = (torch.distributions.Normal(mean, s.sqrt()) for mean, s in zip(means, variances, strict=True))
    kl = torch.distributions.kl_divergence
    torch.testing.assert_close(symmetric_divergence(v, t), ((kl(p, q) + kl(q, p)) / 2).mean(1))


def test_equal_gaussians_give_the_text_its_full_weight_and_no_text_has_none():
    same = gaussian([0.3], [2.0])
    divergence = symmetric_divergence(same, same)
    assert weight(divergence, torch.ones(1)).item() == 1
    assert weight(divergence, torch.zeros(1)).item() == 0


def test_matching_draws_right_texts_near_and_wrong_ones_to_the_margin():
    divergence, right = torch.tensor([0.5, 1.0, MARGIN + 1, 9.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    present = torch.tensor([1.0, 1.0, 1.0, 0.0])
    torch.testing.assert_close(matching(divergence, right, present), torch.tensor((0.5 + MARGIN - 1) / 3))
    assert matching(divergence, right, torch.zeros(4)) == 0


def test_the_correlation_by_hand():
    layer, maps, tokens = Interaction(8), torch.randn(1, 8, 2, 3), torch.randn(1, 4, 8)
    places = positions(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 2, 3)
    found = layer.correlation(maps, tokens, places)[0].detach().numpy()
    q, b, p, k = (x.detach().numpy() for x in (layer.query.weight[..., 0, 0], layer.query.bias,
                                               layer.place.weight[..., 0, 0], layer.key.weight))  # fmt: skip
    for place in range(6):
        row, col = divmod(place, 3)
        query = q @ maps[0, :, row, col].numpy() + b + p @ places[0, :, row, col].numpy()
        for word in range(4):
            expected = query @ (k @ tokens[0, word].numpy()) / math.sqrt(8)
            assert found[place, word] == pytest.approx(expected, abs=1e-5)


def test_the_interaction_by_hand():
    layer, maps, tokens = Interaction(8), torch.randn(1, 8, 2, 2), torch.randn(1, 3, 8)
    places, present = positions(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 2, 2), torch.tensor([[1.0, 1.0, 0.0]])
    c = layer.correlation(maps, tokens, places)[0]
    v, t = layer(maps, tokens, present, torch.tensor([0.25]), places)
    by_words = c[:, :2].softmax(1) @ layer.text(tokens[0, :2])
    torch.testing.assert_close(v[0].flatten(1).T, maps[0].flatten(1).T + 0.25 * by_words)
    by_places = c.softmax(0).T @ layer.picture(maps[0].flatten(1).T)
    torch.testing.assert_close(t[0, :2], tokens[0, :2] + by_places[:2])
    torch.testing.assert_close(t[0, 2], tokens[0, 2])


def test_places_of_a_part_are_those_of_the_whole():
    whole = positions(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 8, 8)
    part = positions(torch.tensor([[0.5, 0.25, 1.0, 0.75]]), 4, 4)
    torch.testing.assert_close(part, whole[:, :, 2:6, 4:])


@pytest.mark.parametrize("training", [True, False])
def test_the_coupling_has_an_exact_inverse(training):
    layers = [Coupling(16).train(training) for _ in range(3)]
    x = torch.randn(2, 16, 12, 9)
    y = x
    for layer in layers:
        y = layer(y)
    assert (y - x).abs().mean() > 0.05
    with torch.no_grad():
        for layer in reversed(layers):
            y = layer.inverse(y)
    assert (y - x).abs().max() < 1e-5


def test_the_coupling_by_hand():
    layer, x = Coupling(4).eval(), torch.randn(1, 4, 5, 5)
    y1 = x[:, :2] + layer.f(x[:, 2:])
    torch.testing.assert_close(layer(x), torch.cat([y1, x[:, 2:] + layer.g(y1)], 1))


def test_the_losses_by_hand():
    z = torch.tensor([0.0, 2.0, -1.0, 3.0]).view(1, 1, 2, 2)
    labels = torch.tensor([1.0, 0.0, 0.0, -1.0]).view(1, 1, 2, 2)
    p = [1 / (1 + math.exp(-value)) for value in (0.0, 2.0, -1.0)]
    bce = -(2.5 * math.log(p[0]) + 0.5 * math.log(1 - p[1]) + 0.5 * math.log(1 - p[2])) / 3
    assert losses.weighted_bce(z, labels).item() == pytest.approx(bce, rel=1e-5)
    dice = 1 - (2 * p[0] + 1) / (sum(value * value for value in p) + 1 + 1)
    assert losses.dice(z, labels).item() == pytest.approx(dice, rel=1e-5)


def test_dice_is_the_mean_of_the_images():
    z, labels = torch.randn(3, 1, 4, 4), (torch.rand(3, 1, 4, 4) > 0.5).float()
    alone = [losses.dice(z[i : i + 1], labels[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(losses.dice(z, labels), torch.stack(alone).mean())


def test_pixels_without_label_count_nowhere():
    labels = torch.full((1, 1, 4, 4), -1.0)
    labels[..., :2] = (torch.rand(1, 1, 4, 2) > 0.5).float()
    z = torch.randn(1, 1, 4, 4, requires_grad=True)
    (losses.weighted_bce(z, labels) + losses.dice(z, labels)).backward()
    assert (z.grad[..., :2] != 0).all() and (z.grad[..., 2:] == 0).all()
    assert losses.weighted_bce(z, torch.full_like(labels, -1)) == 0


def test_edges_are_where_both_classes_meet():
    labels = torch.zeros(1, 1, 6, 7)
    labels[..., 3:] = 1
    expected = torch.zeros(1, 1, 6, 7)
    expected[..., 2:4] = 1
    torch.testing.assert_close(losses.edges(labels), expected)
    labels[0, 0, 0, 0] = -1
    found = losses.edges(labels)
    assert (found[0, 0, :2, :2] == -1).all() and (found == -1).sum() == 4


def test_coarse_labels_are_those_of_the_majority():
    labels = torch.tensor([[1.0, 1, 0, 0, -1, -1], [-1, 0, 0, 1, -1, -1]]).view(1, 1, 2, 6)
    torch.testing.assert_close(losses.at_scale(labels, (1, 3)), torch.tensor([[[[1.0, 0.0, -1.0]]]]))


def test_the_sum_over_scales():
    labels = (F.interpolate(torch.rand(1, 1, 4, 4), scale_factor=4) > 0.5).float()
    parts = {
        f"{part}.{i}": torch.randn(1, 1, 16 >> i, 16 >> i) for part in ("mask", "edge") for i in range(3)
    }
    found = losses.deep_supervision(parts, labels)
    targets = [F.max_pool2d(labels, 2**i) if i else labels for i in range(3)]
    for term, part, target in (("bce", "mask", lambda x: x), ("edge", "edge", losses.edges)):
        expected = sum(losses.weighted_bce(parts[f"{part}.{i}"], target(targets[i])) / 2**i for i in range(3))
        torch.testing.assert_close(found[term], expected)


def test_without_a_text_nothing_of_it_reaches_the_outputs():
    network = CMBNet(SMALL).eval()
    images, maps = inputs()
    codes, present = texts("pasted object at the top left", "")
    with torch.no_grad():
        silent, spoken = network(images, maps), network(images, maps, codes, present)
        other = network(images, maps, codes, torch.zeros_like(present))
    torch.testing.assert_close(other.logits, silent.logits, rtol=0, atol=0)
    torch.testing.assert_close(spoken.logits[1], silent.logits[1])
    assert (spoken.logits[0] - silent.logits[0]).abs().max() > 1e-4
    assert spoken.parts["weight"][0] > 0 and spoken.parts["weight"][1] == 0


def test_the_text_has_an_effect_of_the_weight_of_itcam():
    network, (images, maps) = CMBNet(SMALL).eval(), inputs()
    codes, present = texts("pasted object", "smeared area")
    layer = network.interaction[0]
    calls = []
    layer.register_forward_hook(lambda module, given, found: calls.append((given, found)))
    with torch.no_grad():
        network.ambiguity.text.bias[:4] = 20.0  # centres far from each other
        outputs = network(images, maps, codes, present)
        ((given, found),) = calls
    assert outputs.parts["weight"].max() < 1e-6
    torch.testing.assert_close(found[0], given[0])


@pytest.mark.parametrize("changes", [{}, {"itcam": False}, {"red": False}, {"couplings": 2}])
def test_every_part_can_be_left_out(changes):
    config = replace(SMALL, **changes)
    network, (images, maps) = CMBNet(config), inputs()
    outputs = network(images, maps, *texts("top left", ""))
    assert outputs.logits.shape == outputs.reliability.shape == (2, 1, 16, 16)
    assert outputs.reliability.min() >= 0 and outputs.reliability.max() <= 1
    sum(losses.deep_supervision(outputs.parts, torch.ones(2, 1, 16, 16)).values()).backward()
    assert network.text.word.weight.grad.abs().sum() > 0


def test_without_itcam_every_text_has_weight_1():
    network, (images, maps) = CMBNet(replace(SMALL, itcam=False)), inputs()
    outputs = network(images, maps, *texts("pasted object at the top left", ""))
    assert outputs.parts["weight"].tolist() == [1, 0]
    assert not any(p.requires_grad for p in network.ambiguity.parameters())


def test_without_red_the_halves_are_apart():
    layer, x = Coupling(4, coupled=False).eval(), torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(layer(x), x + torch.cat([layer.f(x[:, :2]), layer.g(x[:, 2:])], 1))


def test_ablations_have_the_parameters_of_the_released_network():
    """So that its graph runs them."""
    shapes = [
        {name: tuple(tensor.shape) for name, tensor in CMBNet(replace(SMALL, **changes)).state_dict().items()}
        for changes in ({}, {"itcam": False}, {"red": False})
    ]
    assert shapes[0] == shapes[1] == shapes[2]


def test_words_without_function_words_and_repetitions():
    assert words.words_of("The sky, a SKY of the top-left: ÜBER_all") == ["sky", "top", "left", "über", "all"]
    codes, present = words.encode("sky left sky")
    assert present.sum() == 2 and set(np.unique(codes[:2])) == {-1, 1} and not codes[2:].any()
    assert np.array_equal(codes[1], words.encode("left")[0][0])
    assert words.encode(" ".join(map(str, range(500))))[1].all()


def test_codes_of_words_are_nearly_orthogonal():
    codes = words.encode(
        "pasted object lighting repeated pattern smeared area lettering logo top left bottom right"
    )[0]
    codes = codes[codes.any(1)] / math.sqrt(words.CODE)
    assert np.abs(codes @ codes.T - np.eye(len(codes))).max() < 0.5


def test_the_released_network_is_small():
    assert sum(p.numel() for p in CMBNet(Config()).parameters()) < 500_000


class Recorder:
    """In place of the scorer: the inputs of two tiles of a picture of 100 x 200 px."""

    def examine(self, image, inputs):
        tiles = Tiles(100, 200, (Tile(0, 0, np.zeros((64, 128, 3), np.uint8), ()),
                                 Tile(32, 96, np.zeros((96, 128, 3), np.uint8), ())))  # fmt: skip
        return [inputs(tiles, tile) for tile in tiles.tiles]


def test_every_tile_has_the_text_and_its_place_in_the_picture():
    localizer, image = CMBNetLocalizer(Recorder()), np.zeros((100, 200, 3), np.uint8)
    assert isinstance(localizer, TextLocalizer)
    first, second = localizer.examine_with_text(image, "at the top left")
    np.testing.assert_allclose(first["extent"], [[0, 0, 0.64, 0.64]])
    np.testing.assert_allclose(second["extent"], [[0.48, 0.32, 1.12, 1.28]])
    codes, present = words.encode("top left")
    for inputs in (first, second):
        assert np.array_equal(inputs["words"][0], codes) and np.array_equal(inputs["present"][0], present)
    assert not localizer.examine(image)[0]["present"].any()
