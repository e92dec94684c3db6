"""Commands, code and links of the README work."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from underdrawing import zoo

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path, monkeypatch, astronaut) -> Path:
    """The working folder, with the pictures that the README names and a trust store apart from the user's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "suspect.jpg", "photos/one.png"):
        Image.fromarray(astronaut).save(tmp_path / name, quality=95)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_commands_run(place, stand_in, run):
    block = README.split("## Use")[1].split("```")[0]
    lines = [line.split("#")[0] for line in block.splitlines() if line.startswith("    underdrawing ")]
    assert len(lines) == 3
    codes = {shlex.split(line)[1]: run(*shlex.split(line)[1:]).code for line in lines}
    assert codes == {"keygen": 0, "protect": 0, "verify": 2}
    assert (place / "protected" / "one.png").is_file()
    assert (place / "findings" / "suspect.report.html").is_file()


def test_python_runs(place, stand_in, run):
    assert run("keygen", "-o", "owner.pem").code == 0
    shutil.copy("photo.jpg", "kept.jpg")
    names: dict = {}
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0].replace("suspect.jpg", "protected.jpg")
    exec(code, names)
    verdict = names["report"].verdict
    assert verdict.present
    assert verdict.tampered_prob.shape == verdict.recovered.shape[:2]
    assert np.array_equal(Image.open("photo.jpg"), Image.open("kept.jpg"))


@pytest.mark.parametrize("document", ["README.md", "docs/ARCHITECTURE.md", "CHANGELOG.md", "THIRD_PARTY.md"])
def test_links_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert ((ROOT / document).parent / link).exists(), link


def test_every_room_is_drawn():
    drawn = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "underdrawing").iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"{path.name}/" in drawn, path.name


def test_cards_describe_every_weight():
    named = set()
    for name in zoo.names():
        for weight in zoo.card(name).weights:
            weight.check()
            assert weight.size_bytes == weight.path.stat().st_size
            assert weight.licence
            assert weight.trained
            named.add(weight.path.resolve())
    assert named == set((ROOT / "underdrawing").resolve().rglob("*.safetensors"))
