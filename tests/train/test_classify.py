"""Training of face detectors, on a small network and a small set."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from torch import nn

from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import SQUARES, FaceSet
from underdrawing.nets.face_outputs import FaceOutputs
from underdrawing.train import classify


class Tiny(nn.Module):
    """Contrast of the picture's details."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 1)

    def forward(self, faces):
        maps = self.norm(self.conv(faces / 64)).square()
        embedding = maps.mean((2, 3))
        heat = (maps * self.head.weight[0, :, None, None]).sum(1)
        return FaceOutputs(self.head(embedding)[:, 0], embedding, heat, {})


RECIPE = classify.ClassifyRecipe(batch=8, side=48, steps=80, learning_rate=0.02, average=0.9)


def test_half_of_a_batch_is_real_and_pairs_share_their_path(face_set):
    faces = FaceSet.read(face_set, "train")
    recipe = classify.ClassifyRecipe(batch=8, side=48, paired=1.0)
    batch = classify.FaceBatches(faces, recipe).draw(np.random.default_rng(0))
    assert batch.labels.tolist() == [1, 0] * 4 and set(batch.kinds[0::2].tolist()) == {1, 2}
    forged, real = batch.faces[0::2], batch.faces[1::2]
    assert (forged - real).abs().mean() < 30  # the same part of the same photo, but for the forgery
    blurred = batch.kinds[0::2] == 1
    assert forged[blurred].std((2, 3)).mean() < real[blurred].std((2, 3)).mean()


def test_squares_of_photographs_are_drawn_as_often_as_the_recipe_has_it(face_set):
    faces = FaceSet.read(face_set, "train")
    entries = tuple(
        replace(entry, source=SQUARES) if entry.identity < "train-5" else entry for entry in faces.entries
    )
    for share in (0.0, 1.0):
        recipe = classify.ClassifyRecipe(batch=16, side=48, squares=share, paired=0.0)
        batches = classify.FaceBatches(replace(faces, entries=entries), recipe)
        pool = batches._pool("blur", np.random.default_rng(0))
        assert {entries[place].source == SQUARES for places in pool.values() for place in places} == {
            share == 1
        }
        assert batches.draw(np.random.default_rng(1)).labels.sum() == 8


def test_a_training_writes_calibrated_weights_and_resumes_at_the_same_state(face_set, tmp_path):
    def build(faces):
        return classify.Classification(Tiny(), faces, RECIPE)

    last = classify.run(build, RECIPE, face_set, tmp_path / "one/tiny.safetensors")
    assert last["accuracy"] > 0.6
    tensors = load_file(tmp_path / "one/tiny.safetensors")
    assert {"network.conv.weight", "calibration.scale", "outside.threshold"} <= set(tensors)
    assert tensors["calibration.scale"] > 0

    again = classify.run(build, RECIPE, face_set, tmp_path / "two/tiny.safetensors")
    assert again["loss"] == pytest.approx(last["loss"], rel=1e-4)


def test_a_kind_that_is_left_out_is_not_drawn(face_set, tmp_path):
    recipe = classify.ClassifyRecipe(batch=8, side=48, steps=1, without=("blur", "square"))

    def build(faces):
        return classify.Classification(Tiny(), faces, recipe)

    with pytest.raises(UsageError, match="one of the two is missing"):
        classify.run(build, recipe, face_set, tmp_path / "tiny.safetensors")
