"""Batches: output paths, overwriting, bad files, a full disk, ctrl-C; with the stand-in system."""

import argparse
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from underdrawing.api import session
from underdrawing.attacks.suites import SUITES
from underdrawing.coding.keys import Owner
from underdrawing.commands._output import print_batch
from underdrawing.data import files


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path, astronaut) -> Path:
    root = tmp_path / "photos"
    for name in ("a.png", "deep/b.jpg", "deep/er/c.webp"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(astronaut).save(root / name, quality=95)
    return root


def test_folders_keep_their_structure(run, stand_in, folder, tmp_path):
    ran = run("protect", folder, "-o", tmp_path / "out", "--json")
    assert ran.code == 0
    assert tree(tmp_path / "out") == {"a.png", "deep/b.jpg", "deep/er/c.webp"}
    assert {"file", "output", "identity", "psnr_db", "ssim", "bits", "seconds"} <= set(ran.objects[0])
    assert all(Path(found["output"]).is_file() for found in ran.objects)


def test_one_picture_goes_into_a_file_of_another_format(run, stand_in, photo, tmp_path):
    assert run("protect", photo, "-o", tmp_path / "out.webp").code == 0
    with Image.open(tmp_path / "out.webp") as written:
        assert written.format == "WEBP"


def test_nothing_is_overwritten_unless_asked(run, stand_in, photo, tmp_path):
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    ran = run("protect", photo, "-o", target)
    assert ran.code == 3
    assert str(target) in ran.err
    assert target.read_bytes() == b"precious"
    assert run("protect", photo, "-o", target, "--force").code == 0
    assert target.read_bytes()[:4] == b"\x89PNG"


def test_the_input_is_no_output(run, stand_in, photo):
    before = photo.read_bytes()
    ran = run("protect", photo, "-o", photo.parent)
    assert ran.code == 3
    assert "input itself" in ran.err
    assert photo.read_bytes() == before


def test_two_inputs_for_one_output_are_refused_even_by_force(run, stand_in, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").write_bytes((folder / "a.png").read_bytes())
    ran = run("protect", folder / "a.png", other / "a.png", "-o", tmp_path / "out", "--force")
    assert ran.code == 3
    assert "several inputs" in ran.err
    assert not (tmp_path / "out").exists()


def test_reports_of_equal_stems_have_different_names(run, stand_in, photo, tmp_path, astronaut):
    Image.fromarray(astronaut).save(tmp_path / "photo.jpg")
    ran = run("verify", photo, tmp_path / "photo.jpg", "-o", tmp_path / "out")
    assert ran.code == 2
    assert {"photo.png.report.json", "photo.jpg.report.json"} <= tree(tmp_path / "out")


def test_one_bad_file_never_stops_the_batch(run, stand_in, folder, tmp_path):
    (folder / "bad.jpg").write_text("this is no picture", encoding="utf-8")
    (folder / "empty.png").write_bytes(b"")
    ran = run("protect", folder, tmp_path / "missing.jpg", "-o", tmp_path / "out", "--json")
    assert ran.code == 3
    assert len(tree(tmp_path / "out")) == 3
    failed = [found for found in ran.objects if found["status"] == "error"]
    assert {Path(found["file"]).name for found in failed} == {"bad.jpg", "empty.png", "missing.jpg"}
    for found in failed:
        assert found["file"] in found["message"]
        assert found["file"] in ran.err


def test_internal_error_is_reported_and_fails_one_file_only(run, stand_in, folder, tmp_path, monkeypatch):
    protect = stand_in.protect
    calls = []

    def faulty(image, **options):
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("oh")
        return protect(image, **options)

    monkeypatch.setattr(stand_in, "protect", faulty)
    ran = run("protect", folder, "-o", tmp_path / "out")
    assert ran.code == 3
    assert "internal error" in ran.err
    assert "ZeroDivisionError" in ran.err
    assert len(tree(tmp_path / "out")) == 2


def test_full_disk_is_named_and_leaves_no_partial_file(run, stand_in, folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    ran = run("protect", folder, "-o", tmp_path / "out")
    assert ran.code == 3
    assert ran.err.count("\n") == 4  # three errors, and their number
    assert "No space left" in ran.err or "disk is full" in ran.err
    assert tree(tmp_path / "out") == set()


def test_unwritable_output_is_named(run, stand_in, photo, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder", encoding="utf-8")
    ran = run("protect", photo, "-o", blocker / "out")
    assert ran.code == 3
    assert str(blocker) in ran.err
    ran = run("verify", photo, "-o", "/proc/underdrawing")
    assert ran.code == 3
    assert "/proc/underdrawing" in ran.err


def test_ctrl_c_leaves_complete_files(run, stand_in, folder, tmp_path, monkeypatch):
    replace, done = os.replace, []

    def interrupted(source, target):
        if done:
            raise KeyboardInterrupt
        done.append(target)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", interrupted)
    ran = run("protect", folder, "-o", tmp_path / "out")
    assert ran.code == 130
    assert "interrupted" in ran.err
    assert tree(tmp_path / "out") == {"a.png"}


def test_report_is_one_self_contained_page(run, stand_in, photo, tmp_path):
    run("protect", photo, "-o", tmp_path / "p.png")
    image = np.asarray(Image.open(tmp_path / "p.png")).copy()
    image[64:128, 64:160] = 128
    Image.fromarray(image).save(tmp_path / "<b>.png")
    ran = run("verify", tmp_path / "<b>.png", "-o", tmp_path / "out", "--json")
    assert ran.code == 1
    found = ran.objects[0]
    names = ("mask", "recovered", "source_map", "confidence", "html")
    assert all(Path(found[name]).is_file() for name in names)
    mask = np.asarray(Image.open(found["mask"]))
    assert mask.dtype == np.uint8
    assert mask.shape == (256, 256)
    assert mask[96, 112] == 255
    assert mask[10, 10] == 0
    assert set(np.unique(np.asarray(Image.open(found["source_map"])))) == {0, 1}
    page = Path(found["html"]).read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 6
    assert "<b>.png" not in page
    assert "A sentence for people &lt;&amp;&gt;." in page
    assert "http" not in page
    written = json.loads((tmp_path / "out" / "<b>.report.json").read_text(encoding="utf-8"))
    assert written == found
    assert found["details"] == {"scale": 1.0, "false_accept": 1e-9, "endless": None}


def test_two_processes_answer_in_order(run, folder, tmp_path):
    ran = run("attack", folder, "-o", tmp_path / "out", "--suite", "imuge", "--jobs", "2", "--json")
    assert ran.code == 0
    assert [Path(found["file"]).name for found in ran.objects] == ["a.png", "b.jpg", "c.webp"]
    assert len(tree(tmp_path / "out")) == 3 * len(SUITES["imuge"])


def test_key_and_registry_are_opened_once_for_a_batch(run, stand_in, folder, tmp_path, monkeypatch):
    key, registry = tmp_path / "owner.pem", tmp_path / "photos.db"
    assert run("keygen", "-o", key, "--trust", tmp_path / "trust").code == 0
    keys, registries, load, open_ = [], [], Owner.load, session.open_registry
    monkeypatch.setattr(Owner, "load", lambda path, password: keys.append(path) or load(path, password))
    monkeypatch.setattr(session, "open_registry", lambda *a, **b: registries.append(a) or open_(*a, **b))
    ran = run("protect", folder, "-o", tmp_path / "out", "--sign", key, "--registry", registry, "--json")
    assert [result["registered"] for result in ran.objects] == [1, 2, 3]
    assert len(keys) == 1 and len(registries) == 1
    key.unlink()  # the next command makes a session of its own
    assert run("protect", folder, "-o", tmp_path / "out", "--sign", key, "--force").code == 64


def test_file_named_twice_is_done_once_and_an_empty_folder_is_no_picture(run, stand_in, folder, tmp_path):
    ran = run("protect", folder / "a.png", folder, folder / "*.png", "-o", tmp_path / "out", "--json")
    assert ran.code == 0
    assert [Path(found["file"]).name for found in ran.objects] == ["a.png", "b.jpg", "c.webp"]
    (tmp_path / "empty").mkdir()
    assert run("verify", tmp_path / "empty").code == 64


def test_demo_overwrites_its_own_folder_only(run, stand_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("underdrawing.demo.QUALITY", 100)  # the stand-in's mark bears no less
    assert [run("demo").code, run("demo").code] == [0, 0]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "original.png").write_bytes(b"precious")
    ran = run("demo", "-o", "mine")
    assert ran.code == 3
    assert "original.png" in ran.err
    assert (tmp_path / "mine" / "original.png").read_bytes() == b"precious"


def test_notes_print_no_line_of_their_own_and_a_unit_may_be_empty(capsys):
    arguments = argparse.Namespace(command="bulk", json=False, quiet=False)
    note = "auxiliary picture \nb.jpg: INTACT\x1b[2J left out"
    results = iter([{"file": "a.tar", "status": "done", "counts": {}, "notes": [note]}])
    assert print_batch(arguments, results, 1, lambda result: result["file"]) == 0
    printed = capsys.readouterr().out
    assert printed == "a.tar\n  note: auxiliary picture \\nb.jpg: INTACT\\x1b[2J left out\n"
