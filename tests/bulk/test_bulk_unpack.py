"""Unpacking in bulk: everything that was packed comes back, a run goes on, damage is named."""

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from archive import fill, here, photo, shard, tree, unpacked
from PIL import Image

from underdrawing import cli, pack
from underdrawing.bulk.run import BulkRun
from underdrawing.bulk.settings import BulkSettings
from underdrawing.core.errors import UsageError
from underdrawing.data import udl


def picture(number: int, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo(number, 64))).save(buffer, kind)
    return buffer.getvalue()


def damaged(archive: bytes) -> bytes:
    """With one wrong byte in its last tile."""
    return archive[:-20] + bytes([archive[-20] ^ 1]) + archive[-19:]


def run(action: str, source: Path, target: Path, most: int | None = None, **options) -> list[dict]:
    settings = BulkSettings(action, str(source), str(target), **options)
    with BulkRun(settings, f"{target}.journal") as job:
        return list(itertools.islice(job.run(1, here), most))


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = fill(tmp_path_factory.mktemp("originals") / "in")
    (folder / "b.png").write_bytes(picture(5, "PNG"))
    (folder / "deep" / "c.bmp").write_bytes(picture(6, "BMP"))
    samples = [("x.png", picture(7, "PNG")), ("x.cls", b"3"), ("y.jpg", photo(8))]
    (folder / "part-001.tar").write_bytes(shard(samples))
    return folder


@pytest.fixture(scope="module")
def packed(originals) -> Path:
    target = originals.parent / "packed"
    run("pack", originals, target, rounds=2)
    return target


def test_every_file_comes_back(originals, packed, tmp_path):
    lines = {line["file"]: line for line in run("unpack", packed, tmp_path / "out")}
    back = tmp_path / "out"
    names = {"000.jpg", "002.jpg", "b.png", "deep/001.jpg", "deep/c.bmp.png", "part-000.tar", "part-001.tar"}
    assert set(tree(back)) == names and all(line["status"] == "done" for line in lines.values())
    for name in ("000.jpg", "002.jpg", "deep/001.jpg"):
        assert (back / name).read_bytes() == (originals / name).read_bytes()
    for name, original in (("b.png", "b.png"), ("deep/c.bmp.png", "deep/c.bmp")):
        assert np.array_equal(*(np.asarray(Image.open(path)) for path in (back / name, originals / original)))
    line = lines["deep/c.bmp.udl"]
    assert line["output"] == str(back / "deep" / "c.bmp.png") and line["counts"] == {"unpacked": 1}
    assert line["sha256"] == tree(back)["deep/c.bmp.png"]


def test_a_shard_gets_its_members_back(originals, packed, tmp_path):
    run("unpack", packed, tmp_path / "out")
    before, after = (unpacked((at / "part-001.tar").read_bytes()) for at in (originals, tmp_path / "out"))
    assert list(after) == list(before) and after["x.cls"] == b"3" and after["y.jpg"] == photo(8)
    assert np.array_equal(*(np.asarray(Image.open(io.BytesIO(at["x.png"]))) for at in (before, after)))
    kept = unpacked((tmp_path / "out" / "part-000.tar").read_bytes())
    assert kept["a.jpg"] == photo(100) and kept["c.jpg"] == b"no picture"  # what `pack` left as it was


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(packed, tmp_path):
    run("unpack", packed, tmp_path / "whole")
    first = run("unpack", packed, tmp_path / "out", most=2)
    second = run("unpack", packed, tmp_path / "out")
    assert len(first) == 2 and not {line["file"] for line in first} & {line["file"] for line in second}
    assert tree(tmp_path / "out") == tree(tmp_path / "whole") and not list(tmp_path.glob("out/**/.*"))
    assert run("unpack", packed, tmp_path / "out") == []
    with pytest.raises(UsageError, match="salvage"):
        run("unpack", packed, tmp_path / "out", salvage=True)


