"""Trainings of AMTENnet and of its peer: the published solver, and logs of seeded runs."""

import numpy as np
import pytest
import torch

from underdrawing.data.face_set import FaceSet
from underdrawing.systems.amtennet import training, training_meso4
from underdrawing.systems.amtennet.network import AMTENnet
from underdrawing.train.classify import Classification
from underdrawing.train.loop import Run, train
from underdrawing.train.run import start

SMOKE = training.RECIPES["smoke"]
LOSSES = [1.0837, 1.2999, 0.6421, 0.8498]


def test_the_solver_is_the_published_one(face_set):
    recipe = training.PaperRecipe(network=SMOKE.network, batch=4)
    system = training.PublishedTraining(AMTENnet(recipe.network), FaceSet.read(face_set, "train"), recipe)
    optimizer = system.optimizer(system.players["detector"])
    weights, biases = optimizer.param_groups
    assert (weights["lr"], biases["lr"]) == (1e-3, 2e-3)
    assert weights["momentum"] == 0.95 and weights["weight_decay"] == 5e-3
    assert [system.rate(step, 0.0) for step in (0, 999, 1000, 5500)] == [1, 1, 0.5, 0.5**5]
    learned = sum(p.numel() for p in weights["params"] + biases["params"])
    assert learned == sum(p.numel() for p in system.network.parameters()) - 3  # the bias of the prediction
    rng = np.random.default_rng(1)
    ((_, terms),) = system.losses(system.batch(rng), rng)
    assert set(terms) == {"loss"}  # the label alone


def test_the_published_length():
    recipe = training.RECIPES["paper"]
    length = recipe.run_length()
    assert (length.steps, recipe.batch, length.average, length.clip) == (18_170, 64, 0.0, float("inf"))


def test_the_log_of_a_seeded_training(face_set, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        system = Classification(AMTENnet(SMOKE.network), FaceSet.read(face_set, "train"), SMOKE)
    rows = train(system, Run(steps=4), tmp_path)
    assert [row["loss"] for row in rows] == pytest.approx(LOSSES, rel=0.1)
    assert set(rows[0]) == {"step", "progress", "loss", "ranking", "second", "third", "last"}


def test_the_peer_is_trained_on_the_same_faces(face_set, tmp_path):
    last = start(training_meso4.__name__, face_set, tmp_path, None, False, "smoke")
    assert last["step"] == 19 and (tmp_path / "meso4.safetensors").stat().st_size > 20_000
