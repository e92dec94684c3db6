"""The adversary study: every part runs, a blind verifier loses everywhere, the table says counts and bounds.

The system and the attacker's tool are stand-ins; tests/attacks/test_adversary.py attacks the real one.
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.bench import tables
from underdrawing.bench.harness.run import Run
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary import measuring, registered, study
from underdrawing.bench.studies.adversary.tables import rate_cell
from underdrawing.core.types import Assurance, Signature, Verdict, Witness

SIZE = 256
SMALL = replace(
    study.PROTOCOL, sizes=(SIZE,), small_size=192, partners=1, benign_channels=2, known_pictures=2
)
IDENTITY = "0123456789abcdef"


@dataclass
class Verifier:
    """Says the same of every picture."""

    status: str
    contradicted: bool | None

    def protect(self, image_u8, *, owner, identity, secret, strength):
        return SimpleNamespace(apply=lambda pixels: pixels)

    def verify(self, image_u8, *, secret, find_key):
        assurance = None
        if self.contradicted is not None:
            state = "contradicts" if self.contradicted else "agrees"
            assurance = Assurance((Witness("signed content", state, True, 1.0, 0.02, "as told"),))
        signature, altered = Signature("valid"), np.zeros(image_u8.shape[:2], np.float32)
        return Verdict(self.status, True, "", IDENTITY, signature, altered, assurance=assurance)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for name in ("kodak24", "clic2025_val", "coco_val"):
        (root / name).mkdir()
    Image.fromarray(data.astronaut()).save(root / "kodak24" / "astronaut.png")
    Image.fromarray(data.coffee()).save(root / "clic2025_val" / "coffee.png")
    Image.fromarray(data.rocket()).save(root / "coco_val" / "rocket.png")
    Image.fromarray(data.chelsea()).save(root / "coco_val" / "chelsea.png")
    return root


class Room:
    """In place of a session with a registry."""

    def __init__(self, model):
        def judge(image):
            verdict = model.verify(image, secret=None, find_key=None)
            return SimpleNamespace(verdict=verdict, record={"facts": {"caption": registered.CAPTION}})

        def embed(image, identity=IDENTITY):
            return SimpleNamespace(protected=SimpleNamespace(image=image), identity=identity)

        self.session = self.stranger = self.second = SimpleNamespace(judge=judge, embed=embed)

    def register(self, image):
        return image, IDENTITY


def measure(results, photos, monkeypatch, model):
    mark = SimpleNamespace(without=lambda layer: mark)
    for module in (measuring, registered):
        monkeypatch.setattr(module, "read_mark", lambda protected: mark)
        monkeypatch.setattr(module, "write_mark", lambda image, mark: image)
    monkeypatch.setattr(registered, "news_room", lambda: Room(model))
    study.run(Run(results, photos, load=lambda name: Subject(name, model, None)), SMALL)
    return study.STUDY.store(results)


def test_a_verifier_that_believes_everything_loses_to_every_attack(photos, tmp_path, monkeypatch):
    store = measure(tmp_path, photos, monkeypatch, Verifier("intact", None))
    assert set(store.parts) == {part.name for part in study.parts(SMALL)} | {"presence"}
    figures = store.figures
    assert figures["transplant/256/none/intact"]["mean"] == 1
    assert figures["transplant/192/middle only/intact"]["n"] == 2
    assert figures["rewrite/256/jpeg70/25%/intact"]["mean"] == 1
    assert figures["rewrite/256/drawn/2%/rms"]["mean"] > 12
    assert figures["neighbour/256/none/burst/identity"]["mean"] == 1
    assert figures["again/256/none/first_named"]["mean"] == 0
    assert (figures["benign/256/all/altered"]["mean"], figures["benign/256/all/altered"]["n"]) == (0, 8)
    assert figures["registry/unsigned identity/facts_shown"]["mean"] == 1
    assert figures["private/jpeg70/congruent/intact"]["mean"] == 1
    assert figures["presence/tiles/auc"]["mean"] == 0.5
    assert figures["second/512/none/both_named"]["mean"] == 0
    assert not any(key.endswith("contradicted") for key in figures)
    text = tables.fill("<!-- table:adversary -->\n<!-- /table -->\n", tmp_path)
    assert (
        "| transplant, ordered pairs: intact | all 2 (> 0) (<= 0) ✗ | all 2 (> 0) (<= 0) ✗ | - | - |" in text
    )
    assert "found by the signed content alone" not in text
    text = tables.fill("<!-- table:adversary-modes -->\n<!-- /table -->\n", tmp_path)
    assert "| private mode, presence by tiles: AUC | 0.50 (" in text and "Not measured" not in text


def test_a_verifier_that_contradicts_everything_is_never_fooled(photos, tmp_path, monkeypatch):
    figures = measure(tmp_path, photos, monkeypatch, Verifier("altered", True)).figures
    assert all(found["mean"] == 0 for key, found in figures.items() if key.endswith("/intact"))
    assert figures["rewrite/256/none/0.5%/contradicted"]["mean"] == 1
    assert figures["rewrite-coarse/256/jpeg70/2%/contradicted"]["mean"] == 1
    assert figures["benign/256/all/altered"]["mean"] == 1


def test_rates_are_printed_with_their_bounds():
    figures = {
        "none": {"mean": 0.0, "low95": 0, "high95": 0.1, "n": 1650},
        "some": {"mean": 0.25, "low95": 0.1, "high95": 0.5, "n": 20},
        "all": {"mean": 1.0, "low95": 0.9, "high95": 1, "n": 50},
    }
    store = SimpleNamespace(figures=figures, stale=lambda keys: False)
    assert rate_cell(store, "none", 0).text == "0 of 1650 (< 0.18) (<= 0)"
    assert rate_cell(store, "some", 10).text == "25 (10-50, 20) (<= 10) ✗"
    assert rate_cell(store, "all", 98, at_most=False).text == "all 50 (> 94) (>= 98)"
    assert rate_cell(store, "nothing").text == "-"
