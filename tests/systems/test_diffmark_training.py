"""Trainings of DiffMark: a step at random timesteps, the published losses and schedule, a seeded log."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from underdrawing import zoo
from underdrawing.nets.loading import load_network
from underdrawing.nets.weights import read_tensors
from underdrawing.systems.diffmark import model, training
from underdrawing.systems.diffmark.network import Config, DiffMark
from underdrawing.systems.diffmark.training import RECIPES, PaperRecipe
from underdrawing.train.loop import Run, train
from underdrawing.train.real_faces import Faces

SMOKE = RECIPES["smoke"]
LOG = [[0.2838, 0.0054], [0.4152, 0.0422], [0.4333, 0.4648]]
"""Terms of the picture and of the bits."""


def system(folder, recipe=SMOKE) -> training.DiffMarkTraining:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return training.build(Faces.read(folder), recipe)


def paper(**changes) -> PaperRecipe:
    return PaperRecipe(network=SMOKE.network, side=64, bits=8, batch=2, features=0.0, **changes)


def test_a_step_denoises_once_from_a_random_timestep(face_set):
    made, calls = system(face_set), []
    denoise = made.network.denoise

    def record(x_t, x_c, t, bits):
        calls.append((x_t, x_c, t))
        return denoise(x_t, x_c, t, bits)

    made.network.denoise = record
    batch = made.batch(np.random.default_rng(1))
    for step in (0, 1, 0):
        made.begin(step, 0.0)
        made.marked(batch)
    assert len(calls) == 3 and not torch.equal(calls[0][2], calls[1][2])
    assert all(torch.equal(a, b) for a, b in zip(calls[0], calls[2], strict=True))  # of the step alone
    x_t, x_c, t = calls[0]
    abar = torch.from_numpy(made.network.schedule.abar)[t.long()].float()[:, None, None, None]
    face = batch.images / 127.5 - 1
    assert torch.allclose(x_c, (1 - abar).sqrt() * face, atol=1e-6)
    noise = (x_t - abar.sqrt() * face) / (1 - abar).sqrt()
    assert abs(float(noise.mean())) < 0.05 and float(noise.std()) == pytest.approx(1, abs=0.05)
    made.network.eval()
    calls.clear()
    with torch.no_grad():
        made.marked(batch)
    assert [float(t[0]) for _, _, t in calls] == list(range(90, -1, -10))  # sampled where it is measured


def test_the_picture_term_begins_at_the_psnr_wanted(face_set):
    made = system(face_set)
    batch = made.batch(np.random.default_rng(1))
    allowed = 255 / 10 ** (SMOKE.target_psnr_db / 20)
    for change, expected in ((0.9, 0.0), (2.0, 3.0)):
        term = made.picture_terms(batch.images + change * allowed, batch)["picture"]
        assert float(term) == pytest.approx(expected, abs=1e-3)


def test_the_published_losses_and_schedule(face_set):
    made = system(face_set, paper())
    rng = np.random.default_rng(1)
    batch = made.batch(rng)
    weights = []
    for step in (0, 4999, 5000):
        made.begin(step, step / 151_200)
        ((_, terms),) = made.losses(batch, np.random.default_rng(2))
        weights.append(float(terms["bits"].detach()))
    assert set(terms) == {"mse", "bits"} and terms["mse"].detach() > 0
    assert weights[2] < 0.3 * weights[0] and weights[2] < 0.3 * weights[1]
    assert [made.rate(0, progress) for progress in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]
    optimizer = made.optimizer(made.players["codec"])
    assert isinstance(optimizer, torch.optim.AdamW)
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (1e-4, 1e-5)
    length = RECIPES["paper"].run_length()
    assert (length.steps, length.average, RECIPES["paper"].batch) == (151_200, 0.9999, 16)
    assert RECIPES["paper-256"].bits_first == 10_000 and RECIPES["paper-256"].network.bits == 128


def test_the_published_bit_term_is_over_all_classes_after_the_autoencoder(face_set):
    made = system(face_set, paper())
    made.begin(0, 0.0)
    batch = made.batch(np.random.default_rng(1))
    marked = made.marked(batch).detach()
    made.marked = lambda batch: marked
    ((_, terms),) = made.losses(batch, np.random.default_rng(2))
    redrawn = made.receive(marked, batch, np.random.default_rng(5)).benign[0]
    assert 1 < float((redrawn - marked).abs().mean()) < 40
    logits = made.network.classes(redrawn)
    assert logits.shape == (2, 8, 16)
    wanted = torch.arange(8) + 8 * (batch.bits > 0)
    expected = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
    assert float(terms["bits"].detach()) == pytest.approx(float(expected.detach()), rel=1e-4)


def test_the_gradient_passes_the_autoencoder_to_every_part(face_set):
    made = system(face_set)
    for parameter in made.network.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    made.begin(0, 0.0)
    rng = np.random.default_rng(1)
    ((_, terms),) = made.losses(made.batch(rng), rng)
    terms["decoder"].backward()
    trained = {name: p for name, p in made.network.named_parameters() if p.requires_grad}
    lacking = [name for name, p in trained.items() if p.grad is None or not p.grad.any()]
    assert lacking == []


def test_the_plain_code_learns_slower(face_set):
    made = system(face_set)
    others, code = made.players["codec"]
    assert code["lr"] == pytest.approx(0.1 * others["lr"])
    assert len(code["params"]) == 4
    trained = [value for value in made.network.parameters() if value.requires_grad]
    assert len(code["params"]) + len(others["params"]) == len(trained)


def test_the_log_of_a_seeded_training(face_set, tmp_path):
    rows = train(system(face_set, replace(SMOKE, steps=3, target_psnr_db=40.0)), Run(steps=3), tmp_path)
    found = [[row["picture"], row["decoder"]] for row in rows]
    assert np.allclose(found, LOG, rtol=0.3, atol=0.02), found  # steps amplify rounding


def test_a_training_writes_weights_that_the_codec_takes(face_set, tmp_path):
    recipe = replace(SMOKE, steps=2)
    last = training.make(recipe, face_set, tmp_path, minutes=None, resume=False)
    assert last["step"] == 1 and {"psnr_db", "decoder/benign", "decoder/autoencoded"} <= set(last)
    path = tmp_path / "diffmark.safetensors"
    assert zoo.training("diffmark").makes == path.name
    codec = model.DiffMarkCodec(path)
    assert (codec.bits, codec.side) == (8, 64)
    network = load_network(path, Config, DiffMark, model.PREFIX)
    assert network.config == SMOKE.network
    scale = float(read_tensors(path)[model.SCALE][0])
    assert scale > 0 and codec._scale == scale


def test_the_recipe_against_further_embeddings_adds_a_term(face_set):
    smoke = {name: getattr(SMOKE, name) for name in ("network", "side", "bits", "batch")}
    made = system(face_set, replace(RECIPES["ais"], **smoke))
    rng = np.random.default_rng(1)
    made.begin(0, 0.0)
    ((_, terms),) = made.losses(made.batch(rng), rng)
    assert set(terms) == {"picture", "decoder", "decoder_again"}
    assert 0 < terms["decoder_again"].item() <= 0.5 * 4
