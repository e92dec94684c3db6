"""Trainings of WaveGuard: losses and schedule as published, the switch of the fragility term, seeded logs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.carriers.turned import turned, turned_back
from underdrawing.systems.waveguard import model, training
from underdrawing.systems.waveguard.network import RELEASED, Config, WaveGuard, to_u
from underdrawing.systems.waveguard.plain import PlainDetector, PlainTracer, PlainWriter
from underdrawing.train.loop import Run, train
from underdrawing.train.marked_faces import to_tensor, to_u8
from underdrawing.train.real_faces import Faces

SMOKE = training.RECIPES["smoke"]
LOSSES = [0.3853, 1.1991, 2.2440]
SMALL = replace(SMOKE.network, plain=False, levels=2, message_side=30)


@pytest.fixture(scope="module")
def faces(face_set):
    return Faces.read(face_set)


def published(faces, recipe):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return training.PublishedTraining(WaveGuard(recipe.network), faces, recipe)


def test_the_published_losses(faces):
    """15 MSE(U) + MSE(tracer) + 3 MSE(detector) + 0.01 SC-GNN, and no fragility."""
    recipe = training.PaperRecipe(network=SMALL, batch=2)
    system = published(faces, recipe)
    batch = system.batch(np.random.default_rng(1))
    ((player, terms),) = system.losses(batch, np.random.default_rng(2))
    assert player == "codec" and set(terms) == {"picture", "consistency", "tracer", "detector"}
    error = (to_u(system.marked(batch)) - to_u(batch.images)).square().mean()
    assert float(terms["picture"]) == pytest.approx(15 * float(error), rel=1e-4)
    assert 0.5 < float(terms["tracer"]) < 5 and float(terms["detector"]) < 15


def test_the_fragility_term_is_switched_by_the_recipe(faces):
    fragile = training.PaperRecipe(network=SMALL, batch=2, heads=training.RECIPES["paper-fragile"].heads)
    fragile = replace(fragile, deepfakes=training.ALWAYS)
    system = published(faces, fragile)
    system.progress = 1.0
    batch = system.batch(np.random.default_rng(1))
    ((_, terms),) = system.losses(batch, np.random.default_rng(2))
    assert "detector_fragility" in terms and "tracer_fragility" not in terms
    assert [head.fragility for head in training.RECIPES["paper"].heads] == [0, 0]


def test_the_published_optimizer_and_schedule(faces):
    recipe = training.RECIPES["paper"]
    assert (recipe.batch, recipe.epochs, recipe.network) == (32, 8, Config())
    system = published(faces, replace(recipe, network=SMALL))
    optimizer = system.optimizer(system.players["codec"])
    assert isinstance(optimizer, torch.optim.Adam)
    assert (optimizer.defaults["weight_decay"], optimizer.param_groups[0]["lr"]) == (1e-5, 5e-4)
    rates = [5e-4 * system.rate(0, (epoch - 1) / 8) for epoch in (1, 2, 3, 4, 5, 6, 7, 8)]
    assert rates == pytest.approx([5e-4, 5e-4, 5e-5, 5e-5, 1e-5, 1e-5, 1e-6, 1e-6])


def test_the_plain_code_learns_at_a_rate_of_its_own(faces):
    system = training.LeanTraining(WaveGuard(SMOKE.network), faces, SMOKE)
    others, plain = system.players["codec"]
    assert plain["lr"] == pytest.approx(0.2 * others["lr"])
    own = [
        part for kind in (PlainTracer, PlainDetector, PlainWriter) for part in kind(128, 3, 30).parameters()
        if part.requires_grad
    ]  # fmt: skip
    assert len(plain["params"]) == len(own) and len(others["params"]) > 20


def test_the_log_of_a_seeded_training(faces, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        system = training.LeanTraining(WaveGuard(SMOKE.network), faces, SMOKE)
    rows = train(system, Run(steps=3), tmp_path)
    totals = [sum(row[name] for name in ("picture", "consistency", "tracer", "detector")) for row in rows]
    assert totals == pytest.approx(LOSSES, rel=0.1)


def test_the_recipe_against_further_embeddings_adds_a_term_for_each_head(faces):
    """Without released weights it starts from the plain code."""
    recipe = replace(training.RECIPES["ais"], network=SMOKE.network, batch=2)
    system = training.resilient(WaveGuard(SMOKE.network), faces, recipe)
    rng = np.random.default_rng(1)
    system.begin(0, 0.0)
    ((_, terms),) = system.losses(system.batch(rng), rng)
    assert {"tracer_again", "detector_again", "consistency", "picture"} <= set(terms)
    assert 0 < terms["tracer_again"].item() <= 0.5 * 4


def wrong_bits(turns):
    """Share of the first bits that the tracer reads wrongly after a second mark; turns of the two marks."""
    face, rng, wrong = np.ascontiguousarray(data.astronaut()[40:168, 160:288]), np.random.default_rng(1), []
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        network = WaveGuard(RELEASED).eval()
        for _ in range(3):
            marked, messages = face, rng.choice(np.float32([-1, 1]), (2, 30))
            for turn, message in zip(turns, messages, strict=True):
                made = network.encode(to_tensor(turned(marked, turn)[None]), torch.from_numpy(message[None]))
                marked = turned_back(to_u8(made)[0], turn)
            read = network.heads["tracer"](to_tensor(turned(marked, turns[0])[None]))[0].numpy()
            wrong.append((read > 0) != (messages[0] > 0))
    return np.mean(wrong)


def test_a_second_mark_overwrites_the_first_unless_the_face_is_turned():
    assert wrong_bits((0, 0)) > 0.3
    assert wrong_bits((0, 1)) < 0.1


def test_a_training_makes_a_carrier(face_set, tmp_path):
    """From the set to the weights to a photograph, by the graphs."""
    recipe = replace(training.RECIPES["lean"], steps=1, batch=2)
    last = training.make(recipe, face_set, tmp_path, minutes=None, resume=False)
    assert last["psnr_db"] > 36 and last["tracer/none"] == 0 and last["detector/swap"] > 0.3
    carrier = model.carrier(tmp_path / "waveguard.safetensors")
    photo = np.ascontiguousarray(data.astronaut()[:256, 40:296])
    bits = np.random.default_rng(1).integers(0, 2, 30, dtype=np.uint8)
    marked = carrier.embed(photo, bits).apply(photo)
    assert np.array_equal(carrier.read(marked, 30).bits, bits)
