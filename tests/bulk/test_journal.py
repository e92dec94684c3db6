"""The journal: what it keeps through kills, and whose it is."""

import json

import pytest

from underdrawing.bulk.journal import Journal
from underdrawing.core.errors import OutputError, UsageError

SETTINGS = {"action": "protect", "input": "a", "output": "b", "seed": None}


def done(name: str) -> dict:
    return {"file": name, "status": "done", "counts": {"protected": 1}}


def test_done_is_known_later_and_errors_are_tried_again(tmp_path):
    with Journal(tmp_path / "x" / "j", SETTINGS) as journal:
        journal.add(done("a.jpg"))
        journal.add({"file": "b.jpg", "status": "error", "message": "no"})
        seed = journal.settings["seed"]
    assert len(bytes.fromhex(seed)) == 16
    with Journal(tmp_path / "x" / "j", SETTINGS) as journal:
        assert journal.done == {"a.jpg"} and journal.settings["seed"] == seed
        journal.add(done("b.jpg"))
    assert Journal(tmp_path / "x" / "j", SETTINGS).done == {"a.jpg", "b.jpg"}


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_line_that_was_cut_short_is_dropped(tmp_path, cut):
    path = tmp_path / "j"
    with Journal(path, SETTINGS) as journal:
        journal.add(done("a.jpg"))
        journal.add(done("b.jpg"))
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path, SETTINGS) as journal:
        assert journal.done == {"a.jpg"}
        journal.add(done("c.jpg"))
    assert [json.loads(line).get("file") for line in path.read_text().splitlines()] == [
        None,
        "a.jpg",
        "c.jpg",
    ]


def test_first_line_that_was_cut_short_is_a_fresh_start(tmp_path):
    (tmp_path / "j").write_bytes(b'{"journal": 1, "sett')
    assert Journal(tmp_path / "j", SETTINGS).done == set()


@pytest.mark.parametrize("changed", [{"output": "c"}, {"action": "verify"}, {"seed": "ab"}])
def test_another_job_is_refused(tmp_path, changed):
    Journal(tmp_path / "j", SETTINGS).close()
    with pytest.raises(UsageError, match="another run"):
        Journal(tmp_path / "j", SETTINGS | changed)


@pytest.mark.parametrize("text", ["hello\n", '{"journal": 2, "settings": {}}\n', "[]\n", "\x00\xff\n"])
def test_what_is_no_journal_is_refused(tmp_path, text):
    (tmp_path / "j").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="not a journal"):
        Journal(tmp_path / "j", SETTINGS)
    assert (tmp_path / "j").read_text(encoding="utf-8") == text


def test_only_one_process_is_at_a_job(tmp_path):
    with Journal(tmp_path / "j", SETTINGS), pytest.raises(OutputError, match="another process"):
        Journal(tmp_path / "j", SETTINGS)
    Journal(tmp_path / "j", SETTINGS).close()
