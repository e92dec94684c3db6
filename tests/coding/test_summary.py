"""The summary at the end of a content code: exact, found where it is, and nowhere else."""

import numpy as np
import pytest

from underdrawing.coding.summary import Summary, caption_hash, split_summary

CONTENT = np.random.default_rng(0).integers(0, 2, 300).astype(np.uint8)
SUMMARIES = [Summary(2), Summary(None, "0a1b2c"), Summary(0, "ffffff"), Summary(15, "000000")]


@pytest.mark.parametrize("summary", SUMMARIES)
def test_a_summary_is_read_as_written(summary: Summary) -> None:
    content, found = split_summary(np.concatenate((CONTENT, summary.bits())))
    assert np.array_equal(content, CONTENT)
    assert found == summary
    assert 16 <= len(summary.bits()) <= 64


@pytest.mark.parametrize("summary", SUMMARIES)
def test_a_damaged_summary_is_none(summary: Summary) -> None:
    whole = np.concatenate((CONTENT, summary.bits()))
    for at in range(len(CONTENT), len(whole)):
        damaged = whole.copy()
        damaged[at] ^= 1
        assert split_summary(damaged)[1] != summary
    assert split_summary(whole[:-1])[1] is None
    assert split_summary(summary.bits()[5:])[1] is None or summary.caption is not None


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
    names = [note.partition(" is not recorded")[0] for note in notes]
    assert names == ["the hash of the caption", "the number of faces"]
    assert Summary().within(0) == (Summary(), ())
    assert len(Summary().bits()) == 0


def test_captions_have_one_hash_in_all_compositions() -> None:
    assert caption_hash("Caf\u00e9 ") == caption_hash("Cafe\u0301")
    assert caption_hash("a") != caption_hash("b")
    assert len(caption_hash("a")) == 6
