"""Training of face detectors, on a small network and a small set."""

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file
from skimage import data
from torch import nn

from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import MANIFEST, REAL, SIDE, FaceEntry, FaceSet
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    photo, lines = cv2.resize(data.astronaut(), (800, 800)), []
    for split, count in (("train", 12), ("val", 6)):
        for number in range(count):
            top, left = np.random.default_rng(number + 50 * (split == "val")).integers(0, 800 - SIDE, 2)
            real = photo[top : top + SIDE, left : left + SIDE]
            name = f"{split}-{number}.png"
            for kind, picture in ((REAL, real), ("blur", cv2.GaussianBlur(real, (0, 0), 6))):
                path = folder / kind / name
                path.parent.mkdir(exist_ok=True)
                cv2.imwrite(str(path), picture[..., ::-1])
                original = f"{REAL}/{name}" if kind != REAL else None
                file = f"{kind}/{name}"
                lines.append(FaceEntry(file, kind, split, name, "photo", [], original=original).line())
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    return folder


RECIPE = classify.ClassifyRecipe(batch=8, side=48, steps=80, learning_rate=0.02, average=0.9)


def test_half_of_a_batch_is_real_and_pairs_share_their_path(folder):
    faces = FaceSet.read(folder, "train")
    recipe = classify.ClassifyRecipe(batch=8, side=48, paired=1.0)
    batch = classify.FaceBatches(faces, recipe).draw(np.random.default_rng(0))
    assert batch.labels.tolist() == [1, 0] * 4 and batch.kinds.tolist() == [1, 0] * 4
    forged, real = batch.faces[0::2], batch.faces[1::2]
    assert (forged - real).abs().mean() < 30  # the same part of the same photo, but for the blur
    assert forged.std((2, 3)).mean() < real.std((2, 3)).mean()


def test_a_training_writes_calibrated_weights_and_resumes_at_the_same_state(folder, tmp_path):
    def build(faces):
        return classify.Classification(Tiny(), faces, RECIPE)

    last = classify.run(build, RECIPE, folder, tmp_path / "one/tiny.safetensors")
    assert last["accuracy"] > 0.8
    tensors = load_file(tmp_path / "one/tiny.safetensors")
    assert {"network.conv.weight", "calibration.scale", "outside.threshold"} <= set(tensors)
    assert tensors["calibration.scale"] > 0

    again = classify.run(build, RECIPE, folder, tmp_path / "two/tiny.safetensors")
    assert again["loss"] == pytest.approx(last["loss"], rel=1e-4)


def test_a_kind_that_is_left_out_is_not_drawn(folder, tmp_path):
    recipe = classify.ClassifyRecipe(batch=8, side=48, steps=1, without=("blur",))

    def build(faces):
        return classify.Classification(Tiny(), faces, recipe)

    with pytest.raises(UsageError, match="one of the two is missing"):
        classify.run(build, recipe, folder, tmp_path / "tiny.safetensors")
