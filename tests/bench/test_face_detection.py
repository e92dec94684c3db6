"""The study of face detectors on a toy set, with detectors whose answers are known."""

import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from underdrawing.bench.harness.run import Run
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.face_detection import study, tables
from underdrawing.bench.studies.face_detection.samples import (
    centre_square,
    on_camera,
    on_one_path,
    read_pictures,
    read_set,
)
from underdrawing.bench.studies.face_detection.study import FaceProtocol
from underdrawing.bench.studies.face_detection.subjects import adapted, from_file
from underdrawing.core.errors import OutputError, PictureError
from underdrawing.core.interfaces import FaceEvidence
from underdrawing.data.face_set import REAL, FaceEntry
from underdrawing.metrics.calibration import Platt, fit_outside
from underdrawing.nets.loading import save_network
from underdrawing.systems.dpnet_fgl.network import Config, DPNet
from underdrawing.systems.gocnet import network as gocnet
from underdrawing.systems.gocnet.network import GocNet

FACE = cv2.resize(data.astronaut()[10:250, 90:330], (256, 256), interpolation=cv2.INTER_AREA)
PEOPLE = 12
PROTOCOL = FaceProtocol("face-detection", side=64, post_each=4, pairs_each=6, codecs=(95, 10))


def person(number):
    """The face with the light of a person."""
    return np.clip(FACE * (0.8 + 0.02 * number), 0, 255).astype(np.uint8)


def green(image):
    """A forgery: a green patch at the nose."""
    forged = image.copy()
    forged[110:150, 110:150] = 40, 220, 40
    return forged


def blurred(image):
    forged = image.copy()
    forged[64:192, 64:192] = cv2.GaussianBlur(image[64:192, 64:192], (0, 0), 4)
    return forged


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set with two kinds of forgery of twelve people, and the sets of pictures."""
    root = tmp_path_factory.mktemp("faces")
    entries = []
    for number in range(PEOPLE):
        files = {REAL: person(number), "green": green(person(number)), "blur": blurred(person(number))}
        for kind, image in files.items():
            name = f"test/{kind}/{number}.png"
            (root / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / "set" / name)
            original = None if kind == REAL else f"test/{REAL}/{number}.png"
            entries.append(FaceEntry(name, kind, "test", f"p{number // 2}", "toy", [], original=original))
    (root / "set/manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    for place, change in (("ciplab/test/real", person), ("ciplab/test/fake", lambda n: green(person(n))),
                          ("ecuador/val/real", person), ("ecuador/val/fake", lambda n: blurred(person(n))),
                          ("stylegan3/test/fake", lambda n: green(person(n)))):  # fmt: skip
        (root / place).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(change(number)).save(root / place / f"{number}.png")
    return root


class Greenish:
    """Knows green noses alone."""

    def evidence(self, face):
        red, green, _ = np.moveaxis(face.astype(int), 2, 0)
        return FaceEvidence(0.9 if (green > red + 40).mean() > 0.01 else 0.1, 0.5, False)


class Coarse:
    """Calls a face fake where it was compressed: the shortcut that the study must expose."""

    def evidence(self, face):
        red, green, _ = np.moveaxis(face[-20:].astype(float), 2, 0)
        colour, light = (np.abs(np.diff(plane, axis=1)).mean() for plane in (red - green, red + green))
        return FaceEvidence(float(np.exp(-colour / light)), 2.0, True)


def run(folder, results, **options):
    models = {"green": Greenish(), "coarse": Coarse()}
    settings = {"detectors": "green,coarse"} | options.pop("settings", {})
    done = Run(
        results, folder, settings=settings, load=lambda name: Subject(name, models[name], None), **options
    )
    study.run(done, PROTOCOL)
    return study.STUDY.store(results)


@pytest.fixture(scope="module")
def store(folder, tmp_path_factory):
    return run(folder, tmp_path_factory.mktemp("results"))


def test_kinds_are_measured_apart_and_weigh_the_same(store):
    found = store.figures
    assert found["green/within/green/auc"]["mean"] > 0.99
    assert found["green/within/green/accuracy"]["mean"] > 0.9
    assert abs(found["green/within/blur/auc"]["mean"] - 0.5) < 0.2
    mean = np.mean([found[f"green/within/{kind}/auc"]["mean"] for kind in ("green", "blur")])
    assert found["green/within/all/auc"]["mean"] == pytest.approx(mean, abs=1e-4)
    assert found["green/within/all/auc"]["n"] == 3 * PEOPLE
    low, high = (found["coarse/within/blur/auc"][name] for name in ("low95", "high95"))
    assert low < found["coarse/within/blur/auc"]["mean"] < high
    assert found["green/within/all/outside"]["mean"] == 0 and found["coarse/within/all/outside"]["mean"] == 1


def test_post_processing_and_other_sets_are_measured(store):
    found = store.figures
    for place in (
        "post/camera",
        "post/jpeg60",
        "post/mean5",
        "post/known",
        "cross/ciplab",
        "cross/stylegan3",
    ):
        assert f"green/{place}/auc" in found, place
    assert found["green/cross/ciplab/auc"]["mean"] > 0.95 > 0.9 > found["green/cross/ecuador/auc"]["mean"]
    assert found["green/post/unknown/auc"]["n"] == 6 * found["green/post/camera/auc"]["n"]


def test_a_shortcut_shows(store):
    """The fair detector scores alike whoever is compressed; the other's decision is the compression."""
    found = store.figures
    assert abs(found["green/shortcut/codecs/difference"]["mean"]) < 0.1
    coarse = found["coarse/shortcut/codecs/difference"]
    assert coarse["low95"] > 0 or coarse["high95"] < 0
    assert (
        found["green/shortcut/pairs/right"]["mean"] == 0.5
    )  # green ones; blurred ones score as their originals


