"""The page's examination of faces, with an answer of three faces in place of the server's."""

import io
import json

import numpy as np
import pytest
from browsing import drop
from PIL import Image
from skimage import data
from test_page_queue import SIZES, violations

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect

PICTURE = data.astronaut()
MAP = np.repeat([np.uint8([255] * 128 + [0] * 128)], 256, 0)
"""White on the left half."""
RED = np.full((64, 64, 3), (214, 40, 30), np.uint8)
BOXES = [(180.0, 70.0, 90.0, 110.0), (20.0, 300.0, 60.0, 60.0), (400.0, 20.0, 20.0, 24.0)]
FOUND = [("signs", {"a": 0.93, "b": None}, 0.97, None), ("none", {"a": 0.02, "b": 0.04}, 0.03, None)]
FOUND += [("unknown", {}, None, "small")]


def file(name: str, media: str = "image/png") -> dict:
    return {"url": f"/v1/artefacts/x/{name}", "media_type": media, "bytes": 1}


def answer(**changes) -> dict:
    """The answer to POST /v1/examine: two detectors, heat maps of the first face."""
    faces = [
        {"box": box, "landmarks": [[1, 2]] * 5, "status": status, "fake_prob": probabilities,
         "distance": {}, "outside_training": False, "joint_prob": joint, "reason": reason}
        for box, (status, probabilities, joint, reason) in zip(BOXES, FOUND, strict=True)
    ]  # fmt: skip
    return {
        "file": "group.png", "status": "signs", "message": "Signs of forgery in face 1 of 3.",
        "size": [512, 512], "faces": faces, "detectors": {"a": "swapped faces", "b": "faces of GANs"},
        "agreement": None, "evidence": {}, "notes": [],
        "sha256": "0" * 64, "checked": "2026-01-02T03:04:05Z", "seconds": 0.1,
        "artefacts": {"received": file("r.png"), "face1.a": file("heat.png"), "report": file("r.html")},
        "artefacts_seconds": 900.0,
    } | changes  # fmt: skip


def serve(page, body: dict) -> None:
    page.route("**/v1/examine", lambda route: route.fulfill(status=200, body=json.dumps(body)))
    for name, image in (("r.png", PICTURE), ("heat.png", RED), ("map.png", MAP)):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        content = {"body": buffer.getvalue(), "content_type": "image/png"}
        page.route(f"**/artefacts/x/{name}", lambda route, _, content=content: route.fulfill(**content))


def examine(page, body: dict) -> None:
    serve(page, body)
    page.check("[name=task][value=examine]")
    drop(page, "group.png", b"any")
    expect(page.locator("#examined")).to_be_visible()


def pixel(page, x: float, y: float) -> list[int]:
    """RGB of the shown picture at a place in px of the received one."""
    page.wait_for_timeout(300)  # until the pictures in it are drawn
    shot = np.array(Image.open(io.BytesIO(page.locator("#portrait").screenshot())).convert("RGB"))
    scale = min(shot.shape[0], shot.shape[1]) / 512
    left, top = (shot.shape[1] - 512 * scale) / 2, (shot.shape[0] - 512 * scale) / 2
    return shot[round(top + scale * y), round(left + scale * x)].astype(int).tolist()


