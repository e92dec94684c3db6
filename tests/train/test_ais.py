"""AIS: the term against further embeddings, its attackers, and what it teaches a small network."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from underdrawing.core.errors import WeightsError
from underdrawing.nets.leaving import Leaving
from underdrawing.nets.loading import save_network
from underdrawing.train.ais import (
    PatternAttacker,
    PixelAttacker,
    Resilience,
    ResilienceTerm,
    add_resilience,
    frozen,
    random_bits,
    start_from,
)
from underdrawing.train.bits import PREFIX, BitsRecipe, BitsTraining, Head
from underdrawing.train.marked_faces import BitsBatch
from underdrawing.train.real_faces import Faces

SIDE, BITS, LEVELS = 32, 8, 4.0


class Code(nn.Module):
    """Spread spectrum with a gate: the less of a mark it finds in a face, the more it embeds."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(1)
        basis = np.linalg.qr(rng.standard_normal((3 * SIDE * SIDE, BITS)))[0].T * np.sqrt(3) * SIDE
        self.register_buffer("patterns", torch.from_numpy(basis.astype(np.float32)))
        self.gate = nn.Parameter(torch.zeros(()))
        self.heads = {"decoder": self.read}

    def read(self, images):
        return (images - 128).flatten(1) @ self.patterns.T / (3 * SIDE * SIDE)

    def encode(self, images, bits):
        found = self.read(images).abs().mean(1, keepdim=True) / LEVELS
        strength = LEVELS * (1 - torch.tanh(self.gate) * found.clamp(max=1))
        return images + ((strength * bits) @ self.patterns).view_as(images)


def batch(count=16, seed=2):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(128, 20, (count, 3, SIDE, SIDE)).round().astype(np.float32))
    return BitsBatch(images, random_bits(count, BITS, rng), np.zeros((count, 5, 2)), (None,) * count)


def training(network):
    """What the term uses of a training of bits."""
    return SimpleNamespace(
        network=network,
        recipe=SimpleNamespace(bits=BITS, heads=(Head(),)),
        marked=lambda faces: network.encode(faces.images, faces.bits),
        extra=None,
    )


def errors(network, count, seed=3):
    """Share of the first bits that are lost after `count` further embeddings by the same network."""
    faces, rng = batch(256, seed), np.random.default_rng(seed)
    with torch.no_grad():
        again = network.encode(faces.images, faces.bits)
        for _ in range(count):
            again = network.encode(again, random_bits(len(again), BITS, rng))
        return float(((network.read(again) > 0) != (faces.bits > 0)).float().mean())


def test_the_term_is_that_of_the_paper():
    network, faces = Code(), batch(4)
    term = ResilienceTerm(
        Resilience(weight=0.5, most=1, itself=0, faces=0.5), [lambda faces, rng: faces + 3.2]
    )
    (found,) = term(training(network), faces, faces.images + 1.4, np.random.default_rng(0)).values()
    received = np.rint(np.clip(np.rint(np.clip(faces.images.numpy()[:2] + 1.4, 0, 255)) + 3.2, 0, 255))
    logits = (received - 128).reshape(2, -1) @ network.patterns.numpy().T / (3 * SIDE * SIDE)
    expected = 0.5 * np.mean((np.tanh(logits / 2) - faces.bits.numpy()[:2]) ** 2)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_every_attacker_is_drawn_one_to_most_times_and_a_seed_repeats_it():
    counts, faces, network = [], batch(2), Code()

    def attack(number):
        return lambda images, rng: (counts.append(number), images)[1]

    term, draws = ResilienceTerm(Resilience(most=3, itself=0), [attack(0), attack(1)]), []
    for seed in range(30):
        before = len(counts)
        term(training(network), faces, faces.images, np.random.default_rng(seed))
        draws.append(len(counts) - before)
    assert set(draws) == {1, 2, 3} and set(counts) == {0, 1}
    own = add_resilience(training(network), Resilience(itself=1), [attack(2)]).extra
    first, again = (own(training(network), faces, faces.images, np.random.default_rng(7)) for _ in range(2))
    assert first == again and 2 not in counts


