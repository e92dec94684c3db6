"""Texts about pictures: given, kept in a folder, made of findings; the first source that has one."""

import hashlib

import numpy as np
import pytest
from PIL import Image
from skimage import data

import underdrawing
from underdrawing import Captions, FindingsText, FirstText, GivenText, UsageError
from underdrawing.data.sources import decode_source
from underdrawing.judging.classical import classical_evidence
from underdrawing.judging.classical.evidence import Evidence
from underdrawing.judging.classical.view import View
from underdrawing.judging.picture_words import findings_in_words


@pytest.fixture
def photo(tmp_path):
    """A file in a folder of its own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(data.astronaut()[:80, :80]).save(folder / "space.man.png")
    return folder / "space.man.png"


def of(texts, source, faces=0, evidence=None):
    return texts.text(decode_source(source), faces, evidence or {})


def at(top, left, height=40, width=40):
    """A finding of a region in a picture of 240 x 240."""
    unit = np.zeros((240, 240), np.float32)
    unit[top : top + height, left : left + width] = 0.8
    return unit


def found(unit):
    return Evidence(True, "Something.", "Nothing else.", 9.0, unit)


def test_captions_are_found_by_hash_name_and_stem(photo, tmp_path):
    captions = Captions(tmp_path)
    assert of(captions, photo) is None
    names = ["space.man.txt", "space.man.png.txt", f"{hashlib.sha256(photo.read_bytes()).hexdigest()}.txt"]
    for number, name in enumerate(names):  # each is preferred to those before
        (tmp_path / name).write_text(f" text {number}\n")
        assert of(captions, photo) == f"text {number}"
    assert of(captions, photo.read_bytes()) == "text 2"  # without a name
    assert of(captions, data.coffee()) is None  # without a file


def test_captions_may_lie_beside_the_pictures(photo):
    photo.with_suffix(".txt").write_bytes(b"\xef\xbb\xbfEin Mann im Anzug f\xc3\xbcr das All")
    assert of(Captions(photo.parent), photo) == "Ein Mann im Anzug für das All"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea", "no UTF-8"),
        (b" \n", "1 to 20000 characters, got 0"),
        (b"a" * 20_001, "got 20001"),
        (b"a" * 90_000, "got more"),
    ],
)
def test_a_text_that_is_none_is_an_error_that_names_the_file(photo, content, message):
    path = photo.with_suffix(".txt")
    path.write_bytes(content)
    for read in (lambda: GivenText.read(path), lambda: of(Captions(photo.parent), photo)):
        with pytest.raises(UsageError, match=message) as error:
            read()
        assert "space.man.txt" in str(error.value)
    with pytest.raises(UsageError, match="cannot be read"):
        GivenText.read(photo.parent)


def test_a_given_text_is_that_of_every_picture(photo):
    given = GivenText(" The first man\n")
    assert of(given, photo) == of(given, data.coffee()) == "The first man"
    for text in ("", " ", "a" * 20_001):
        with pytest.raises(UsageError, match="1 to 20000"):
            underdrawing.examine(data.coffee(), text=text)


def test_the_first_source_that_has_a_text_gives_it(photo):
    first = FirstText((Captions(photo.parent), FindingsText(), GivenText("last")))
    assert of(first, photo) == "last"
    assert of(first, photo, evidence={"noise": found(at(0, 0))}).startswith("I suspect")
    photo.with_suffix(".txt").write_text("first")
    assert of(first, photo, evidence={"noise": found(at(0, 0))}) == "first"
    assert of(FirstText(()), photo) is None


@pytest.mark.parametrize(
    ("name", "region", "sentence"),
    [
        ("jpeg-grid", at(0, 0), "I suspect a small pasted object at the top left."),
        ("double-jpeg", at(100, 190, 50, 50), "I suspect a pasted object at the middle right."),
        ("resampling", at(120, 60, 120, 120), "I suspect a large pasted object at the bottom centre."),
        ("copy-move", at(200, 0), "I suspect a small copied detail at the bottom left."),
        ("noise", at(0, 200), "I suspect a small altered area at the top right."),
    ],
)
def test_a_finding_in_words(name, region, sentence):
    assert findings_in_words(0, {name: found(region)}) == sentence


def test_a_part_and_its_copy_are_two_places_and_specks_are_none():
    unit = np.maximum(np.maximum(at(0, 0), at(200, 200)), at(100, 100, 10, 10))
    text = findings_in_words(2, {"copy-move": found(unit), "noise": found(at(0, 0))})
    assert text == (
        "I suspect a small copied detail at the top left. "
        "I suspect a small copied detail at the bottom right. "
        "I suspect a small altered area at the top left. 2 faces."
    )
    same = {"jpeg-grid": found(at(0, 0)), "double-jpeg": found(at(0, 0))}
    assert findings_in_words(1, same) == "I suspect a small pasted object at the top left. 1 face."


def test_no_findings_are_no_text():
    same, skipped = Evidence(False, "Same.", "Nothing.", 1.0), Evidence(None, "No.", "Nothing.")
    assert findings_in_words(3, {"noise": same, "copy-move": skipped}) is None
    assert findings_in_words(0, {}) is None
    shown = {"error-level": Evidence(False, "Changes.", "Nothing.", 1.0, at(0, 0))}
    assert findings_in_words(0, shown) is None


def test_the_place_of_a_real_copy_is_named():
    copied = data.astronaut().copy()
    copied[380:480, 20:120] = copied[60:160, 180:280]
    text = findings_in_words(1, classical_evidence(View.of(decode_source(copied).picture)))
    assert "copied detail at the top centre" in text
    assert "copied detail at the bottom left" in text and text.endswith("1 face.")


def test_describe_is_in_the_report():
    copied = data.astronaut().copy()
    copied[380:480, 20:120] = copied[60:160, 180:280]
    assert "copied detail" in underdrawing.examine(copied, text=FindingsText()).text
    assert underdrawing.examine(data.coffee(), text=FindingsText()).text is None
