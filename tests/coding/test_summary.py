"""The summary at the end of a content code: exact, found where it is, and nowhere else."""

import numpy as np
import pytest

from underdrawing.coding.labels import CONFIDENCES, Label, label_names, named_label
from underdrawing.coding.summary import Summary, caption_hash, split_summary
from underdrawing.core.errors import UsageError

CONTENT = np.random.default_rng(0).integers(0, 2, 300).astype(np.uint8)
SUMMARIES = [
    Summary(2), Summary(None, "0a1b2c"), Summary(0, "ffffff"), Summary(15, "000000"),
    Summary(label=Label(9)), Summary(1, None, Label(999, 0.93)), Summary(0, "000000", Label(0, 0.1)),
]  # fmt: skip


@pytest.mark.parametrize("summary", SUMMARIES)
def test_a_summary_is_read_as_written(summary: Summary) -> None:
    content, found = split_summary(np.concatenate((CONTENT, summary.bits())))
    assert np.array_equal(content, CONTENT)
    assert found == summary
    assert 16 <= len(summary.bits()) <= 71


@pytest.mark.parametrize("summary", SUMMARIES)
def test_a_damaged_summary_is_none(summary: Summary) -> None:
    whole = np.concatenate((CONTENT, summary.bits()))
    for at in range(len(CONTENT), len(whole)):
        damaged = whole.copy()
        damaged[at] ^= 1
        assert split_summary(damaged)[1] != summary
    assert split_summary(whole[:-1])[1] is None
    assert split_summary(summary.bits()[1:])[1] is None


@pytest.mark.parametrize("length", [0, 1, 23, 24, 25, 26, 300])
def test_content_without_a_summary_is_left_alone(length: int) -> None:
    for content in (CONTENT[:length], np.zeros(length, np.uint8), np.ones(length, np.uint8)):
        assert np.array_equal(split_summary(content)[0], content)
        assert split_summary(content)[1] is None


def test_more_faces_than_the_field_holds_are_many() -> None:
    assert split_summary(Summary(200).bits())[1] == Summary(15)


def test_what_has_no_room_is_left_out_by_name() -> None:
    summary = Summary(3, "0a1b2c")
    assert summary.within(1000) == (summary, ())
    assert summary.within(200)[0] == Summary(3)
    nothing, notes = summary.within(100)
    assert nothing == Summary()
    assert Summary(3, "0a1b2c", Label(9)).within(90)[0] == Summary(label=Label(9))
    assert Summary(label=Label(9)).within(80)[0] == Summary()
    names = [note.partition(" is not recorded")[0] for note in notes]
    assert names == ["the hash of the caption", "the number of faces"]
    assert Summary().within(0) == (Summary(), ())
    assert len(Summary().bits()) == 0


def test_captions_have_one_hash_in_all_compositions() -> None:
    assert caption_hash("Caf\u00e9 ") == caption_hash("Cafe\u0301")
    assert caption_hash("a") != caption_hash("b")
    assert len(caption_hash("a")) == 6


def test_a_summary_without_a_label_is_that_of_earlier_versions() -> None:
    bits = "".join(map(str, Summary(3, "0a1b2c").bits()))
    assert bits == "000010100001101100101100" + "0011" + "11" + "111111011001000010011000"


def test_confidences_are_recorded_as_the_nearest() -> None:
    for given, kept in ((0.0, 0.1), (0.39, 0.3), (0.92, 0.93), (1.0, 0.98)):
        found = split_summary(Summary(label=Label(5, given)).bits())[1]
        assert found is not None and found.label == Label(5, kept)
    assert len(CONFIDENCES) == 7


def test_an_index_without_a_class_is_no_summary() -> None:
    assert split_summary(Summary(label=Label(1000)).bits())[1] is None


def test_labels_are_named_by_class_or_index() -> None:
    assert len(label_names()) == len(set(label_names())) == 1000
    assert named_label(" Ostrich") == named_label("9") == Label(9)
    assert named_label("great_white_shark") == Label(2)
    with pytest.raises(UsageError, match="'ostritch'; similar: ostrich"):
        named_label("ostritch")
    for text in ("", "1000", "-1", "9.5"):
        with pytest.raises(UsageError, match="expected auto"):
            named_label(text)