@pytest.fixture
def dpnets(tmp_path):
    """Weights of two DPNets that were trained without green noses, with and without FGL."""
    network = DPNet(Config(side=64, width=8, embedding=16)).eval()
    embeddings = np.random.default_rng(1).normal(size=(40, 16))
    fitted = Platt(1.0, 0.0).tensors() | fit_outside(embeddings, np.arange(40) % 2, embeddings).tensors()
    tensors = {name: torch.from_numpy(value) for name, value in fitted.items()}
    for folder, guidance in (("with", {"rate": 0.05}), ("none", None)):
        recipe = json.dumps({"without": ["green"], "guidance": guidance})
        place = tmp_path / folder / "dpnet_fgl.safetensors"
        save_network(network, place, {"recipe": recipe}, prefix="network.", others=tensors)
    return tmp_path


def test_guided_and_unguided_trainings_have_rows_of_their_own(folder, dpnets, tmp_path):
    settings = {"detectors": "green", "weights": str(dpnets)}
    names = tuple(f"left-out-{name}-without-green" for name in ("dpnet-fgl", "dpnet"))
    found = run(folder, tmp_path / "results", settings=settings, only=names)
    (table, _) = tables.guidance(found)
    assert [row[0] for row in table.rows] == ["green"]
    assert {f"{name}/left-out/green/auc" for name in ("dpnet-fgl", "dpnet")} <= set(found.figures)


def test_a_kind_left_out_stands_beside_the_same_network_trained_with_it(folder, tmp_path):
    network = GocNet(gocnet.Config(side=64, one_trunk=True, front_end="rgb", width=8)).eval()
    embeddings = np.random.default_rng(1).normal(size=(40, 64))
    fitted = Platt(1.0, 0.0).tensors() | fit_outside(embeddings, np.arange(40) % 2, embeddings).tensors()
    tensors = {name: torch.from_numpy(value) for name, value in fitted.items()}
    for name, without in (("front-end-rgb", []), ("without-green", ["green"])):
        place = tmp_path / "weights" / name / "gocnet.safetensors"
        save_network(
            network, place, {"recipe": json.dumps({"without": without})}, prefix="network.", others=tensors
        )
    names = ("trained-front-end-rgb", "left-out-front-end-rgb-without-green")
    settings = {"detectors": "green", "weights": str(tmp_path / "weights")}
    found = run(folder, tmp_path / "results", settings=settings, only=names)
    (table, *_) = tables.left_out(found)
    ((kind, together, alone),) = table.rows
    assert kind == "green" and together.text == alone.text  # the same network
    (table, *_) = tables.front_ends(found)
    assert [row[0] for row in table.rows] == ["none (RGB)"]


def test_adapted_scores_are_of_the_received_faces(folder, dpnets):
    path = dpnets / "with/dpnet_fgl.safetensors"
    view = on_camera("within", read_set(folder / "set"), 64, 1)
    before, after = (subject.score(view).prob for subject in (from_file(path, "x"), adapted(path)))
    assert before.shape == after.shape and np.abs(before - after).max() > 1e-4
    assert np.array_equal(adapted(path).score(view).prob, after)


def test_values_are_kept_for_each_face(store):
    with np.load(store.path("green").with_suffix(".npz")) as values:
        prob, fake = (values["within-green/values"][row] for row in (0, 2))
        assert len(values["within-green/photos"]) == 3 * PEOPLE and fake.sum() == 2 * PEOPLE
    assert store.figures["green/within/all/outside"]["n"] == len(prob)


def test_a_part_is_repeated_on_demand_only_and_gives_the_same(folder, store):
    before = json.loads(store.path("green").read_text())["parts"]["within-green"]
    again = run(folder, store.results, only=("within-green",), again=True).parts["within-green"]
    assert again["figures"] == before["figures"] and again["data_hash"] == before["data_hash"]
    with pytest.raises(OutputError, match="no part is called nothing; there are: within-green"):
        run(folder, store.results, only=("nothing",))


def test_a_missing_set_is_named(folder, tmp_path):
    with pytest.raises(PictureError, match="no folder other"):
        run(folder, tmp_path, settings={"faces": "other"}, only=("within",))


def test_the_path_of_a_forgery_and_its_original_is_the_same_one(folder):
    faces = read_set(folder / "set")
    pairs = [(at, faces.originals[at]) for at in faces.of("green")]
    one, own = (make("v", faces, 64, 0).inputs for make in (on_one_path, on_camera))

    def differences(inputs):
        corners = inputs[:, :10, :10].astype(float)  # outside of the forgery
        return [np.abs(corners[a] - corners[b]).mean() for a, b in pairs]

    assert max(differences(one)) < 3 < 10 < np.median(differences(own))


def test_faces_of_pictures_are_found_and_labelled(folder):
    faces = read_pictures(folder / "ciplab/test", "ciplab", 160)
    assert faces.kinds.tolist() == [REAL] * 4 + ["ciplab"] * 4 and faces.fake.sum() == 4
    assert centre_square(faces.crops[0], 128).shape == (128, 128, 3)
    with pytest.raises(PictureError, match="no picture of a face"):
        read_pictures(folder, "none", 160)


def test_a_sample_has_as_many_real_faces_as_forged_ones(folder):
    sample = read_set(folder / "set").spread(3)
    assert [len(sample.of(kind)) for kind in (REAL, "green", "blur")] == [6, 3, 3]
    weights = sample.weights
    assert weights[sample.fake].sum() == pytest.approx(weights[~sample.fake].sum())
