"""What a program meets: arrays in and out, short representations, missing files, types."""

import subprocess
import sys

import numpy as np
import pytest
from skimage import data

import underdrawing

USER = """
import numpy as np
import underdrawing
from pathlib import Path

def status(path: Path, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> str:
    with underdrawing.Session(sign=None) as session:
        report = session.protect(pixels, path, identity=None)
        array = np.asarray(report.protected)
        report.protected.to_pil().save(path)
        print(array.shape, report.notes, report.to_json()["identity"])
    verdict = underdrawing.verify(path).verdict
    try:
        found = underdrawing.retrieve(path, "photos.db", limit=2)
        print(found[0].record.facts.caption)
    except (FileNotFoundError, underdrawing.UnderdrawingError) as error:
        print(error)
    return verdict.status
"""


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[:256, :256]


@pytest.fixture(scope="module")
def protected(photo):
    return underdrawing.protect(photo)


def test_a_protected_array_has_the_shape_of_the_original(photo, protected):
    array = np.asarray(protected.protected)
    assert array.shape == photo.shape
    assert array.dtype == np.uint8
    assert np.array_equal(np.asarray(protected.protected.to_pil()), array)
    assert protected.protected._repr_png_().startswith(b"\x89PNG")
    gray = underdrawing.protect(photo[..., 0] / 255.0).protected
    assert np.asarray(gray).shape == photo.shape[:2]
    with_alpha = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    assert np.asarray(underdrawing.protect(with_alpha).protected).shape == (*photo.shape[:2], 4)


def test_representations_are_one_short_line(tmp_path, photo):
    path = tmp_path / "a.png"
    with underdrawing.Session(registry=tmp_path / "photos.db", secret=bytes(range(32))) as session:
        report = session.protect(photo, path)
        verified = session.verify(path)
        match = session.retrieve(path)[0]
        shown = [session, report, report.protected, report.record, verified, verified.verdict, match]
        for value in shown:
            assert repr(value).startswith(f"<{type(value).__name__} ")
            assert len(repr(value)) < 250
            assert "\n" not in repr(value)
        assert bytes(range(32)).hex() not in repr(session)


def test_missing_files_are_such_errors(tmp_path, photo):
    missing = tmp_path / "missing"
    for call in (
        lambda: underdrawing.verify(missing),
        lambda: underdrawing.protect(missing, tmp_path / "a.png"),
        lambda: underdrawing.protect(photo, sign=missing),
        lambda: underdrawing.verify(photo, secret=missing),
        lambda: underdrawing.load_credentials(missing, missing),
        lambda: underdrawing.retrieve(photo, missing),
        lambda: underdrawing.verify(photo, registry=missing),
    ):
        with pytest.raises(FileNotFoundError, match="missing") as raised:
            call()
        assert isinstance(raised.value, underdrawing.UnderdrawingError)


def test_names_are_listed():
    assert dir(underdrawing) == sorted(underdrawing.__all__)


def test_a_users_program_is_typed(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(USER)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", tmp_path]
    done = subprocess.run([*command, program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    program.write_text(USER.replace("return verdict.status", "return verdict.state"))
    done = subprocess.run([*command, program], capture_output=True, text=True, cwd=tmp_path)
    assert 'has no attribute "state"' in done.stdout
