"""Files of answers: for a while, and only by their address."""

import pytest

from underdrawing.service.artefacts import Artefacts, make_root


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def store(tmp_path, clock) -> Artefacts:
    return Artefacts(tmp_path, 60, 1000, lambda: clock[0])


def put(store: Artefacts, size: int) -> str:
    name, folder = store.create()
    (folder / "mask.png").write_bytes(b"x" * size)
    assert store.publish(name, ["mask.png"]) == {"mask.png": size}
    return name


def test_a_file_is_there_until_its_time_is_over(store, clock):
    name = put(store, 10)
    assert len(name) >= 32
    assert store.find(name, "mask.png").read_bytes() == b"x" * 10
    clock[0] = 59.9
    assert store.find(name, "mask.png")
    clock[0] = 60.1
    assert store.find(name, "mask.png") is None  # before anything sweeps, too
    store.sweep()
    assert not list(store.root.iterdir()) and store.size_bytes == 0


def test_the_oldest_go_where_all_together_are_too_large(store):
    names = [put(store, 400) for _ in range(3)]
    assert [store.find(name, "mask.png") is not None for name in names] == [False, True, True]
    assert store.size_bytes == 800


def test_only_what_was_given_out_is_found(store):
    name = put(store, 10)
    (store.root / name / "other.png").write_bytes(b"secret")
    (store.root / "outside").write_bytes(b"secret")
    for file in ("other.png", "../outside", "/etc/passwd", "", ".", "mask.png/", "mask.png\x00"):
        assert store.find(name, file) is None
    for other in ("", ".", "..", name + "/", "../" + store.root.name):
        assert store.find(other, "mask.png") is None


def test_a_dropped_answer_leaves_nothing(store):
    name, folder = store.create()
    (folder / "half.png").write_bytes(b"x")
    store.drop(name)
    store.drop(name)
    assert not list(store.root.iterdir())


def test_the_folder_is_ones_own_and_emptied_at_start(tmp_path):
    root = make_root(str(tmp_path / "spool"))
    (root / "left over").mkdir()
    assert root.stat().st_mode & 0o777 == 0o700
    assert list(make_root(str(tmp_path / "spool")).iterdir()) == []
