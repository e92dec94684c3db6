"""Trainings that cards name have one form; those of the photo system take a step on real photographs."""

from dataclasses import is_dataclass, replace
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from underdrawing import zoo
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.locator import block_features, measured
from underdrawing.coding.keys import Owner
from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.sketch import fusion_samples, training_fusion
from underdrawing.content.sketch.sketch import Sketch
from underdrawing.judging.witness import training as witness_training
from underdrawing.systems.photo import training_locator, training_witness, witness_samples
from underdrawing.systems.photo.samples import draw
from underdrawing.train.run import run_recipe
from underdrawing.train.sample_chunks import write_chunk

TRAININGS = [entry for kind in zoo.KINDS for name in zoo.names(kind) for entry in zoo.card(name).trainings]


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_a_training_has_recipes_and_make(training):
    module = import_module(training.module)
    assert is_dataclass(module.RECIPES[module.DEFAULT])  # a Recipe, or that of a fit in closed form
    assert list(signature(module.make).parameters) == ["recipe", "data", "out", "minutes", "resume"]


def test_the_locator_takes_a_step_on_samples_of_the_lattice(tmp_path):
    rng, photos = np.random.default_rng(2), [data.astronaut(), data.coffee(), data.chelsea()]
    drawn = [draw(photos, Lattice(), rng) for _ in range(8)]
    features = [block_features(measured(s.view.reading, s.known), s.known) for s in drawn]
    samples = {"features": np.stack(features), "image": np.stack([s.image for s in drawn])}
    samples["mask"] = np.stack([s.mask for s in drawn])
    training = training_locator.LocatorTraining(samples, training_locator.RECIPES["default"])
    step(training, training_locator, tmp_path)


def test_the_fusion_takes_a_step_on_coded_photographs(tmp_path):
    rng, sketch, maps = np.random.default_rng(2), Sketch(), ImportanceMap()
    crops = [np.ascontiguousarray(photo[:208, 100:308]) for photo in (data.astronaut(), data.coffee())]
    shown, density = zip(*(fusion_samples.coded(crop, sketch, maps, rng) for crop in crops), strict=True)
    assert shown[0].shape == (fusion_samples.DECODED, 208, 208, 3)
    columns = {"original": crops, "sketch": shown, "density": density}
    (tmp_path / "pool").mkdir()
    write_chunk(tmp_path / "pool", 0, columns)
    samples = fusion_samples.load(tmp_path / "pool")
    training = training_fusion.FusionTraining(samples, training_fusion.RECIPES["default"])
    step(training, training_fusion, tmp_path)


def test_the_witness_takes_a_step_on_protected_photographs(tmp_path):
    rng, photos = np.random.default_rng(2), [data.astronaut(), data.coffee(), data.chelsea()]
    photo, owner = zoo.load("photo"), Owner.create()
    samples, recipe = {}, replace(training_witness.RECIPES["default"], sides=(256, 320), batch=4)
    for side in recipe.sides:
        drawn = list(witness_samples.draw_samples(photos, side, photo, owner, rng))
        columns = zip(*drawn, strict=True)
        samples[side] = {n: np.stack(c) for n, c in zip(witness_training.FIELDS, columns, strict=True)}
    assert samples[320]["planes"].shape == (8, 80, 80, 12) and samples[320]["mask"].shape == (8, 40, 40)
    training = witness_training.WitnessTraining(samples, recipe)
    step(training, training_witness, tmp_path)
    measured = witness_training.measure(training.module, samples)
    known = witness_training.calibrate(measured)
    assert np.isfinite([known.local, known.other, *known.detection]).all()


def step(training, module, out: Path) -> None:
    """One step of the recipe: finite losses, and averaged parameters with metadata to save."""
    saved = {}
    recipe = replace(module.RECIPES["default"], steps=1)
    row = run_recipe(lambda _: training, recipe, out, lambda _, metadata: saved.update(metadata))
    assert row["step"] == 0 and all(np.isfinite(value) for value in row.values())
    assert saved["steps"] == "1"
    assert (out / "checkpoint.pt").stat().st_size > 1000


def test_the_comparison_is_trained_alone_and_released_hash_bits_stay():
    rng, recipe = (
        np.random.default_rng(2),
        replace(training_witness.RECIPES["comparison"], sides=(64,), batch=2),
    )
    facts = np.array([[kind, 100, 2] for kind in (0, 1, 2, 4)], np.int32)
    planes = rng.integers(0, 256, (4, 16, 16, 12), np.uint8)
    samples = {64: {"planes": planes, "mask": np.full((4, 8, 8), 255, np.uint8), "facts": facts}}
    samples[64]["density"] = np.full((4, 8, 8), 4.7, np.float16)
    training = witness_training.WitnessTraining(samples, recipe)
    for _, terms in training.losses(training.batch(rng), rng):
        sum(terms.values()).backward()
    assert all(p.grad is None for p in training.module.hash.parameters())
    assert all(p.grad is not None for p in training.module.comparison.parameters())
    trained = {id(p) for group in training.players["witness"] for p in group["params"]}
    assert trained == {id(p) for p in training.module.comparison.parameters()}
