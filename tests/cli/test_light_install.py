"""The main job without PyTorch, SciPy and the packages of extras, and what other systems answer then."""

import os
import subprocess
import sys

import pytest
from PIL import Image
from skimage import data

from underdrawing.attacks.face_forgery import KINDS
from underdrawing.cli import main

ABSENT = "torch", "scipy", "matplotlib", "skimage", "onnx", "ldpc", "pytest", "pandas", "reportlab", "fastapi"
PROGRAM = f"""
import sys
for name in {ABSENT!r}:
    sys.modules[name] = None  # an import of it fails
from underdrawing.cli import main
sys.exit(main(sys.argv[1:]))
"""


def underdrawing(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("light") / "photo.png"
    Image.fromarray(data.coffee()[100:356, 100:356]).save(path)
    return path


def test_protect_verify_and_retrieve(photo):
    folder = photo.parent
    registry = "--registry", str(folder / "photos.db")
    protected = underdrawing("protect", str(photo), "-o", str(folder / "protected.png"), *registry)
    assert protected.returncode == 0, protected.stderr
    edited = Image.open(folder / "protected.png")
    edited.paste((128, 128, 128), (80, 80, 150, 150))
    edited.save(folder / "edited.png")
    found = underdrawing("verify", str(folder / "edited.png"), "-o", str(folder / "findings"))
    assert found.returncode == 1 and "altered" in found.stdout.lower(), found.stdout + found.stderr
    matches = underdrawing("retrieve", str(folder / "edited.png"), *registry)
    assert matches.returncode == 0, matches.stderr


def test_examine(photo):
    examined = underdrawing("examine", str(photo), "-o", str(photo.parent / "examined"))
    assert examined.returncode == 2 and "no face was found" in examined.stdout.lower(), examined.stderr
    assert (photo.parent / "examined/photo.examined.html").is_file()


def test_every_kind_of_forgery(tmp_path):
    portrait, other, out = (tmp_path / name for name in ("portrait.png", "other.png", "set"))
    Image.fromarray(data.astronaut()[:320, 60:380]).save(portrait)
    Image.fromarray(data.astronaut()[:320, 380:60:-1]).save(other)
    forged = underdrawing("forge", str(portrait), str(other), "-o", str(out), "--split", "test")
    assert forged.returncode == 0, forged.stderr
    kinds = {path.parent.name for path in out.rglob("*.png")}
    assert kinds == {"real", *KINDS}
    answer = underdrawing("forge", str(portrait), "-o", str(tmp_path / "set2"), "--taef2", str(tmp_path))
    assert answer.returncode == 3 and 'pip install "underdrawing[research]"' in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("protect", "PHOTO", "-o", "OUT", "--system", "imuge"), "research"),
        (("verify", "PHOTO", "--system", "hidden-code"), "research"),
        (("train", "imuge", "--data", ".", "-o", "OUT"), "train"),
        (("bench",), "bench"),
    ],
)
def test_what_needs_pytorch_names_its_extra(photo, arguments, extra):
    places = {"PHOTO": str(photo), "OUT": str(photo.parent / "out.png")}
    answer = underdrawing(*(places.get(argument, argument) for argument in arguments))
    assert answer.returncode in (3, 64)
    assert f'pip install "underdrawing[{extra}]"' in answer.stderr


@pytest.mark.parametrize(("asked", "threads"), [(None, "1"), ("2", "2")])
def test_one_inner_thread_unless_more_are_asked_for(monkeypatch, capsys, asked, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert main(["zoo"]) == 0
    assert os.environ["OMP_NUM_THREADS"] == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_the_zoo_lists_every_system_and_its_extra():
    answer = underdrawing("zoo")
    assert answer.returncode == 0
    assert "imuge" in answer.stdout and 'pip install "underdrawing[research]"' in answer.stdout
