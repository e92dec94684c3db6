"""Pictures that hold little, as text pages and line art: what `protect` says, and what `verify` finds."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from underdrawing.api import Session
from underdrawing.coding.keys import Owner


def text_page(width: int = 620, height: int = 877) -> np.ndarray:
    page = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for line in range(38):
        draw.text((60, 70 + 20 * line), f"line {line} of a page of plain text, black on white", "black", font)
    return np.asarray(page)


def line_drawing(side: int = 512) -> np.ndarray:
    drawing, rng = np.full((side, side, 3), 255, np.uint8), np.random.default_rng(2)
    for _ in range(40):
        centre, radius = rng.integers(0, side, 2), int(rng.integers(10, side // 4))
        cv2.ellipse(drawing, centre.tolist(), (radius, radius // 2), 30, 0, 270, (0, 0, 0), 2, cv2.LINE_AA)
    return drawing


@pytest.fixture(scope="module")
def session():
    with Session(sign=Owner.create()) as session:
        yield session


@pytest.mark.parametrize(
    ("make", "statuses"),
    [(text_page, {"unvouched"}), (line_drawing, {"unvouched", "unprotected"})],
    ids=["page", "drawing"],
)
def test_limits_of_pages_and_drawings_are_stated(make, statuses, session):
    """The edit is missed, and the picture is not called intact; an edited drawing may lose its identity."""
    picture = make()
    report = session.protect(picture)
    found = report.to_json()
    assert found["bits"]["content"] == 0
    assert found["verdict_can"] == ["identity"]
    (note,) = (note for note in found["notes"] if "bits" in note)
    assert f"the mark has {found['bits']['base']} bits and no room for a content code" in note
    assert "re-encoded, edits of text and lines may be missed" in note
    edited = report.protected.image.copy()
    edited[200:260, 100:300] = picture[300:360, 100:300]
    copy = io.BytesIO()
    Image.fromarray(edited).save(copy, "JPEG", quality=80)
    verdict = session.judge(copy.getvalue()).verdict
    assert verdict.status in statuses
    if verdict.status == "unvouched":
        assert verdict.identity == report.identity and verdict.altered_fraction == 0


def test_a_photograph_can_be_judged_and_recovered(session):
    found = session.protect(data.astronaut()).to_json()
    assert found["verdict_can"] == ["identity", "signature", "altered", "recovered"]
    assert not any("line art" in note for note in found["notes"])