def test_the_gradient_reaches_the_first_embedding_and_no_parameter_of_the_second():
    network, faces = Code(), batch(4)
    marked = faces.images.clone().requires_grad_(True)
    with frozen(network):
        again = network.encode(marked, faces.bits)
    again.sum().backward()
    assert marked.grad.abs().sum() > 0 and network.gate.grad is None and network.gate.requires_grad
    marked.grad = None
    inverted = PixelAttacker(lambda face, rng: 255 - face)(marked, np.random.default_rng(0))
    assert torch.equal(inverted, 255 - faces.images.clamp(0, 255))
    inverted.sum().backward()
    assert torch.equal(marked.grad, torch.ones_like(marked))


@pytest.mark.parametrize("cell", [1, 4])
def test_foreign_patterns_have_the_quality_that_is_asked_for(cell):
    faces = batch(8).images
    change = PatternAttacker(38.0, (cell,))(faces, np.random.default_rng(0)) - faces
    assert 10 * torch.log10(255**2 / change.square().mean()) == pytest.approx(38.0, abs=0.01)
    assert torch.allclose(change[..., :cell, :cell], change[..., :1, :1], atol=1e-4)
    assert not torch.equal(change[0], change[1])


def test_two_embeddings_of_one_linear_code_collide_in_every_second_bit():
    assert errors(Code(), 0) == 0
    assert 0.2 < errors(Code(), 1) < 0.3  # equal bits add up, opposite ones cancel: a coin for each


def trained(leaves_marks):
    network, rng = Code(), np.random.default_rng(5)
    term = ResilienceTerm(Resilience(1.0, 3, leaves_marks, itself=1.0, faces=1.0))
    optimizer = torch.optim.Adam([network.gate], 0.1)
    for _ in range(25):
        faces = batch(16, int(rng.integers(1 << 30)))
        optimizer.zero_grad()
        marked = network.encode(faces.images, faces.bits)
        torch.stack([*term(training(network), faces, marked, rng).values()]).sum().backward()
        optimizer.step()
    return network


def test_training_keeps_the_first_mark_and_costs_no_quality():
    network, faces = trained(True), batch(64)
    assert errors(network, 1) < 0.02 and errors(network, 5) < 0.02
    change = (network.encode(faces.images, faces.bits) - faces.images).square().mean()
    assert change < 1.1 * LEVELS**2 * BITS


def test_the_gradient_of_the_first_embedding_alone_does_not_keep_it():
    assert errors(trained(False), 1) > 0.2


def test_fine_tuning_starts_from_a_baseline_where_there_is_one(tmp_path):
    trained, new = nn.Linear(3, 2), nn.Linear(3, 2)
    assert not start_from(new, tmp_path / "none.safetensors")
    save_network(trained, tmp_path / "w.safetensors", {}, prefix=PREFIX)
    assert start_from(new, tmp_path / "w.safetensors")
    assert torch.allclose(new.weight, trained.weight, atol=1e-3)
    with pytest.raises(WeightsError, match="do not fit"):
        start_from(nn.Linear(4, 2), tmp_path / "w.safetensors")


def test_the_term_stands_beside_those_of_a_training_of_bits(face_set):
    recipe = BitsRecipe(batch=2, side=SIDE, bits=BITS, worst_of=1)
    system = BitsTraining(Code(), Faces.read(face_set), recipe)
    add_resilience(system, Resilience(), [PatternAttacker()])
    rng = np.random.default_rng(0)
    system.begin(0, 0.0)
    ((player, terms),) = system.losses(system.batch(rng), rng)
    assert player == "codec" and set(terms) == {"picture", "decoder", "decoder_again"}
    torch.stack([*terms.values()]).sum().backward()
    assert system.network.gate.grad is not None


def test_a_recipe_trains_the_gates_alone(face_set):
    network = Code()
    network.leaving = Leaving()
    system = BitsTraining(network, Faces.read(face_set), BitsRecipe(batch=2, side=SIDE, bits=BITS))
    add_resilience(system, Resilience(gates_alone=True))
    assert [p for p in network.parameters() if p.requires_grad] == [network.leaving.threshold]
    (group,) = system.players["codec"]
    assert group == {"params": [network.leaving.threshold], "lr": Resilience().gate_rate}