@pytest.fixture
def broken(packed, tmp_path) -> Path:
    """One archive with a damaged tile, one that is none, a sound one, and a shard with all three."""
    folder = tmp_path / "in"
    folder.mkdir()
    sound = (packed / "b.png.udl").read_bytes()
    members = [("damaged.png.udl", damaged(sound)), ("none.png.udl", b"no archive"), ("sound.png.udl", sound)]
    for name, data in members:
        (folder / name).write_bytes(data)
    (folder / "part.tar").write_bytes(shard(members))
    return folder


def test_damage_is_named_and_the_rest_goes_on(broken, tmp_path):
    lines = {line["file"]: line for line in run("unpack", broken, tmp_path / "out")}
    assert set(tree(tmp_path / "out")) == {"sound.png", "part.tar"}
    assert lines["damaged.png.udl"]["status"] == "error" == lines["none.png.udl"]["status"]
    assert "damaged.png.udl" in lines["damaged.png.udl"]["message"]
    assert "tile 0" in lines["damaged.png.udl"]["message"]
    inside = unpacked((tmp_path / "out" / "part.tar").read_bytes())
    assert list(inside) == [
        "damaged.png.udl", "damaged.png.udl.underdrawing.json", "none.png.udl",
        "none.png.udl.underdrawing.json", "sound.png",
    ]  # fmt: skip
    assert inside["damaged.png.udl"] == (broken / "damaged.png.udl").read_bytes()
    assert (
        lines["part.tar"]["counts"] == {"error": 2, "unpacked": 1} and len(lines["part.tar"]["failed"]) == 2
    )


def test_salvage_keeps_what_can_be_read(broken, tmp_path):
    lines = {line["file"]: line for line in run("unpack", broken, tmp_path / "out", salvage=True)}
    line = lines["damaged.png.udl"]
    assert line["counts"] == {"salvaged": 1} and "damaged.png.udl: tile 0" in line["failed"][0]
    assert (np.asarray(Image.open(tmp_path / "out" / "damaged.png")) == 128).all()  # it has one tile
    assert lines["none.png.udl"]["status"] == "error"
    inside = unpacked((tmp_path / "out" / "part.tar").read_bytes())
    assert list(inside)[:2] == ["damaged.png", "damaged.png.udl.underdrawing.json"]
    report = json.loads(inside["damaged.png.udl.underdrawing.json"])
    assert report["status"] == "salvaged" and "tile 0" in report["notes"][0]
    assert lines["part.tar"]["counts"] == {"salvaged": 1, "error": 1, "unpacked": 1}


def test_damaged_metadata_are_named_by_salvage(tmp_path):
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "A bridge"
    Image.open(io.BytesIO(photo(5, 64))).save(buffer, "PNG", exif=exif)
    archive = bytearray(pack(buffer.getvalue(), rounds=1, keep="pixels").data)
    offset, _, _ = udl.read(bytes(archive), 1 << 20).places["exif"]
    archive[offset] ^= 1
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.png.udl").write_bytes(archive)
    (line,) = run("unpack", tmp_path / "in", tmp_path / "out", salvage=True)
    assert line["counts"] == {"salvaged": 1} and "'exif' is damaged" in line["failed"][0]
    assert np.array_equal(*(np.asarray(Image.open(at)) for at in (buffer, tmp_path / "out" / "one.png")))


def test_the_command_unpacks_and_fails_where_damage_was_found(broken, packed, tmp_path, capsys):
    assert cli.main(["bulk", "unpack", str(packed), "-o", str(tmp_path / "whole")]) == 0
    assert "b.png: 1 unpacked" in capsys.readouterr().out
    assert cli.main(["bulk", "unpack", str(broken), "-o", str(tmp_path / "out"), "--salvage"]) == 3
    printed = capsys.readouterr()
    assert "damaged.png: 1 salvaged" in printed.out and "tile 0" in printed.out
    assert "none.png.udl" in printed.err
    (broken / "none.png.udl").unlink()
    assert (
        cli.main(["bulk", "unpack", str(broken), "-o", str(tmp_path / "new"), "--salvage", "--rounds", "1"])
        == 3
    )
