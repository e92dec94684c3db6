"""Trainings of the autoencoders of faces: groups of identities, a seeded log, weights for the graphs."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.attacks.face_forgery import Face
from underdrawing.attacks.face_forgery.autoencoder import EVERYBODY, AutoencoderSwap
from underdrawing.attacks.face_forgery.resynthesis import PatchAutoencoder
from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import FaceEntry
from underdrawing.nets.weights import read_metadata
from underdrawing.train import face_resynthesis, face_swap
from underdrawing.train.real_faces import Faces, reconstruction

PICTURE = cv2.resize(data.astronaut()[21:214, 129:322], (256, 256), interpolation=cv2.INTER_AREA)
LANDMARKS = np.array(
    [[100.6, 105.8], [157.0, 109.3], [125.4, 143.6], [97.5, 155.4], [152.8, 158.6]], np.float32
)
PROFILE = LANDMARKS + np.array([[30, 0], [-20, 0], [0, 0], [0, 0], [0, 0]], np.float32)
SWAP = replace(face_swap.RECIPES["released"], batch=2, identities=1, least=8, steps=3)
PATCH = replace(face_resynthesis.RECIPES["released"], batch=2, side=64, steps=3)


def faces() -> Faces:
    """Nine of "a" (train), eight of "b" (test), eight of "c" (val); three others of train, one in profile."""
    names = ["a"] * 9 + ["b"] * 8 + ["c"] * 8 + ["d", "e", "f"]
    splits = ["train"] * 9 + ["test"] * 8 + ["val"] * 8 + ["train"] * 3
    gains = np.linspace(0.6, 1.0, len(names))
    crops = np.stack([(PICTURE * gain).astype(np.uint8) for gain in gains])
    landmarks = np.stack([LANDMARKS] * (len(names) - 1) + [PROFILE])
    return Faces(crops, landmarks, tuple(names), tuple(splits))


def test_decoders_of_train_and_test_without_the_last_eighth():
    system = face_swap.build(faces(), SWAP)
    assert {name: list(rows) for name, rows in system.groups.items()} == {
        EVERYBODY: [25, 26], "a": list(range(8)), "b": list(range(9, 16)),
    }  # fmt: skip
    assert {name: list(rows) for name, rows in system.held_out.items()} == {"a": [8], "b": [16]}
    assert system.module.config.identities == (EVERYBODY, "a", "b")


def test_resynthesis_learns_from_train_alone():
    system = face_resynthesis.build(faces(), PATCH)
    assert len(system.crops) == 12 and len(system.held_out) == 16


LOGS = {
    "swap": {"everybody_l1": 0.45332, "own_l1": 0.32763, "own_gradient": 0.07679, "foreign_light": 0.09007},
    "resynthesis": {"l1": 0.69547, "gradient": 0.07587},
}
"""Terms of the third step."""


@pytest.mark.parametrize(("module", "recipe"), [(face_swap, SWAP), (face_resynthesis, PATCH)])
def test_the_log_of_a_seeded_run(module, recipe, tmp_path):
    last = module.run(faces(), recipe, tmp_path)
    name = module.__name__.removeprefix("underdrawing.train.face_")
    assert 3 < last["held_out_psnr_db"] < 25
    scores = read_metadata(tmp_path / f"{name}.safetensors")["scores"]
    assert json.loads(scores) == {"held_out_psnr_db": last["held_out_psnr_db"]}
    for term, value in LOGS[name].items():
        assert last[term] == pytest.approx(value, rel=0.1, abs=1e-4), term


def test_the_graphs_take_new_weights(tmp_path):
    face = Face(PICTURE, LANDMARKS)
    face_swap.run(faces(), replace(SWAP, steps=1), tmp_path)
    forgery = AutoencoderSwap(tmp_path / "swap.safetensors")
    assert forgery.identities == ("a", "b")
    assert (forgery(face, face, np.random.default_rng(0)).image != PICTURE).any()
    face_resynthesis.run(faces(), replace(PATCH, steps=1), tmp_path)
    latent = PatchAutoencoder(tmp_path / "resynthesis.safetensors").encode(
        np.zeros((1, 3, 64, 64), np.float32)
    )
    assert latent.shape == (1, 12, 8, 8)


def test_codes_are_described_by_orthonormal_directions():
    system = face_swap.build(faces(), SWAP)
    system.measure_codes(count=32)
    basis, spread = system.module.code_basis, system.module.code_spread
    assert torch.allclose(basis @ basis.mT, torch.eye(8).expand(3, 8, 8), atol=1e-4)
    assert (spread[:, :-1] >= spread[:, 1:]).all() and (spread > 0).all()


def test_an_exact_reconstruction_has_no_error():
    picture = torch.from_numpy(PICTURE.transpose(2, 0, 1)[None].copy()).float() / 255
    assert {name: float(value) for name, value in reconstruction(picture, picture).items()} == {
        "l1": 0.0, "gradient": 0.0,
    }  # fmt: skip
    moved = reconstruction(picture + 0.1, picture)
    assert float(moved["l1"]) == pytest.approx(0.3, abs=1e-5)  # three scales
    assert float(moved["gradient"]) == pytest.approx(0.0, abs=1e-5)


def test_faces_of_a_set_on_disk(tmp_path):
    entries = [
        FaceEntry("train/real/a.png", "real", "train", "a", "s", LANDMARKS.tolist()),
        FaceEntry("test/real/b.png", "real", "test", "b", "s", LANDMARKS.tolist()),
        FaceEntry("train/swap/a.png", "swap", "train", "a", "s", LANDMARKS.tolist()),
    ]
    for entry in entries:
        (tmp_path / entry.file).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / entry.file), PICTURE[..., ::-1])
    (tmp_path / "manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    read = Faces.read(tmp_path)
    assert (read.identities, read.splits) == (("a", "b"), ("train", "test"))
    assert np.array_equal(read.crops, [PICTURE, PICTURE])
    (tmp_path / "manifest.jsonl").write_text(entries[2].line())
    with pytest.raises(UsageError, match="no real faces"):
        Faces.read(tmp_path)
