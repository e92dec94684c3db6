"""What every system of a kind has to do, for all cards of the kind and a toy; and a toy as a system."""

import json

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.api.examining import Examiner
from underdrawing.bench.harness.measures import plan
from underdrawing.bench.harness.record import Protocol
from underdrawing.bench.harness.run import Part, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.cli import main
from underdrawing.core.errors import CapacityError, CodeError, MissingExtraError, ShapeError, WeightsError
from underdrawing.core.interfaces import INTERFACES
from underdrawing.judging.face_decision import FaceDecision
from underdrawing.metrics.quality import psnr_db

IMAGE = np.ascontiguousarray(data.astronaut()[:256, 40:296])
pytestmark = pytest.mark.usefixtures("toys")


def cards(kind):
    """Names for a parametrized test."""
    return pytest.mark.parametrize("name", [*zoo.names(kind), f"toy-{kind}"])


def load(name):
    """A system that fits the interface of its kind."""
    try:
        system = zoo.load(name)
    except (MissingExtraError, WeightsError) as error:
        if name.startswith("toy") or zoo.card(name).own_weights:
            raise
        pytest.skip(f"{name}: {error}")
    assert isinstance(system, INTERFACES[zoo.card(name).kind])
    return system


@cards("protector")
def test_a_protected_image_is_not_altered_and_an_edited_one_is(name):
    subject = Subject(name, load(name), None)
    protected = subject.protect(IMAGE)
    assert subject.verify(protected).status in ("intact", "unvouched")
    protected[64:160, 64:160] = data.coffee()[100:196, 100:196]
    verdict = subject.verify(protected)
    assert verdict.status == "altered" and verdict.mask.shape == IMAGE.shape[:2]
    assert verdict.mask[64:160, 64:160].mean() > 0.5 > verdict.mask.mean()


@cards("carrier")
def test_an_embedded_message_is_read_and_a_longer_one_is_refused(name):
    carrier = load(name)
    count = carrier.capacity_bits(IMAGE)
    bits = np.random.default_rng(1).integers(0, 2, min(count, 32), dtype=np.uint8)
    assert np.array_equal(carrier.read(carrier.embed(IMAGE, bits).apply(IMAGE), len(bits)).bits, bits)
    with pytest.raises(CapacityError):
        carrier.embed(IMAGE, np.zeros(count + 1, np.uint8))
    with pytest.raises(ShapeError):
        carrier.capacity_bits(IMAGE[..., 0])


