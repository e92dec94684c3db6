"""Training of localizers, on a small set."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from underdrawing.attacks.manipulation.chain import Ranges
from underdrawing.content.manipulation_trunk import training
from underdrawing.content.manipulation_trunk.network import Config, ManipulationTrunk, load_trunk
from underdrawing.content.manipulation_trunk.plain_head import HeadConfig, PlainHead
from underdrawing.core.errors import UsageError
from underdrawing.data.manipulated_set import ManipulatedSet
from underdrawing.nets.weights import TRUNK, fingerprint, read_metadata, read_tensors
from underdrawing.train import localize

SMALL = (8, 8, 8, 8)
AS_IT_IS = Ranges(scale=(1.0, 1.0), tone=0.0, jpeg=(98, 98), first=(98, 98), webp=(98, 98))
RECIPE = localize.LocalizeRecipe(batch=8, side=64, steps=4, learning_rate=0.01, average=0.5, chain=AS_IT_IS)


def batch(folder, seed=0, teacher=None, **changes):
    pictures = ManipulatedSet.read(folder, "train")
    batches = localize.LocalizeBatches(pictures, replace(RECIPE, **changes), teacher)
    return batches.draw(np.random.default_rng(seed))


def test_every_second_picture_is_the_authentic_one_on_the_same_path(manipulated_set):
    drawn = batch(manipulated_set, batch=16)
    difference = (drawn.images[0::2] - drawn.images[1::2]).abs().mean(1, keepdim=True)
    change = torch.nn.functional.avg_pool2d(difference, localize.CELL)
    inside, outside = drawn.masks[0::2] == 1, drawn.masks[0::2] == 0
    assert inside.any() and change[inside].mean() > 8 * change[outside].mean()
    assert drawn.masks[1::2].max() == 0 and (drawn.labels[1::2] == 0).all()
    assert torch.equal(drawn.manipulated[0::2], (drawn.masks[0::2].amax((1, 2, 3)) >= 0.5).float())
    assert drawn.manipulated[1::2].max() == 0


def test_focused_pairs_show_a_manipulated_region(manipulated_set):
    anywhere, focused = (
        torch.cat([batch(manipulated_set, seed, batch=16, focused=share).masks[0::2] for seed in range(4)])
        for share in (0.0, 1.0)
    )
    assert (focused.amax((1, 2, 3)) > 0).float().mean() > 0.95
    assert focused.mean() > 1.1 * anywhere.mean()


def test_labels_are_those_of_the_supervision(manipulated_set):
    drawn = {
        name: batch(manipulated_set, supervision=name) for name in ("masks", "boxes", "scribbles", "pictures")
    }
    masks = drawn["masks"].masks[0::2]
    for name, one in drawn.items():
        assert torch.equal(one.images, drawn["masks"].images) and torch.equal(one.masks[0::2], masks), name
    labels = {name: one.labels[0::2] for name, one in drawn.items()}
    assert torch.equal(labels["masks"], (masks >= 0.5).float())
    assert torch.equal(labels["boxes"], drawn["boxes"].boxes[0::2])
    assert (labels["boxes"][masks == 1] == 1).all() and labels["boxes"].mean() > masks.mean()
    known = labels["scribbles"] >= 0
    assert 0.01 < known.float().mean() < 0.3
    assert (labels["scribbles"][known] == (masks[known] >= 0.5).float()).all()
    assert (labels["pictures"] == -1).all() and (drawn["pictures"].labels[1::2] == 0).all()


def test_labels_of_a_teacher_replace_those_of_the_supervision(manipulated_set):
    pictures = ManipulatedSet.read(manipulated_set, "train")
    drawn = batch(manipulated_set, teacher=np.where(pictures.masks == 1, 255, 0))
    masks = drawn.masks[0::2]
    assert (drawn.labels[0::2][masks == 1] == -1).all() and (drawn.labels[0::2][masks == 0] == 0).all()


def test_a_kind_that_is_left_out_is_not_drawn(manipulated_set):
    drawn = batch(manipulated_set, without=("noise",), batch=32)
    manipulated, authentic = drawn.images[0::2], drawn.images[1::2]
    rough = [
        images[..., 1:].sub(images[..., :-1]).abs().mean((1, 2, 3)) for images in (manipulated, authentic)
    ]
    assert (rough[0] <= rough[1] + 0.5).all()
    with pytest.raises(UsageError, match="one is missing"):
        batch(manipulated_set, without=("noise", "blur"))


def test_a_manipulated_picture_without_the_authentic_one_is_refused(manipulated_set):
    pictures = ManipulatedSet.read(manipulated_set, "train")
    entries = tuple(replace(entry, original=None) for entry in pictures.entries)
    with pytest.raises(UsageError, match="one lacks it"):
        localize.LocalizeBatches(replace(pictures, entries=entries), RECIPE)


@pytest.mark.parametrize("supervision", ["masks", "pictures"])
def test_a_head_on_a_trunk_that_stays_as_it_is(manipulated_set, tmp_path, supervision):
    recipe = replace(RECIPE, supervision=supervision)
    trunks = []

    def build(pictures):
        trunks.append(ManipulationTrunk(Config(SMALL, traces=(8, 8, 8))))
        return localize.LocalizerTraining(PlainHead(HeadConfig(SMALL, 8)), trunks[-1], pictures, recipe)

    scores = localize.run(build, recipe, manipulated_set, tmp_path / "one/head.safetensors")
    assert 0 <= scores["f1"] <= 1 and 0 <= scores["false_area"] <= 1
    tensors = load_file(tmp_path / "one/head.safetensors")
    assert {"network.head.weight", "calibration.scale", "picture.offset"} <= set(tensors)
    assert not any(name.startswith(TRUNK) for name in tensors)
    state = trunks[0].state_dict()
    half = {n: v.half().float().numpy() if not n.endswith("_var") else v.numpy()
            for n, v in state.items() if not n.endswith("tracked")}  # fmt: skip
    assert read_metadata(tmp_path / "one/head.safetensors")["trunk_sha256"] == fingerprint(half)
    again = localize.run(build, recipe, manipulated_set, tmp_path / "two/head.safetensors")
    assert again["picture"] == pytest.approx(scores["picture"], rel=1e-4)


def test_a_trunk_that_is_trained_is_stored_with_its_size(manipulated_set, tmp_path):
    recipe = replace(training.RECIPES["smoke"], steps=3)
    scores = training.make(recipe, manipulated_set, tmp_path, minutes=None, resume=False)
    assert {"cells", "ranking", "f1"} <= set(scores)
    weights = tmp_path / "manipulation-trunk.safetensors"
    trunk = load_trunk(weights)
    assert trunk.config == recipe.network and not trunk.training
    assert read_metadata(weights)["trunk_sha256"] == fingerprint(read_tensors(weights, TRUNK))


def test_statistics_of_normalization_are_those_of_the_averaged_parameters(manipulated_set):
    pictures = ManipulatedSet.read(manipulated_set, "train")
    recipe = replace(RECIPE, train_trunk=True)
    trunk = ManipulationTrunk(Config(SMALL, traces=(8, 8, 8)))
    system = localize.LocalizerTraining(PlainHead(HeadConfig(SMALL, 8)), trunk, pictures, recipe)
    before = trunk.traces.stem[0].running_mean.clone()
    localize.recompute_statistics(system.module, lambda rng: system.outputs(system.batch(rng)))
    assert not torch.equal(trunk.traces.stem[0].running_mean, before) and not trunk.training
    colours = trunk.traces.stem[0].running_mean[-3:]
    assert colours == pytest.approx(pictures.pictures.mean((0, 1, 2)) / 127.5 - 1, abs=0.15)


def test_normalization_keeps_its_statistics_from_a_share_of_the_run_on(manipulated_set, tmp_path):
    pictures = ManipulatedSet.read(manipulated_set, "train")
    recipe = replace(RECIPE, settled=0.5, train_trunk=True, steps=4)
    trunk = ManipulationTrunk(Config(SMALL, traces=(8, 8, 8)))
    system = localize.LocalizerTraining(PlainHead(HeadConfig(SMALL, 8)), trunk, pictures, recipe)
    system.begin(1, 0.25)
    assert system.module.training and not system.module.settled
    system.begin(2, 0.5)
    mean = trunk.traces.stem[0].running_mean.clone()
    assert not system.module.training and mean.abs().max() > 0.01
    system.begin(3, 0.75)
    list(system.losses(system.batch(np.random.default_rng(0)), np.random.default_rng(0)))
    assert torch.equal(trunk.traces.stem[0].running_mean, mean)
