"""examine: from a picture to an ExamineReport and its files, with detectors whose answers are known."""

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image
from skimage import data

import underdrawing
from underdrawing import zoo
from underdrawing.api.examining import Examiner
from underdrawing.api.picture_text import GivenText
from underdrawing.core.interfaces import FaceEvidence, Localization
from underdrawing.data.sources import decode_source
from underdrawing.judging.face_decision import FaceDecision
from underdrawing.judging.map_agreement import PictureDecision
from underdrawing.report.examined import examined_files

ASTRONAUT = data.astronaut()
DECISION = FaceDecision({"red": 0.5, "sure": 0.5}, 1.0, 0.0, 0.9, 0.5, {}, "nothing")


class Stub:
    """A detector that calls faces forged where their middle is red, and knows no dark faces."""

    def __init__(self, least_mean=0):
        self.least_mean, self.received = least_mean, []

    def evidence(self, face):
        self.received.append(face.shape)
        red, _, blue = face[len(face) // 3 : -len(face) // 3].mean((0, 1))
        outside = face.mean() < self.least_mean
        return FaceEvidence(0.99 if red > blue + 90 else 0.02, 1.5 if outside else 0.5, bool(outside))

    def heat(self, face):
        return np.linspace(-1, 1, face[..., 0].size, dtype=np.float32).reshape(face.shape[:2])


class Half:
    """Marks the upper half, or the lower one where a text names it."""

    def examine(self, image, lower=False):
        maps = np.zeros(image.shape[:2], np.float32)
        maps[: len(maps) // 2] = 1
        return Localization(maps[::-1] if lower else maps, np.ones_like(maps), 0.9)

    def examine_with_text(self, image, text):
        return self.examine(image, "lower" in text)


class Nothing:
    def examine(self, image):
        return Localization(np.zeros(image.shape[:2], np.float32), np.ones(image.shape[:2], np.float32), 0.3)


def examine(image, decision=DECISION, localizers=None, least_mean=0, picture=None, **options):
    detectors = {"red": Stub(least_mean), "sure": Stub(least_mean)}
    trained = {"red": "red faces", "sure": "red faces"}
    examiner = Examiner(zoo.load("face-detector"), detectors, localizers or {}, decision, trained,
                        picture_decision=picture)  # fmt: skip
    return examiner.examine(decode_source(image), **options)


def reddened(image, left=178, top=57, width=95, height=120):
    forged = image.copy()
    forged[top : top + height, left : left + width] //= np.uint8([1, 3, 3])
    return forged


def test_an_untouched_face_shows_no_signs_which_proves_nothing():
    report = examine(ASTRONAUT)
    assert report.status == "none" and "proves nothing" in report.message
    (face,) = report.faces
    assert face.joint_prob == pytest.approx(0.02) and face.reason is None
    assert face.crop.image.shape[0] == round(1.3 * face.face.box[3])


def test_a_forged_face_shows_signs_and_other_faces_stay_apart():
    pair = np.concatenate([reddened(ASTRONAUT), ASTRONAUT], 1)
    report = examine(pair)
    assert sorted(face.status for face in report.faces) == ["none", "signs"]
    assert report.status == "signs" and "Signs of forgery in face" in report.message
    assert "up to 99 %" in report.message and "No signs of forgery found in 1 of 2 faces" in report.message


def test_no_face_is_no_answer():
    report = examine(data.coffee())
    assert report.status == "unknown" and not report.faces and "no face" in report.message


@pytest.mark.parametrize("scale", [0.35, 0.2])
def test_a_small_face_is_found_or_not_and_never_judged(scale):
    small = np.asarray(Image.fromarray(ASTRONAUT).resize([round(512 * scale)] * 2, Image.Resampling.BOX))
    report = examine(small)
    assert report.status == "unknown" and all(face.reason == "small" for face in report.faces)
    assert len(report.faces) == (scale > 0.3)


def test_a_small_face_behind_others_changes_nothing():
    group = np.zeros((512, 700, 3), np.uint8)
    group[:, :512] = ASTRONAUT
    group[:179, 512:691] = np.asarray(Image.fromarray(ASTRONAUT).resize((179, 179), Image.Resampling.BOX))
    report = examine(group)
    assert [face.reason for face in report.faces] == [None, "small"] and report.status == "none"
    assert "1 of 2 faces" in report.message and "Cannot tell for face 2: too small" in report.message


def test_faces_that_no_detector_knows_are_not_judged():
    report = examine(ASTRONAUT // 2, least_mean=90)
    (face,) = report.faces
    assert report.status == "unknown" and face.reason == "outside" and face.joint_prob is None
    entry = report.to_json()["faces"][0]
    assert entry["fake_prob"] == {"red": None, "sure": None} and entry["outside_training"]
    assert entry["distance"] == {"red": 1.5, "sure": 1.5}


def test_a_turned_face_is_not_judged():
    report = examine(np.rot90(ASTRONAUT).copy())
    assert report.status == "unknown" and [face.reason for face in report.faces] == ["turned"]


def test_evidence_between_is_not_an_answer():
    report = examine(ASTRONAUT, dataclasses.replace(DECISION, clear=0.01))
    assert report.status == "unknown" and report.faces[0].reason == "between"
    assert "too little evidence" in report.message


def test_without_a_joint_decision_detectors_are_reported_alone():
    report = examine(reddened(ASTRONAUT), None)
    assert report.status == "unknown" and report.faces[0].reason == "undecided"
    assert report.to_json()["faces"][0]["fake_prob"] == {"red": 0.99, "sure": 0.99}


def test_gray_transparent_deep_and_tiny_pictures():
    gray = Image.fromarray(ASTRONAUT).convert("L")
    assert examine(gray).status == "none"
    clear = Image.fromarray(np.dstack([ASTRONAUT, np.zeros((512, 512), np.uint8)]), "RGBA")
    assert not examine(clear).faces
    assert examine(ASTRONAUT.astype(np.uint16) * 257).status == "none"
    assert underdrawing.examine(np.zeros((16, 16, 3), np.uint8)).status == "unknown"


def test_fifty_faces():
    part = Image.fromarray(ASTRONAUT[:256, 100:356]).resize((160, 160), Image.Resampling.BOX)
    report = examine(np.tile(np.asarray(part), (5, 10, 1)))
    assert len(report.faces) == 50 and report.status == "none" and len(report.message) < 200
    small = examine(np.tile(np.asarray(part)[::2, ::2], (5, 10, 1)))
    assert small.status == "unknown" and f"{len(small.faces)} faces: too small" in small.message


def test_a_drawing_of_no_face():
    assert examine(data.colorwheel()).status == "unknown"


def test_the_files_of_a_report(tmp_path):
    report = examine(reddened(ASTRONAUT), localizers={"half": Half()}, heat=True)
    files = examined_files(report, "a", folder=tmp_path)
    assert sorted(name for name in files if ".evidence." not in name) == [
        "a.examined.face1.red.png", "a.examined.face1.sure.png", "a.examined.html", "a.examined.json",
        "a.examined.map.half.png", "a.examined.reliability.half.png",
    ]  # fmt: skip
    assert "a.examined.evidence.error-level.png" in files
    stored = json.loads(files["a.examined.json"])
    assert stored["maps"] == {"half": str(tmp_path / "a.examined.map.half.png")}
    assert stored["tampered_prob"] == {"half": 0.9} and stored["detectors"] == {
        "red": "red faces",
        "sure": "red faces",
    }
    mask = np.asarray(Image.open(io.BytesIO(files["a.examined.map.half.png"])))
    assert mask.shape == (512, 512) and mask[0, 0] == 255 and mask[-1, -1] == 0
    heat = np.asarray(Image.open(io.BytesIO(files["a.examined.face1.red.png"]))).astype(int)
    assert heat.shape == report.faces[0].crop.image.shape
    assert heat[0, 0, 2] > heat[0, 0, 0] and heat[-1, -1, 0] > heat[-1, -1, 2]
    page = files["a.examined.html"].decode()
    assert "Signs of forgery" in page and "red was trained on" in page
    assert page.count("<img") == 1 + sum(name.endswith(".png") for name in files)
    assert "Classical evidence" in page and "windows of a facade" not in page


def test_localizers_decide_on_the_whole_picture_where_a_decision_fits_them():
    coffee, decision = data.coffee(), PictureDecision(0.8, 0.2, {}, "nothing")
    undecided = examine(coffee, localizers={"half": Half()})
    assert undecided.status == "unknown" and undecided.picture_prob is None
    assert "The only localizer marks a part (50 %" in undecided.message
    decided = examine(coffee, localizers={"half": Half()}, picture=decision)
    assert decided.status == decided.picture_status == "signs" and "probability 90 %" in decided.message
    both = examine(coffee, localizers={"half": Half(), "no": Nothing()}, picture=decision)
    assert both.status == "unknown" and both.picture_prob == pytest.approx(0.663, abs=0.001)
    assert "Only half of 2 localizers marks a part" in both.message
    names = examined_files(both, "a")
    assert "a.examined.joint.png" in names and json.loads(names["a.examined.json"])["agreement"]["marked"]


def test_a_text_goes_to_the_localizers_that_use_one():
    plain = examine(data.coffee(), localizers={"half": Half()})
    lower = GivenText("the lower half is new")
    other = examine(data.coffee(), localizers={"half": Half()}, texts=lower)
    assert (plain.localizations["half"].tampered_prob[0] == 1).all()
    assert (other.localizations["half"].tampered_prob[0] == 0).all()
    assert plain.text is None and other.to_json()["text"] == lower.value
    assert b"the lower half is new" in examined_files(other, "a")["a.examined.html"]
    unused = examine(data.coffee(), localizers={"no": Nothing()}, texts=lower)
    assert any("the text is not used" in note for note in unused.notes)
    with pytest.raises(underdrawing.UsageError, match="1 to 20000 characters"):
        underdrawing.examine(data.coffee(), text=" ")


def test_classical_evidence_is_reported_and_decides_nothing():
    copied = ASTRONAUT.copy()
    copied[380:480, 20:120] = ASTRONAUT[60:160, 180:280]
    report = examine(copied)
    assert report.evidence["copy-move"].found and report.status == "none"
    assert "decides nothing: copy-move" in report.message
    files = examined_files(report, "a")
    found = json.loads(files["a.examined.json"])["evidence"]["copy-move"]
    assert found["found"] and found["score"] >= 8 and found["map"] == "a.examined.evidence.copy-move.png"
    page = files["a.examined.html"].decode()
    assert "occurs twice" in page and "windows of a facade" in page


def test_the_same_picture_gives_the_same_report():
    first, second = (examine(ASTRONAUT).to_json() for _ in range(2))
    for report in (first, second):
        del report["seconds"], report["checked"]
    assert first == second


def test_results_are_written_and_not_overwritten(tmp_path):
    report = underdrawing.examine(ASTRONAUT, tmp_path, stem="astro")
    assert (tmp_path / "astro.examined.json").is_file() and report.written["html"].endswith("examined.html")
    with pytest.raises(underdrawing.OutputError, match="exists"):
        underdrawing.examine(ASTRONAUT, tmp_path, stem="astro")
    underdrawing.examine(ASTRONAUT, tmp_path, stem="astro", overwrite=True)
    assert "unknown" in repr(report) or "none" in repr(report) or "signs" in repr(report)
    assert "<img" in report._repr_html_()
