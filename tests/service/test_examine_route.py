"""Examination over HTTP: a photograph with one face, one without, wrong input, jobs and the client."""

import io

import numpy as np
import pytest
import skimage.data
from conftest import png
from PIL import Image
from stand_in_tasks import order

from underdrawing import zoo
from underdrawing.client import Client
from underdrawing.client.results import Examination
from underdrawing.judging.classical import METHODS
from underdrawing.service.responses import artefacts


@pytest.fixture(scope="module")
def portrait() -> bytes:
    """A photograph of one person, PNG of 400 x 300."""
    return png(skimage.data.astronaut()[:300, 60:460])


@pytest.fixture(scope="module")
def answer(desk, portrait) -> dict:
    reply = desk.client().send("/v1/examine", portrait)
    assert reply.status == 200, reply.body
    return reply.json()


def test_a_face_is_found_where_it_is(answer):
    assert answer["file"] == "picture" and answer["size"] == [400, 300]
    (face,) = answer["faces"]
    left, top, width, height = face["box"]
    assert left < 165 < left + width and top < 130 < top + height and 60 < width < 140  # the nose
    assert answer["status"] in (face["status"], answer["picture_status"])
    assert set(face["fake_prob"]) == set(answer["detectors"])
    assert answer["sha256"] and answer["message"]


def test_every_detector_of_the_zoo_answers_with_a_heat_map(desk, answer):
    expected = {name for name in zoo.names("detector") if zoo.card(name).own_weights}
    assert expected <= set(answer["detectors"]) and all(answer["detectors"][name] for name in expected)
    for name in expected:
        heat = Image.open(io.BytesIO(desk.client().get(answer["artefacts"][f"face1.{name}"]["url"]).body))
        assert heat.size[0] == heat.size[1] > max(answer["faces"][0]["box"][2:])


def test_page_and_preview_can_be_fetched(desk, answer):
    client, files = desk.client(), answer["artefacts"]
    preview = np.asarray(Image.open(io.BytesIO(client.get(files["received"]["url"]).body)))
    assert preview.shape == (300, 400, 3)
    report = client.get(f"{files['report']['url']}?download=true")
    assert b"picture" in report.body and "sandbox" in report.headers["content-security-policy"]
    assert 'filename="picture.examined.html"' in report.headers["content-disposition"]
    assert not any(name.endswith("json") for name in files)


def test_a_picture_without_a_face_is_answered_as_a_whole(desk, photo):
    reply = desk.client().send("/v1/examine", photo)
    assert reply.status == 200
    found = reply.json()
    assert found["status"] == found["picture_status"] != "signs" and found["faces"] == []
    assert "no face" in found["message"].lower()
    page = np.full((300, 400, 3), 255, np.uint8)
    assert desk.client().send("/v1/examine", png(page)).json()["status"] == "unknown"


def test_the_whole_picture_has_classical_evidence_with_maps(desk, answer):
    assert set(answer["evidence"]) == set(METHODS) and "picture_status" in answer
    for found in answer["evidence"].values():
        assert set(found) == {"found", "score", "sentence", "innocent"} and found["sentence"]
    address = answer["artefacts"]["evidence.error-level"]["url"]
    levels = np.asarray(Image.open(io.BytesIO(desk.client().get(address).body)))
    assert levels.shape == (300, 400) and levels.max() > 0


def test_a_text_is_a_field_of_its_own(desk, portrait):
    reply = desk.client().send("/v1/examine", portrait, {"text": "A portrait"})
    assert reply.status == 200
    assert reply.json()["text"] == "A portrait"
    assert desk.client().send("/v1/examine", portrait, {"text": "a" * 20_001}).status == 422


def test_without_a_text_findings_are_put_into_words(desk):
    copied = skimage.data.astronaut().copy()
    copied[380:480, 20:120] = copied[60:160, 180:280]
    reply = desk.client().send("/v1/examine", png(copied), {"describe": "true"})
    assert reply.status == 200 and "copied detail at the top centre" in reply.json()["text"]
    fields = {"describe": "true", "text": "A portrait"}
    assert desk.client().send("/v1/examine", png(copied), fields).json()["text"] == "A portrait"
    assert desk.client().send("/v1/examine", png(copied)).json()["text"] is None


def test_wrong_input_is_refused(desk, portrait):
    client = desk.client()
    assert client.send("/v1/examine", b"no picture").status == 415
    assert client.send("/v1/examine", portrait[:2000]).status == 422
    assert client.send("/v1/examine", portrait, {"strength": "1"}).status == 422


def test_the_client_has_it_typed_and_a_job_does_it_later(desk, portrait):
    client = Client(desk.url, desk.tokens["reader"])
    found = client.examine(portrait)
    (face,) = found.faces
    assert isinstance(found, Examination) and found.size == (400, 300) and face.box[2] > 60
    assert found.evidence["error-level"].found is False and found.picture_status in ("none", "unknown")
    assert client.fetch(found.artefacts["report"]).lower().startswith(b"<!doctype html")
    job = client.wait(client.create_job("examine", [portrait, b"no picture"]), timeout_s=120)
    first, second = job.results
    assert first.answer.faces[0].box == face.box and second.problem and second.answer is None


def test_examined_pictures_are_counted(start):
    server = start()
    assert server.client().send("/v1/examine", order("answer")).json()["status"] == "none"
    counted = server.client().get("/metrics").body.decode()
    assert 'underdrawing_examinations_total{status="none"} 1.0' in counted


def test_kinds_of_files():
    names = ("picture.examined.html", "picture.examined.face12.a-b.png", "picture.received.jpg")
    names += ("picture.report.html", "picture.report.pdf", "protected.jpg", "picture.mask.png")
    kinds = artefacts("id", dict.fromkeys(names[:3], 1)) | artefacts("id", dict.fromkeys(names[3:], 1))
    assert list(kinds) == ["report", "face12.a-b", "received", "pdf", "protected", "mask"]
