"""Text of any script: shown as the eye reads it, or as a code; never wrong, never an error."""

import unicodedata
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underdrawing.report import pdf
from underdrawing.report.lettering import drawable, is_leftward, visual_order, wrapped

ARABIC = "محمد"
HEBREW = "שלום"


@pytest.fixture(scope="module")
def has():
    letters = pdf._register()[False].face.charToGlyph
    return lambda letter: ord(letter) in letters


def drawn(text: str) -> str:
    return visual_order(text, is_leftward(text))


@pytest.mark.parametrize(
    "name", ["José Ñandú", "Łukasz Żółć", "Ελένη", "Ольга", "Đặng Thị Huệ", "Հայկ", "გიორგი", "Ọlá Ṣadé"]
)
def test_letters_that_the_font_has_stay(has, name):
    assert drawable(name, has) == name
    assert drawable(unicodedata.normalize("NFD", name), has) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("王 x", "[U+738B] x"),
        ("王明", "[U+738B U+660E]"),
        ("a\u202egnp.exe", "a[U+202E]gnp.exe"),
        ("a\x00\x1b[2J", "a[U+0000 U+001B][2J"),
        ("\ud800", "[U+D800]"),
        ("x\u200by\u200dz", "x[U+200B]y[U+200D]z"),
        ("\U0001f9ff", "[U+1F9FF]"),
        ("", ""),
    ],
)
def test_what_cannot_be_drawn_or_would_hide_is_a_code(has, text, shown):
    assert drawable(text, has) == shown


def test_arabic_letters_join(has):
    forms = [unicodedata.decomposition(letter).split()[0] for letter in drawable(ARABIC, has)]
    assert forms == ["<initial>", "<medial>", "<medial>", "<final>"]
    assert drawable("لا", has) == "\ufefb" and drawable("سلام", has)[1] == "\ufefc"
    parted = drawable("می\u200cخواهم", has)  # a Persian spelling that keeps two letters apart
    assert "\u200c" not in parted and "U+" not in parted
    assert unicodedata.decomposition(parted[1]).startswith("<final>")
    assert unicodedata.decomposition(parted[2]).startswith("<initial>")
    assert unicodedata.normalize("NFKC", drawable("قَهْوَة", has)) == unicodedata.normalize("NFKC", "قَهْوَة")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain (text) 12%", "plain (text) 12%"),
        (HEBREW, HEBREW[::-1]),
        (f"by {HEBREW} 12 and", f"by 12 {HEBREW[::-1]} and"),
        (f"by {HEBREW} and {HEBREW}", f"by {HEBREW[::-1]} and {HEBREW[::-1]}"),
        (f"{HEBREW} (12-05) x", f"x (12-05) {HEBREW[::-1]}"),
        (f"x ({HEBREW})", f"x ({HEBREW[::-1]})"),
        (f"{HEBREW} [U+738B]", f"[U+738B] {HEBREW[::-1]}"),
        (f"{HEBREW} a25% {HEBREW}", f"{HEBREW[::-1]} a25% {HEBREW[::-1]}"),
        (f"x [({HEBREW}] y", f"x [({HEBREW[::-1]}] y"),
        (f"{ARABIC} 2024", f"2024 {ARABIC[::-1]}"),
        ("שָׁלוֹם", "םוֹלשָׁ"),
    ],
)
def test_lines_run_as_they_are_read(text, shown):
    assert unicodedata.normalize("NFC", drawn(text)) == unicodedata.normalize("NFC", shown)


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_is_too_strange_and_no_letter_is_lost(has, text):
    whole = drawable(text, has)
    assert all(letter == "\n" or has(letter) for letter in whole)
    for line in wrapped(whole, 20, len):
        assert len(line) <= 20
        turned = str.maketrans("()[]{}<>«»‹›≤≥", "(([[{{<<««‹‹≤≤")
        assert sorted(drawn(line).translate(turned)) == sorted(line.translate(turned))


def test_lines_break_at_spaces_and_in_words_that_are_too_long():
    lines = partial(wrapped, width=10, measure=len)
    assert lines("one two three four") == ["one two", "three four"]
    assert lines("x" * 25) == ["x" * 10, "x" * 10, "x" * 5]
    assert lines("a\n\nb") == ["a", "", "b"] and lines("") == [""]
