"""Packing in bulk: pictures and members of shards come back, a run goes on, failures stop nothing."""

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from archive import fill, here, photo, shard, tree, unpacked
from PIL import Image

from underdrawing import cli, unpack
from underdrawing.bulk.run import BulkRun
from underdrawing.bulk.settings import BulkSettings
from underdrawing.core.errors import UsageError


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo(number, 64))).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = fill(tmp_path_factory.mktemp("originals") / "in")
    (folder / "b.png").write_bytes(png(5))
    (folder / "cut.png").write_bytes(png(6)[:-200])
    (folder / "old.udl").write_bytes(b"not packed again")
    return folder


def run(source, target, most: int | None = None, **options) -> list[dict]:
    settings = BulkSettings("pack", str(source), str(target), **({"rounds": 2} | options))
    with BulkRun(settings, f"{target}.journal") as job:
        return list(itertools.islice(job.run(1, here), most))


def test_every_file_is_packed_and_comes_back(originals, tmp_path):
    lines = {line["file"]: line for line in run(originals, tmp_path / "out")}
    assert set(tree(tmp_path / "out")) == {
        "000.jpg.udl", "002.jpg.udl", "b.png.udl", "deep/001.jpg.udl", "part-000.tar",
    }  # fmt: skip
    assert lines["cut.png"]["status"] == "error" and "cut.png" in lines["cut.png"]["message"]
    assert lines["b.png"]["kept"] == "pixels" and lines["b.png"]["output"].endswith("/b.png.udl")
    assert lines["000.jpg"]["kept"] in ("file", "jxl") and lines["000.jpg"]["counts"] == {"packed": 1}
    assert lines["b.png"]["sha256"] == tree(tmp_path / "out")["b.png.udl"]
    back = unpack(tmp_path / "out" / "b.png.udl").picture
    assert np.array_equal(back.pixels, np.asarray(Image.open(originals / "b.png")))
    assert unpack(tmp_path / "out" / "deep" / "001.jpg.udl").data == photo(1)


def test_a_shard_keeps_every_member(originals, tmp_path):
    lines = run(originals, tmp_path / "out")
    inside = unpacked((tmp_path / "out" / "part-000.tar").read_bytes())
    assert list(inside) == ["a.jpg.udl", "a.cls", "b.jpg.udl", "b.cls", "c.jpg", "c.jpg.underdrawing.json"]
    assert unpack(inside["b.jpg.udl"]).data == photo(101) and inside["c.jpg"] == b"no picture"
    assert json.loads(inside["c.jpg.underdrawing.json"])["status"] == "error"
    (line,) = [line for line in lines if line["file"] == "part-000.tar"]
    assert line["counts"] == {"packed": 2, "error": 1} and "c.jpg" in line["failed"][0]


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(originals, tmp_path):
    run(originals, tmp_path / "whole")
    first = run(originals, tmp_path / "out", most=2)
    second = run(originals, tmp_path / "out")
    failed = {"cut.png"}
    assert not {line["file"] for line in first} & {line["file"] for line in second} - failed
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert {line["file"] for line in run(originals, tmp_path / "out")} == failed
    with pytest.raises(UsageError, match="rounds"):
        run(originals, tmp_path / "out", rounds=3)


def test_the_command_packs_and_the_rest_is_read_as_pictures(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.jpg").write_bytes(photo(3))
    (tmp_path / "in" / "part.tar").write_bytes(shard([("a.png", png(7))]))
    source, packed = str(tmp_path / "in"), str(tmp_path / "packed")
    assert cli.main(["bulk", "pack", source, "-o", packed, "--rounds", "1", "--tile", "512"]) == 0
    assert "1 packed" in capsys.readouterr().out
    assert cli.main(["bulk", "protect", packed, "-o", str(tmp_path / "protected"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["counts"] for line in lines[:-1]] == [{"protected": 1}] * 2
    assert set(tree(tmp_path / "protected")) == {"one.jpg.udl", "part.tar"}
