"""Places: a folder on the disk and one behind a URL of fsspec, by the same contract."""

import hashlib
import uuid

import pytest

from underdrawing.bulk.places import Place
from underdrawing.core.errors import MissingExtraError, OutputError

JPG = frozenset({".jpg"})


@pytest.fixture(params=["disk", "file", "memory"])
def place(request, tmp_path) -> Place:
    (tmp_path / "root").mkdir()
    if request.param == "memory":
        import fsspec

        url = f"memory://{uuid.uuid4().hex}/root"
        fsspec.filesystem("memory").makedirs(url)
        return Place(url)
    return Place({"disk": "", "file": "file://"}[request.param] + str(tmp_path / "root"))


def put(place: Place, name: str, data: bytes, **options) -> str:
    return place.put(name, lambda file: file.write(data), **options)


def content(place: Place, name: str) -> bytes:
    with place.reading(name) as file:
        return file.read()


def test_what_is_put_is_there(place):
    assert put(place, "deep/er/a.jpg", b"one") == hashlib.sha256(b"one").hexdigest()
    put(place, "b.JPG", b"two")
    put(place, "c.txt", b"three")
    put(place, ".hidden/d.jpg", b"four")
    assert place.names(JPG) == ["b.JPG", "deep/er/a.jpg"]
    assert content(place, "deep/er/a.jpg") == b"one"
    assert place.url("b.JPG").endswith("/root/b.JPG")
    assert not place.is_file()


def test_same_content_may_be_put_again_and_other_content_not(place):
    put(place, "a.jpg", b"precious")
    put(place, "a.jpg", b"precious")
    with pytest.raises(OutputError, match=r"a\.jpg: exists already"):
        put(place, "a.jpg", b"other")
    assert content(place, "a.jpg") == b"precious"
    put(place, "a.jpg", b"other", overwrite=True)
    assert content(place, "a.jpg") == b"other"


def test_failure_half_way_leaves_nothing(place):
    def fill(file):
        file.write(b"half")
        raise ValueError("oh")

    with pytest.raises(ValueError, match="oh"):
        place.put("a.jpg", fill)
    put(place, "b.jpg", b"")
    assert place.names(frozenset({".jpg", ".part"})) == ["b.jpg"]


def test_missing_and_unknown_are_reported(tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        Place(str(tmp_path / "none")).names(JPG)
    with pytest.raises(OutputError, match=r"missing\.jpg"), Place(str(tmp_path)).reading("missing.jpg"):
        pass
    with pytest.raises(MissingExtraError, match="nowhere://"):
        Place("nowhere://bucket")


def test_leftover_of_a_kill_is_overwritten(tmp_path):
    (tmp_path / ".a.jpg.part").write_bytes(b"half of an earlier att")
    put(Place(str(tmp_path)), "a.jpg", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
