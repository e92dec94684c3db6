"""The study of marks of faces, with carriers whose errors are known."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import zoo
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.face_channels import DEEPFAKES, NOTHING, Through
from underdrawing.bench.harness.render import render
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies.watermarks import messages, study, tables
from underdrawing.bench.studies.watermarks.turning import loaded
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.carriers.turned import in_turn
from underdrawing.coding.short_identity import short_identity
from underdrawing.core.errors import OutputError, PictureError
from underdrawing.core.interfaces import Reading

PROTOCOL = replace(study.PROTOCOL, again_faces=2, photo_sets=("people",))


class Corner:
    """Writes each bit into a pixel of the top rows: lost by every lossy channel and by a further message."""

    def __init__(self, room=64):
        self.room = room

    def capacity_bits(self, image_u8):
        return self.room

    def embed(self, image_u8, bits):
        marked = image_u8.copy()
        marked[0, : len(bits)] = 255 * bits[:, None]
        return SimpleNamespace(apply=lambda pixels: marked)

    def read(self, received_u8, count):
        return Reading(1.0 - 2.0 * (received_u8[0, :count, 0] > 127), None)


@pytest.fixture
def measured(face_set, tmp_path, monkeypatch):
    (tmp_path / "people").mkdir()
    for name in "ab":
        Image.fromarray(data.astronaut()[:256, 60:316]).save(tmp_path / f"people/{name}.png")
    found = {"waveguard": Corner(), "lattice": Corner(0)}
    monkeypatch.setattr(zoo, "available", lambda kind: (found, {}))
    monkeypatch.setattr(study, "BENIGN", (NOTHING, Through(Jpeg(50))))
    monkeypatch.setattr(study, "DEEPFAKES", DEEPFAKES[1:2])
    settings = {"faces": str(face_set), "unmarked": "10"}
    study.run(Run(tmp_path / "results", tmp_path, photos=3, settings=settings), PROTOCOL)
    return study.STUDY.store(tmp_path / "results")


def test_figures_of_a_mark_that_only_a_lossless_file_keeps(measured):
    figures = {key: value["mean"] for key, value in measured.figures.items()}
    assert figures["waveguard/bits"] == 64 and 20 < figures["waveguard/psnr_db"] < 45
    assert figures["waveguard/none/ber"] == 0 and figures["waveguard/none/identity"] == 1
    assert figures["waveguard/benign/ber"] == pytest.approx(figures["waveguard/jpeg50/ber"] / 2)
    assert figures["waveguard/reenact/ber"] == figures["waveguard/deepfakes/ber"] == 0
    assert figures["lattice/has_room"] == 0 and "lattice/bits" not in figures
    assert figures["waveguard/photo/none/identity"] == 1 and figures["waveguard/photo/crop70%/identity"] == 0
    assert figures["waveguard/again/0/ber"] == 0 and 0.3 < figures["waveguard/again/1/ber"] < 0.7
    assert figures["waveguard/unmarked/accepted"] == 0
    assert measured.figures["waveguard/unmarked/accepted"]["n"] == 10
    assert measured.parts["faces-waveguard"]["photos"] == 3


def test_tables_show_them_beside_the_paper(measured):
    joint = render(tables.joint(measured))
    assert "| WaveGuard | 64 |" in joint and "0 of 10" in joint
    assert "Without room in a crop of 128 px: lattice." in joint and "screenshot" in joint
    own = render(tables.channels(measured, "waveguard"))
    assert "| none | 0.00 (0.0, 0.0) / 100.0 | 0.00 |" in own and "mean of deepfakes" in own
    again = render(tables.again(measured))
    assert "WaveGuard in AIS's table 1" in again and "5 more" in again
    assert tables.channels(measured, "dawf") is None


def test_tables_without_results_are_empty(tmp_path):
    store = study.STUDY.store(tmp_path)
    assert all(make(store) is None for make in study.STUDY.tables.values())


def test_a_message_is_an_identity_in_the_longest_code_with_room():
    rng = np.random.default_rng(1)
    assert messages.Message.draw(29, rng) is None
    message = messages.Message.draw(100, rng)
    assert len(message.bits) == 64 and np.array_equal(short_identity(64).encode(message.number), message.bits)


def test_another_identity_is_counted_as_wrong_and_none_as_neither():
    code = short_identity(30)
    message = messages.Message(code, 5, code.encode(5))
    carrier = Corner(30)
    image = np.zeros((40, 40, 3), np.uint8)
    other = messages.Message(code, 6, code.encode(6)).embed(carrier, image)[0]
    values = message.read(carrier, other)
    assert values["wrong"] and not values["identity"] and values["ber"] >= 11 / 30
    damaged = message.embed(carrier, image)[0]
    damaged[0, 3] = 255 - damaged[0, 3]
    values = message.read(carrier, damaged)
    assert not values["wrong"] and not values["identity"] and values["ber"] == pytest.approx(1 / 30)
    assert messages.accepted(carrier, other) and not messages.accepted(carrier, damaged)
    assert messages.accepted(Corner(8), image) is None


def test_photographs_of_the_training_are_left_out(face_set, tmp_path, monkeypatch):
    folder = tmp_path / "photo"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), data.astronaut()[:64, :64])
    held_out = study.HeldOut(face_set, study.Run(tmp_path, tmp_path).sets, 128, None, 1)
    assert [photo.name for photo in held_out.photographs(("photo",))] == ["a"]
    entry = SimpleNamespace(source="photo", file="train/real/photo-a-0.png", kind="real", split="train")
    monkeypatch.setattr("underdrawing.bench.studies.watermarks.samples.read_manifest", lambda _: [entry])
    with pytest.raises(PictureError, match="held out"):
        held_out.photographs(("photo",))


def test_an_unknown_part_is_refused(face_set, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "available", lambda kind: ({"toy": Corner()}, {}))
    run = Run(tmp_path, tmp_path, only=("nothing",), settings={"faces": str(face_set)})
    with pytest.raises(OutputError, match="faces-toy"):
        study.run(run, PROTOCOL)


def test_crops_are_read_without_a_search_for_moved_pictures():
    assert LatticeCarrier().moved and not study.in_place(LatticeCarrier()).moved
    corner = Corner()
    assert study.in_place(corner) is corner


def test_a_turned_carrier_leaves_the_first_message():
    carrier, face = loaded("waveguard:turned"), np.ascontiguousarray(data.astronaut()[40:168, 160:288])
    rng = np.random.default_rng(3)
    first, second = (messages.Message.draw(30, rng) for _ in range(2))
    marked = carrier.embed(face, first.bits).apply(face)
    again = carrier.embed(marked, second.bits).apply(marked)
    assert np.array_equal(carrier.read(again, 30).bits, first.bits)
    assert in_turn(carrier.carrier, 1).read(again, 30).bits.tolist() == second.bits.tolist()
