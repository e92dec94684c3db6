"""The study of texts, with a localizer that flags all or nothing by the text."""

from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from underdrawing import zoo
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import localization_texts as study
from underdrawing.core.errors import OutputError
from underdrawing.core.interfaces import Localization
from underdrawing.systems.cmb_net.observer import NOTHING


class Credulous:
    def examine(self, image):
        return self._all(image, 0.0)

    def examine_with_text(self, image, text):
        return self._all(image, 0.0 if text in NOTHING else 1.0)

    def _all(self, image, prob):
        return Localization(
            np.full(image.shape[:2], prob, np.float32), np.ones(image.shape[:2], np.float32), prob
        )


@pytest.fixture
def run(manipulated_set, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "load", lambda name, path=None: Credulous())
    (tmp_path / "cmb-net-no-itcam").mkdir()
    (tmp_path / "cmb-net-no-itcam/cmb_net.safetensors").touch()
    settings = {"set": manipulated_set.name, "weights": str(tmp_path)}
    return Run(tmp_path / "results", manipulated_set.parent, settings=settings)


def test_figures_by_who_writes_the_text(run):
    study.run(run)
    store = study.STUDY.store(run.results)
    mean = {key.partition("/")[2]: figure["mean"] for key, figure in store.figures.items()
            if key.startswith("cmb-net-no-itcam/")}  # fmt: skip
    assert mean["none/f1"] == mean["none/false_area"] == 0
    assert mean["careful/f1"] > 0.1 and mean["careful/false_area"] == 0 and mean["careful/picture_auc"] == 1
    assert mean["misleading/false_area"] == 1 and mean["misleading/picture_auc"] < 0.5
    assert 0 <= mean["fallible/false_area"] <= 1
    table, _ = study.table(store)
    names = [row[0] for row in table.rows]
    assert names.count("no ITCAM") == len(study.WRITERS)


def test_findings_are_of_the_pixels_alone():
    copied = data.astronaut().copy()
    copied[380:480, 20:120] = copied[60:160, 180:280]
    _, write = study.WRITERS["findings"]
    assert "copied detail" in write(copied, np.zeros((512, 512), np.uint8), "", np.random.default_rng(1))
    assert write(data.coffee(), np.ones((400, 600), np.uint8), "splice", np.random.default_rng(1)) == ""


def test_a_training_that_does_not_exist(run):
    with pytest.raises(OutputError, match="no part is called another; there are: cmb-net, cmb-net-no-itcam"):
        study.run(replace(run, only=("another",)))
