"""Finding pictures, and writing whole files or none."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest
from PIL import Image

from underdrawing import pack
from underdrawing.core.errors import OutputError, PictureError
from underdrawing.data import files
from underdrawing.data.files import find_pictures, write_atomic


@pytest.fixture
def photos(tmp_path):
    for name in (
        "b.jpg",
        "a.PNG",
        "deep/c.webp",
        "deep/notes.txt",
        "deep/er/d.heic",
        ".hidden/e.jpg",
        "deep/.f.jpg",
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "photos"


def relatives(found) -> list[str]:
    return [entry.relative.as_posix() for entry in found]


def test_folders_keep_their_layout(photos):
    assert relatives(find_pictures([photos])) == ["a.PNG", "b.jpg", "deep/c.webp", "deep/er/d.heic"]
    assert relatives(find_pictures([str(photos / "deep")])) == ["c.webp", "er/d.heic"]


def test_patterns_keep_the_layout_below_their_fixed_part(photos):
    assert relatives(find_pictures([photos / "*.jpg"])) == ["b.jpg"]
    assert relatives(find_pictures([photos / "**" / "*.webp"])) == ["deep/c.webp"]
    assert relatives(find_pictures([photos / "d*" / "c.webp"])) == ["deep/c.webp"]


def test_named_files_need_no_suffix_and_come_once(photos):
    notes = photos / "deep" / "notes.txt"
    assert relatives(find_pictures([notes, notes, photos / "b.jpg"])) == ["notes.txt", "b.jpg"]
    bracket = photos / "x[1].jpg"
    bracket.write_bytes(b"x")
    assert relatives(find_pictures([bracket])) == ["x[1].jpg"]


@pytest.mark.parametrize("name", ["nothing.jpg", "*.avif", "no/folder"])
def test_what_names_nothing_is_an_error(photos, name):
    with pytest.raises(PictureError, match="no such file"):
        find_pictures([photos / name])


def test_links_that_go_round_end(photos):
    (photos / "deep" / "round").symlink_to(photos)
    assert len(find_pictures([photos])) == 4


def test_written_whole_with_ordinary_permissions(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"
    write_atomic(path, b"whole")
    assert path.read_bytes() == b"whole"
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert [found.name for found in path.parent.iterdir()] == ["a.bin"]


def test_nothing_is_overwritten_unless_asked(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.bin: exists"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"precious"
    write_atomic(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    link = tmp_path / "link"
    link.symlink_to(path)
    write_atomic(link, b"through", overwrite=True)
    assert link.is_symlink()
    assert path.read_bytes() == b"through"


def test_dangling_link_writes_the_file_behind_it(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "behind")
    write_atomic(tmp_path / "link", b"x")
    assert (tmp_path / "behind").read_bytes() == b"x"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_half_way_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, step, failure):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_):
        raise failure

    monkeypatch.setattr(files.os, step, fail)
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OutputError
    with pytest.raises(expected) as raised:
        write_atomic(path, b"new", overwrite=True)
    if expected is OutputError:
        assert "a.bin" in str(raised.value)
        assert "No space left" in str(raised.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]  # noqa: PTH208


def test_a_file_made_meanwhile_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    fsync = os.fsync

    def meanwhile(handle):
        path.write_bytes(b"theirs")
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", meanwhile)
    with pytest.raises(OutputError, match="exists"):
        write_atomic(path, b"ours")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.bin"]  # noqa: PTH208


@pytest.mark.parametrize("name", ["file/below", "/proc/underdrawing/a.png", "null\0byte"])
def test_places_that_cannot_be_written_are_named(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / name, b"x")


KILLED = """
import os, signal, sys
from underdrawing import pack, unpack

os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
{"pack": pack, "unpack": unpack}[sys.argv[1]](sys.argv[2], sys.argv[3], overwrite=True)
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="other systems name a file before it is whole")
@pytest.mark.parametrize("action", ["pack", "unpack"])
def test_a_kill_leaves_nothing(tmp_path, action):
    """SIGKILL when all bytes are written, but not yet on the disk."""
    picture, packed = tmp_path / "a.png", tmp_path / "a.png.udl"
    Image.new("RGB", (8, 6), "red").save(picture)
    pack(picture, packed, rounds=1)
    source, target = (picture, packed) if action == "pack" else (packed, picture)
    before = {path: path.read_bytes() for path in (picture, packed)}
    killed = subprocess.run([sys.executable, "-c", KILLED, action, source, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("missing", ["O_TMPFILE", "link"])
def test_systems_without_nameless_files_write_the_same(tmp_path, monkeypatch, missing):
    def refused(*_, **__):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    if missing == "link":
        monkeypatch.setattr(os, "link", refused)
    else:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    write_atomic(tmp_path / "a", b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"whole"}
