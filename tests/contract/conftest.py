"""A toy system of each kind: a folder with card, model and training beside the systems."""

import hashlib
import io
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from underdrawing import systems, zoo
from underdrawing.cli import main
from underdrawing.core.interfaces import INTERFACES

SOURCES = Path(__file__).parent / "toys"
CARD = """
kind = "{kind}"
class = "underdrawing.systems.toy_{kind}.model:Toy"
title = "Toy {kind}"
summary = "For tests."
abilities = []
licence = "Apache-2.0"
behaviour = 1

[[trainings]]
name = "toy-{kind}"
module = "underdrawing.systems.toy_{kind}.training"
makes = "toy.safetensors"
command = "underdrawing train toy-{kind} --data DIR -o OUT"
"""
WEIGHT = """
[[weights]]
file = "toy.safetensors"
sha256 = "{sha256}"
bytes = {size}
licence = "Apache-2.0"
job = "detects"
trained = "toy-detector, one step"
"""


@pytest.fixture(scope="module")
def toys(tmp_path_factory, train):
    """Folders toy_KIND on the path of the systems, and the weights of the detector as trained."""
    root = tmp_path_factory.mktemp("systems")
    for kind in INTERFACES:
        folder = root / f"toy_{kind}"
        folder.mkdir()
        shutil.copy(SOURCES / f"{kind}.py", folder / "model.py")
        shutil.copy(SOURCES / "training.py", folder / "training.py")
        (folder / "card.toml").write_text(CARD.format(kind=kind), encoding="utf-8")
    systems.__path__.append(str(root))
    try:
        detector = root / "toy_detector"
        weights = train("toy-detector", photographs(root / "data"), root / "out") / "toy.safetensors"
        shutil.copy(weights, detector)
        entry = {"sha256": hashlib.sha256(weights.read_bytes()).hexdigest(), "size": weights.stat().st_size}
        with (detector / "card.toml").open("a", encoding="utf-8") as card:
            card.write(WEIGHT.format(**entry))
        yield root
    finally:
        systems.__path__.remove(str(root))
        zoo.load.cache_clear()
        for module in [name for name in sys.modules if name.startswith("underdrawing.systems.toy_")]:
            del sys.modules[module]


def photographs(folder):
    """A shard of two photographs."""
    folder.mkdir()
    with tarfile.open(folder / "0.tar", "w") as shard:
        for name, image in (("a", data.astronaut()), ("b", data.coffee())):
            file = io.BytesIO()
            Image.fromarray(image).resize((96, 80)).save(file, "PNG")
            member = tarfile.TarInfo(f"{name}.png")
            member.size = len(file.getvalue())
            shard.addfile(member, io.BytesIO(file.getvalue()))
    return folder


@pytest.fixture(scope="session")
def train():
    """Runs `underdrawing train`; the output folder."""

    def call(name, data, out):
        assert main(["train", name, "--data", str(data), "-o", str(out)]) == 0
        return out

    return call
