"""Training of CMB-Net: texts of a batch, the log of a seeded run, the recipes."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from underdrawing.content.manipulation_trunk.network import CHANNELS
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.systems.cmb_net import training
from underdrawing.systems.cmb_net.observer import CAREFUL, NOTHING
from underdrawing.systems.cmb_net.words import encode, words_of
from underdrawing.train.loop import Run, train
from underdrawing.train.run import start

SMOKE = training.RECIPES["smoke"]
LOSSES = {
    "bce": [1.0267, 1.2154, 1.1711, 1.0545],
    "dice": [1.3159, 1.2390, 1.2518, 1.2551],
    "edge": [1.0782, 1.2221, 1.0504, 1.0439],
    "matching": [0.0046, 0.0058, 0.2960, 0.1013],
}
"""Of the first steps of the smoke recipe."""


def system(folder, recipe=SMOKE):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return training.build(ManipulatedSet.read(folder, "train"), recipe)


def test_the_log_of_a_seeded_training(manipulated_set, tmp_path):
    rows = train(system(manipulated_set), Run(steps=4), tmp_path)
    assert set(rows[0]) == {"step", "progress", *LOSSES}
    for name, values in LOSSES.items():
        assert [row[name] for row in rows] == pytest.approx(values, rel=0.1, abs=0.01), name


def test_a_batch_has_a_text_for_every_picture(manipulated_set):
    recipe = replace(SMOKE, observer=CAREFUL, batch=8)
    batch = system(manipulated_set, recipe).batch(np.random.default_rng(3))
    assert batch.right.tolist() == [1] * 8
    nothing = [set(words_of(text)) for text in NOTHING]
    for words, present, region in zip(batch.words, batch.present, batch.masks, strict=True):
        found = {tuple(word) for word in words[present > 0].tolist()}
        calm = any(found == {tuple(code) for code in encode(text)[0][: len(known)].tolist()}
                   for text, known in zip(NOTHING, nothing, strict=True))  # fmt: skip
        assert calm == (region.max() <= 0.5)


def test_a_batch_is_that_of_all_localizers(manipulated_set):
    """Texts are drawn after it."""
    own = system(manipulated_set)
    batch, shared = (draw(np.random.default_rng(5)) for draw in (own.batch, own.batches.draw))
    assert all(torch.equal(getattr(batch, part.name), getattr(shared, part.name)) for part in fields(shared))
    corners = batch.extent[0].numpy()
    assert (corners >= 0).all() and (corners <= 1).all() and (corners[2:] > corners[:2]).all()


def test_a_batch_without_texts_is_evaluated_without(manipulated_set):
    """As that of the calibration."""
    own = system(manipulated_set)
    own.module.eval()
    batch = own.batches.draw(np.random.default_rng(5))
    assert own.inputs(batch, []) == {}
    with torch.no_grad():
        outputs = own.outputs(batch)
    assert outputs.parts["weight"].abs().max() == 0


def test_the_smoke_recipe_gives_calibrated_weights(manipulated_set, tmp_path):
    last = start(training.__name__, manipulated_set, tmp_path, None, False, "smoke")
    assert last["step"] == 19 and {"f1", "false_area"} <= set(last)
    tensors = load_file(tmp_path / "cmb_net.safetensors")
    assert {"calibration.scale", "network.text.word.weight"} <= set(tensors)


@pytest.mark.parametrize("name", training.RECIPES)
def test_a_recipe_fits_its_trunk(name):
    recipe = training.RECIPES[name]
    assert recipe.network.channels == (recipe.trunk.channels if recipe.trunk else CHANNELS)
    assert recipe.train_trunk == (recipe.trunk is not None)
