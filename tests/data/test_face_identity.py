"""Identities of files, and their split."""

from pathlib import Path

import pytest

from underdrawing.core.errors import UsageError
from underdrawing.data.face_identity import IdentityTable, by_file, by_folder, split_of


def test_shares_of_the_splits():
    splits = [split_of(f"set/{number}") for number in range(4000)]
    shares = [splits.count(name) / 4000 for name in ("train", "val", "test")]
    assert shares == pytest.approx([0.75, 0.05, 0.20], abs=0.02)


def test_the_split_of_an_identity_never_changes():
    assert [split_of(f"clips/{n}") for n in range(6)] == ["train", "train", "train", "val", "train", "train"]


def test_a_file_or_its_folder_is_a_person():
    assert by_file("news", Path("anna/1.jpg")) == "news/1"
    assert by_folder("news", Path("anna/1.jpg")) == by_folder("news", Path("anna/2.png")) == "news/anna"
    assert by_folder("news", Path("1.jpg")) == "news/1"


def test_a_table_names_persons_of_several_sets(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("news/1,anna\nclips/7,anna\n")
    table = IdentityTable.read(path)
    assert table("news", Path("1.jpg")) == table("clips", Path("deep/7.webp")) == "anna"
    assert table("news", Path("2.jpg")) == "news/2"


@pytest.mark.parametrize("text", ["news/1\n", "news/1,anna,3\n", "\xff"])
def test_another_table_is_refused(tmp_path, text):
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"people\.csv"):
        IdentityTable.read(path)