def faces():
    """A face in colour and in gray, whole, small, odd and dark, and a picture of none."""
    face = np.ascontiguousarray(data.astronaut()[60:220, 140:300])
    gray = np.repeat(face.mean(2, keepdims=True).astype(np.uint8), 3, 2)
    odd = np.ascontiguousarray(face[:77, :77])
    return [face, gray, odd, face[40:56, 40:56], face // 8, np.full((300, 300, 3), 255, np.uint8)]


@cards("detector")
def test_a_detector_gives_a_probability_and_whether_it_knows_such_faces(name):
    detector = load(name)
    for face in faces():
        before, evidence = face.copy(), detector.evidence(face)
        assert 0 <= evidence.fake_prob <= 1 and evidence.distance >= 0
        assert evidence.outside == (evidence.distance > 1)
        assert detector.examine(face) == (None if evidence.outside else evidence.fake_prob)
        assert detector.evidence(face) == evidence and np.array_equal(face, before)


@cards("detector")
def test_a_detector_gives_a_heat_map_of_the_face(name):
    detector = load(name)
    for face in faces():
        heat = detector.heat(face)
        assert heat.shape == face.shape[:2] and heat.dtype == np.float32 and np.isfinite(heat).all()
        assert np.array_equal(heat, detector.heat(face))


def test_examine_asks_a_new_detector_and_a_new_localizer(tmp_path, capsys):
    Image.fromarray(data.astronaut()).save(tmp_path / "a.png")
    code = main(["examine", str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code in (0, 1, 2) and found["detectors"]["toy-detector"] == "toy-detector, one step"
    (face,) = found["faces"]
    assert face["distance"]["toy-detector"] > 0 and "toy-detector" in face["fake_prob"]
    assert 0 <= found["tampered_prob"]["toy-localizer"] <= 1
    for path in (
        found["heat"]["face1.toy-detector"],
        *found["maps"].values(),
        *found["reliability"].values(),
    ):
        assert Image.open(path).format == "PNG"


def test_a_joint_decision_holds_for_the_weights_that_it_names(monkeypatch):
    sha256 = zoo.card("toy-detector").own_weights[0].sha256
    for named, holds in ((sha256, True), ("0" * 64, False)):
        decision = FaceDecision({"toy-detector": 1.0}, 1.0, 0.0, 0.9, 0.5, {"toy-detector": named}, "a test")
        monkeypatch.setattr(FaceDecision, "load", classmethod(lambda cls, found=decision: found))
        examiner = Examiner.of_zoo()
        assert (examiner.decision is decision) == holds
        assert any("other weights of toy-detector" in note for note in examiner.notes) != holds


@cards("localizer")
def test_a_localizer_gives_maps_of_the_image(name):
    result = load(name).examine(IMAGE)
    for values in (result.tampered_prob, result.reliability):
        assert values.shape == IMAGE.shape[:2] and values.dtype == np.float32
        assert values.min() >= 0 and values.max() <= 1


@cards("codec")
def test_a_codec_is_lossless_and_refuses_other_bytes(name):
    codec = load(name)
    assert np.array_equal(codec.decode(codec.encode(IMAGE)), IMAGE)
    with pytest.raises(CodeError):
        codec.decode(b"other bytes")


@pytest.mark.parametrize("kind", INTERFACES)
def test_a_folder_is_a_system_of_the_zoo_and_can_be_trained(kind, toys, train, tmp_path, capsys):
    assert f"toy-{kind}" in zoo.names() and f"toy-{kind}" in zoo.names(kind)
    assert main(["zoo", "--json"]) == 0
    assert f"toy-{kind}" in [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    out = train(f"toy-{kind}", toys / "data", tmp_path / "out")
    assert len((out / "log.jsonl").read_text().splitlines()) == 1
    assert (out / zoo.training(f"toy-{kind}").makes).stat().st_size > 100


FIGURES = {
    "protector": lambda subject, image: psnr_db(image, subject.protect(image)),
    "carrier": lambda subject, image: float(subject.model.capacity_bits(image)),
    "detector": lambda subject, image: subject.model.evidence(image).fake_prob,
    "localizer": lambda subject, image: float(subject.model.examine(image).reliability.mean()),
    "codec": lambda subject, image: 8 * len(subject.model.encode(image)) / image.size,
}


@pytest.fixture
def kodak(tmp_path):
    """A folder with one photograph of a set."""
    (tmp_path / "kodak24").mkdir()
    Image.fromarray(IMAGE).save(tmp_path / "kodak24" / "a.png")
    return tmp_path


@pytest.mark.parametrize("kind", INTERFACES)
def test_a_toy_is_measured_with_the_version_of_its_card(kind, kodak):
    def cases(sets, protocol, subject):
        return plan(sets, protocol.quality_sets, 64, 1.0)

    def measure(subject, protocol, case):
        return [("all", {"figure": FIGURES[kind](subject, case.photo.square(64)[0])})]

    run, protocol = Run(kodak / "results", kodak), Protocol("toy", sizes=(64,), quality_sets=("kodak24",))
    subject = run.load(f"toy-{kind}")
    study = Study("toy", "a figure of each kind", run_parts)
    run_parts(run, study.store(run.results), protocol, [(subject, Part("figure", cases, measure))])
    store = study.store(run.results)
    assert store.figures["all/figure"]["mean"] > 0 and not store.stale(["all/figure"])
    part = json.loads((run.results / "toy" / f"toy-{kind}.json").read_text())["parts"]["figure"]
    assert f'"toy-{kind}": "1' in json.dumps(part)


def test_a_study_of_a_kind_measures_a_new_carrier(kodak, capsys):
    command = ["bench", "carriers", "--data", str(kodak), "--results", str(kodak / "results"), "--json"]
    assert main([*command, "--only", "toy-carrier"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["toy-carrier/none/bit_accuracy"]["mean"] == 1


def test_a_replaced_weight_is_refused(toys):
    path = toys / "toy_detector" / "toy.safetensors"
    content = path.read_bytes()
    zoo.load.cache_clear()
    path.write_bytes(content[:-1])
    with pytest.raises(WeightsError, match="sha256"):
        zoo.load("toy-detector")
    path.write_bytes(content)
    assert zoo.load("toy-detector").evidence(IMAGE).fake_prob > 0


def test_the_weights_of_a_block_are_checked_with_the_system():
    names = [weight.path.name for weight in zoo.card("photo").weights]
    assert names == ["sketch.safetensors", "witness.safetensors", "locator.safetensors", "fusion.safetensors"]
    assert not zoo.card("photo").own_weights
    listed = [weight.path.resolve() for name in ("sketch", "lattice-locator", "fusion", *zoo.names())
              for weight in zoo.card(name).own_weights]  # fmt: skip
    assert len(listed) == len(set(listed))