@pytest.mark.parametrize("page", SIZES, indirect=True, ids=["desk", "phone"])
def test_each_face_is_outlined_numbered_and_explained(page):
    examine(page, answer())
    expect(page.locator("#examined-title")).to_have_text("⚠ Signs of forgery")
    expect(page.locator("#live")).to_contain_text("Signs of forgery in face 1 of 3")
    assert page.evaluate("document.activeElement.id") == "examined-title"
    assert page.locator("#portrait rect[class]").count() == 3
    assert page.locator("#portrait text").all_text_contents() == ["1", "2", "3"]
    faces = page.locator("#faces li")
    expect(faces.nth(0)).to_contain_text("Face 1: Signs of forgery, probability 97\u00a0%")
    expect(faces.nth(0)).to_contain_text("outside what this detector knows")
    expect(faces.nth(1)).to_contain_text("Face 2: No signs found, probability 3\u00a0%")
    expect(faces.nth(2)).to_contain_text("too small to examine")
    expect(page.locator("#trained")).to_contain_text("faces of GANs")
    expect(page.locator("#queue")).to_contain_text("⚠ Signs of forgery")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_heat_map_of_a_detector_replaces_the_faces(page):
    examine(page, answer())
    middle = (225, 125)  # of the first face
    assert page.locator("[name=heat]").count() == 2  # none and a; b has no map
    before, elsewhere = pixel(page, *middle), pixel(page, 50, 450)
    page.check("[name=heat][value=a]")
    after = pixel(page, *middle)
    assert np.abs(np.subtract(after, RED[0, 0])).max() < 12 < np.abs(np.subtract(before, RED[0, 0])).max()
    assert pixel(page, 50, 450) == elsewhere
    expect(page.locator("#heat-caption")).to_contain_text("as a weighs them")
    page.check("[name=heat][value='']")
    assert pixel(page, *middle) == before
    assert violations(page) == []


WHOLE = {
    "jpeg-grid": {
        "found": True,
        "score": 9.5,
        "sentence": "A part has a grid.",
        "innocent": "Collages, too.",
    },
    "noise": {"found": False, "score": 0.4, "sentence": "The same.", "innocent": "Proves nothing."},
    "copy-move": {"found": None, "score": None, "sentence": "Not applied.", "innocent": "Nothing."},
}


def test_maps_of_the_whole_picture_are_laid_over_it_and_evidence_is_explained(page):
    body = answer(faces=[], detectors={}, evidence=WHOLE)
    body["agreement"] = {
        "marked": {"x": 0.5},
        "overlap": None,
        "sentence": "One marks a part.",
    }
    maps = ("map.x", "evidence.jpeg-grid", "evidence.error-level")
    body["artefacts"] |= dict.fromkeys(maps, file("map.png"))
    examine(page, body)
    expect(page.locator("#whole-part")).to_be_visible()
    expect(page.locator("#agreement")).to_have_text("One marks a part.")
    methods = page.locator("#evidence li")
    expect(methods.nth(0)).to_contain_text("JPEG grid: found something")
    expect(methods.nth(0)).to_contain_text("Collages, too.")
    expect(methods.nth(1)).to_contain_text("noise: found nothing")
    expect(methods.nth(2)).to_contain_text("copies: not applied")
    left, right = (60, 450), (450, 450)
    before, elsewhere = pixel(page, *left), pixel(page, *right)
    for kind, caption in (("map.x", "by x"), ("evidence.jpeg-grid", "It decides nothing")):
        page.check(f"[name=heat][value='{kind}']")
        shown = pixel(page, *left)
        assert np.abs(np.subtract(shown, RED[0, 0])).max() < 60 and shown != before, shown
        assert pixel(page, *right) == elsewhere
        expect(page.locator("#heat-caption")).to_contain_text(caption)
    page.check("[name=heat][value='evidence.error-level']")
    assert pixel(page, *left) == [255] * 3 and pixel(page, *right) == [0] * 3
    assert violations(page) == []


def test_no_face_and_no_signs(page):
    nobody = answer(status="unknown", faces=[], message="Cannot tell: no face was found in the picture.")
    examine(page, nobody)
    expect(page.locator("#examined-title")).to_have_text("? Cannot tell")
    expect(page.locator("#faces-part")).to_be_hidden()
    expect(page.locator("#heats")).to_be_hidden()
    clear = answer(status="none")
    clear["faces"] = clear["faces"][1:2]
    examine(page, clear)
    expect(page.locator("#examined-title")).to_have_text("○ No signs found (this proves nothing)")


def test_what_has_expired_is_still_explained(page):
    examine(page, answer())
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 1e9; }")
    page.get_by_label("Show group.png").click()
    expect(page.locator("#examined-until")).to_contain_text("expired")
    expect(page.locator("#examined-look")).to_be_hidden()
    assert page.locator("#faces .closeup").count() == 0
    expect(page.locator("#faces")).to_contain_text("93\u00a0%")
