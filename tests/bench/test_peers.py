"""The peers' run, with a stand-in for their environment's process."""

import sys
from types import SimpleNamespace

import pytest
from PIL import Image
from skimage import data

from underdrawing.bench.harness.render import render
from underdrawing.bench.harness.run import Run
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.photo_peers import study
from underdrawing.core.errors import MissingExtraError
from underdrawing.core.types import Verdict

WORKER = """
import json, shutil, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "embed":
        shutil.copy(request["image"], request["output"])
        bits, answer = request["bits"], {"seconds": 0.5}
    elif request["system"] == "forgetful":
        answer = {"error": "lost"}
    else:
        answer = {"bits": bits, "seconds": 0.25}
    print(json.dumps(answer), flush=True)
"""


class Blind:
    def protect(self, image_u8, **_):
        return SimpleNamespace(apply=lambda pixels: pixels.copy())

    def verify(self, image_u8, **_):
        return Verdict("unprotected", False, "nothing")


@pytest.fixture
def folder(tmp_path):
    for name in ("kodak24", "clic2025_val"):
        (tmp_path / name).mkdir()
        Image.fromarray(data.astronaut()[:128, :128]).save(tmp_path / name / f"{name}.png")
    return tmp_path


def test_whole_messages_are_counted_and_failures_are_not_survival(folder, monkeypatch):
    stand_in = folder / "python"
    stand_in.write_text(f"#!{sys.executable}\n{WORKER}")
    stand_in.chmod(0o755)
    monkeypatch.setattr(study, "PEERS", {"faithful": 32, "forgetful": 32})
    monkeypatch.setattr(study, "CHANNELS", ("none", "jpeg50"))
    monkeypatch.setattr(study, "_peer_versions", lambda python: [])
    subject = Subject("ours", Blind(), SimpleNamespace(public=None))
    settings = {"peers_python": str(stand_in)}
    study.run(Run(folder / "results", folder, settings=settings, load=lambda name: subject))
    store = study.STUDY.store(folder / "results")
    figures = store.figures
    assert figures["faithful/jpeg50/survived"]["mean"] == 1
    assert figures["forgetful/jpeg50/survived"]["mean"] == 0
    assert figures["forgetful/jpeg50/bit_accuracy"]["mean"] == 0.5
    assert figures["ours/none/survived"]["mean"] == 0 and figures["ours/none/survived"]["n"] == 2
    assert figures["faithful/psnr_db"]["mean"] == 100
    lines = render(study.table(store)).splitlines()
    assert lines[2].startswith("| ours | 64 |") and "| 500 | 250 |" in lines[3]


def test_a_missing_environment_is_said_clearly(folder):
    with pytest.raises(MissingExtraError, match="requirements"):
        study.PeerWorker(folder / "nowhere")
