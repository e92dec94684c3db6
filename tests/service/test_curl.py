"""The curl lines and the Python example of docs/SERVICE.md, as printed, against a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "SERVICE.md").read_text(encoding="utf-8")
CURL = re.findall(r"^    (curl .*)$", TEXT, re.MULTILINE)
(PYTHON,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, photo, suspect):
    (tmp_path / "photo.jpg").write_bytes(photo)
    (tmp_path / "suspect.jpg").write_bytes(suspect)
    return tmp_path


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", CURL)
def test_curl_lines_work_as_printed(desk, folder, line):
    address = desk.url.removeprefix("http://127.0.0.1").rstrip("/")
    line = line.replace("localhost:8000", f"localhost{address}")
    printed = run(["bash", "-c", line], folder, TOKEN=desk.tokens["protector"])
    if " -sfI " in line:
        assert printed.startswith("HTTP/1.1 200")
        return
    answer = json.loads(printed)
    if "v1/verify" in line:
        assert answer["status"] == "altered" and answer["file"] == "suspect.jpg"
    assert answer.get("total", 2) == 2


def test_the_python_example_works_as_printed(desk, folder):
    code = PYTHON.replace("http://localhost:8000", desk.url).replace("ud_...", desk.tokens["protector"])
    printed = run([sys.executable, "-c", code], folder)
    assert "altered the desk 0." in printed and "suspect.jpg Verification(status='altered'" in printed
    assert (folder / "photo.protected.jpg").read_bytes().startswith(b"\x89PNG")
