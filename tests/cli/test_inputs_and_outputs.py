"""Where pictures come from and go to: stdin, stdout, URLs, names of any bytes, outputs like files."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pipe(monkeypatch):
    """Give bytes as stdin; stdout's bytes are in the list that is returned."""

    def connect(data: bytes) -> io.BytesIO:
        out = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
        return out

    return connect


def test_a_picture_goes_from_stdin_to_stdout_in_its_own_format(run, stand_in, photo, pipe, tmp_path):
    out = pipe(photo.read_bytes())
    ran = run("protect", "-", "-o", "-")
    assert ran.code == 0 and ran.err.startswith("- -> stdout: identity ")
    protected = out.getvalue()
    assert Image.open(io.BytesIO(protected)).format == "PNG"
    (tmp_path / "protected.png").write_bytes(protected)
    assert run("verify", tmp_path / "protected.png", "--json").code == 0


def test_verify_and_retrieve_read_stdin(run, stand_in, photo, monkeypatch, tmp_path):
    for _ in range(2):  # the second run replaces the findings of the first
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
        ran = run("verify", "-", "-o", tmp_path / "findings", "--json")
        assert (ran.code, ran.objects[0]["file"]) == (2, "-")
    assert (tmp_path / "findings" / "stdin.report.json").is_file()


def test_attack_writes_one_channel_to_a_file_or_stdout(run, photo, pipe, tmp_path):
    options = ["--suite", "photo-benign", "--only", "scale0.5"]
    ran = run("attack", photo, "-o", tmp_path / "posted.png", *options)
    assert ran.code == 0 and Image.open(tmp_path / "posted.png").size == (128, 128)
    out = pipe(photo.read_bytes())
    assert run("attack", "-", "-o", "-", *options).code == 0
    assert np.array_equal(Image.open(io.BytesIO(out.getvalue())), Image.open(tmp_path / "posted.png"))
    assert run("attack", photo, "-o", tmp_path, "--suite", "photo-benign", "--only", "scale9").code == 64


def test_stdout_takes_one_picture(run, stand_in, photo, tmp_path):
    assert "one picture" in run("protect", photo, tmp_path / "other.png", "-o", "-").err
    assert "one picture" in run("protect", tmp_path, "-o", "-").err
    assert "several files" in run("verify", photo, "-o", "-").err
    assert stand_in.calls == []


@pytest.mark.parametrize("name", ["out.jp2", "OUT.TXT", "out.v2"])
def test_an_unknown_suffix_is_refused_before_the_work(run, stand_in, photo, tmp_path, name):
    ran = run("protect", photo, "-o", tmp_path / name)
    assert ran.code == 64 and ".avif" in ran.err and f"{name}/" in ran.err
    assert not (tmp_path / name).exists() and stand_in.calls == []
    assert run("protect", photo, "-o", f"{tmp_path / name}/").code == 0
    assert (tmp_path / name / photo.name).is_file()


def test_a_still_picture_is_not_written_as_an_animation(run, stand_in, photo, tmp_path):
    ran = run("protect", photo, "-o", tmp_path / "out.gif")
    assert ran.code == 3 and "photo.png" in ran.err and ".avif" in ran.err
    assert not (tmp_path / "out.gif").exists()


def test_an_output_like_a_file_is_no_folder_of_several(run, stand_in, photo, tmp_path):
    second = tmp_path / "second.png"
    second.write_bytes(photo.read_bytes())
    for inputs in ([photo, second], [tmp_path]):
        ran = run("protect", *inputs, "-o", tmp_path / "out.jpg")
        assert ran.code == 64 and "for 2 pictures" in ran.err and not (tmp_path / "out.jpg").exists()
    assert run("protect", photo, second, "-o", f"{tmp_path / 'out.jpg'}/").code == 0
    assert sorted(path.name for path in (tmp_path / "out.jpg").iterdir()) == ["photo.png", "second.png"]
    for output in ("report.html", "mask.png"):
        assert run("verify", photo, "-o", tmp_path / output).code == 64
    assert run("verify", photo, "-o", second).code == 64


