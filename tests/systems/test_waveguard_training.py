"""Trainings of WaveGuard: losses and schedule as published, the switch of the fragility term, seeded logs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from underdrawing.systems.waveguard import training
from underdrawing.systems.waveguard.network import Config, WaveGuard, to_u
from underdrawing.systems.waveguard.plain import PlainTracer
from underdrawing.train.loop import Run, train
from underdrawing.train.real_faces import Faces

SMOKE = training.RECIPES["smoke"]
LOSSES = [0.2811, 1.7308, 2.0658]
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
    own = list(PlainTracer(128, 3, 30).parameters())
    assert len(plain["params"]) == 3 * len(own) and len(others["params"]) > 20


def test_the_log_of_a_seeded_training(faces, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        system = training.LeanTraining(WaveGuard(SMOKE.network), faces, SMOKE)
    rows = train(system, Run(steps=3), tmp_path)
    totals = [sum(row[name] for name in ("picture", "consistency", "tracer", "detector")) for row in rows]
    assert totals == pytest.approx(LOSSES, rel=0.1)