def test_a_file_without_the_suffix_of_a_picture_needs_a_name(run, stand_in, photo, tmp_path):
    scan = tmp_path / "scan.001"
    scan.write_bytes(photo.read_bytes())
    ran = run("protect", scan, photo, "-o", f"{tmp_path / 'out'}/")
    assert ran.code == 3 and "scan.001" in ran.err and len(stand_in.calls) == 1
    assert run("protect", scan, "-o", tmp_path / "scan.png").code == 0


def test_pictures_are_read_from_urls(run, stand_in, photo, tmp_path):
    with fsspec.open("memory://desk/a.png", "wb") as file:
        file.write(photo.read_bytes())
    ran = run("protect", "memory://desk/a.png", photo.as_uri(), "-o", tmp_path / "out", "--json")
    assert [found["file"] for found in ran.objects] == ["memory://desk/a.png", str(photo)]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "photo.png"}
    ran = run("verify", "memory://desk/none.png", "nobody://ann:secret@x/y.png", photo, "--json")
    assert ran.code == 3
    assert [found["status"] for found in ran.objects] == ["error", "error", "unprotected"]
    assert "memory://desk/none.png: cannot be read" in ran.err and "nobody://x/y.png: fsspec" in ran.err
    assert "secret" not in ran.err + ran.out
    ran = run("protect", photo, "-o", "s3://bucket/out.png")
    assert ran.code == 64 and "bulk" in ran.err and not Path("s3:").exists()


def test_names_of_any_bytes_and_length_cost_nothing(photo, tmp_path):
    """In a locale whose stdout refuses them, with a registry; by the whole system."""
    names = [b"a.png", b"caf\xe9.png", b"z" * 251 + b".png", b"two\nlines\x1b[2J.png"]
    (tmp_path / "in").mkdir()
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + name)).write_bytes(photo.read_bytes())

    def call(*arguments: object) -> subprocess.CompletedProcess:
        environment = os.environ | {"PYTHONIOENCODING": "ascii:strict", "XDG_CONFIG_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "underdrawing.cli", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    ran = call("protect", tmp_path / "in", "-o", tmp_path / "out", "--registry", tmp_path / "photos.db")
    assert ran.returncode == 0 and "\x1b" not in ran.stdout and len(ran.stdout.splitlines()) == 4
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted(names)  # noqa: PTH208 - bytes
    too_long = tmp_path / ("y" * 300 + ".png")
    ran = call("verify", tmp_path / "in", too_long, "-o", tmp_path / "findings", "--json")
    found = [json.loads(line)["status"] for line in ran.stdout.splitlines()]
    assert (ran.returncode, found) == (3, ["unprotected"] * 4 + ["error"])
    assert len(list((tmp_path / "findings").glob("*.report.json"))) == 4


def test_verify_skips_its_own_findings_and_runs_again(run, stand_in, photo, tmp_path):
    protected = tmp_path / "in" / "p.png"
    assert run("protect", photo, "-o", protected).code == 0
    for _ in range(2):
        ran = run("verify", protected.parent, "-o", protected.parent, "--json")
        assert ran.code == 0 and [Path(found["file"]).name for found in ran.objects] == ["p.png"]
    assert "6 skipped" in ran.err
    assert (protected.parent / "p.mask.png").exists()
    protected.write_bytes(photo.read_bytes())
    assert run("verify", protected.parent, "-o", protected.parent).code == 2
    assert not (protected.parent / "p.mask.png").exists()  # of the earlier run: it no longer holds
    assert run("verify", *protected.parent.iterdir()).code == 2  # as `verify in/*`
    mask = tmp_path / "in" / "q.mask.png"
    mask.write_bytes(photo.read_bytes())  # no report beside it: a picture like others
    assert "2 pictures" in run("verify", protected.parent).err


def test_findings_of_another_picture_are_not_replaced(run, stand_in, photo, tmp_path, astronaut):
    other = tmp_path / "other" / "photo.png"
    other.parent.mkdir()
    Image.fromarray(astronaut[::-1]).save(other)
    assert run("verify", photo, "-o", tmp_path / "findings").code == 2
    ran = run("verify", other, "-o", tmp_path / "findings")
    assert ran.code == 3 and "exists already" in ran.err
    assert run("verify", other, "-o", tmp_path / "findings", "--force").code == 2
