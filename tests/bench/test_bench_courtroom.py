"""The study of Courtroom's judge, on a small set with networks that are not trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import courtroom as study
from underdrawing.bench.studies.localization.samples import of_set
from underdrawing.content.manipulation_trunk.network import ManipulationTrunk
from underdrawing.core.errors import OutputError, WeightsError
from underdrawing.nets.loading import save_network, stored_state
from underdrawing.nets.weights import TRUNK, fingerprint
from underdrawing.systems.courtroom.judge import ACTIONS
from underdrawing.systems.courtroom.network import RELEASED, Courtroom

SMALL = replace(RELEASED, widths=(8, 8, 8, 8), debate_width=4, judge_width=8)


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """Folder with two trainings, and a released trunk."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        trunk, nets = ManipulationTrunk().eval(), {}
        for name, config in {"lean": SMALL, "no-judge": replace(SMALL, judge=False)}.items():
            nets[name] = Courtroom(config)
            for parameter in nets[name].parameters():
                parameter.data += 0.2 * torch.randn_like(parameter)
    save_network(trunk, tmp_path / "trunk.safetensors", {}, prefix=TRUNK)
    sha256 = fingerprint({name: v.numpy() for name, v in stored_state(trunk).items()})
    for name, net in nets.items():
        save_network(
            net, tmp_path / name / "courtroom.safetensors", {"trunk_sha256": sha256}, prefix=study.PREFIX
        )
    monkeypatch.setattr(study, "TRUNK_WEIGHTS", tmp_path / "trunk.safetensors")
    monkeypatch.setattr(study, "load_trunk", lambda: trunk)
    return tmp_path


@pytest.fixture
def store(networks, manipulated_set):
    """Results of both."""
    settings = {"set": str(manipulated_set), "weights": str(networks)}
    run = Run(networks / "results", manipulated_set.parent, settings=settings)
    study.run(run)
    return study.STUDY.store(run.results)


def test_the_judge_is_compared_with_the_average_and_the_oracle(store):
    figures = store.figures
    soft = {name: figures[f"lean/{name}/soft_iou"]["mean"] for name in study.MAPS}
    assert soft["oracle"] > max(soft["average"], soft["judge"])
    gain = figures["lean/gain/soft_iou"]
    assert gain["mean"] == pytest.approx(soft["judge"] - soft["average"], abs=1e-4)
    assert gain["low95"] <= gain["mean"] <= gain["high95"]
    assert sum(figures[f"lean/action/{name}"]["mean"] for name in ACTIONS) == pytest.approx(1, abs=1e-3)
    assert 0 < figures["lean/average/f1"]["n"] <= 8 and figures["lean/average/false_area"]["n"] >= 4
    assert "no-judge/judge/f1" not in figures and "no-judge/average/f1" in figures


def test_tables_name_each_map_and_each_network(store):
    table, sentence, conditions = study.judged(store)
    assert [row[0] for row in table.rows] == list(study.MAPS.values())
    assert sentence.startswith("The judge ") and "12 pictures" in conditions
    table, _ = study.parts(store)
    assert [row[0] for row in table.rows] == ["all parts", "no judge in training"]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.001, 0.02, "helps"), (-0.01, 0.01, "not measurably"), (-0.02, -0.001, "harm")],
)
def test_the_conclusion_follows_the_bounds_of_the_gain(low, high, words):
    figures = {
        f"lean/{name}/soft_iou": {"mean": x} for name, x in zip(study.MAPS, (0.5, 0.53, 0.6), strict=True)
    }
    figures |= {f"lean/action/{name}": {"mean": 1 / 6} for name in ACTIONS}
    figures |= {
        "lean/uncertain": {"mean": 0.1},
        "lean/gain/f1": {"mean": (low + high) / 2, "low95": low, "high95": high},
    }
    sentence = study.conclusion(figures)
    assert words in sentence and "covers 30 %" in sentence


def test_pictures_of_any_size_are_measured(manipulated_set):
    view = of_set(manipulated_set)
    trunk, network = ManipulationTrunk().eval(), Courtroom(SMALL).eval()
    image, labels = next(view.read(n) for n in range(len(view.samples)) if view.read(n)[1].any())
    found = study._of_picture(trunk, network, image[:75, :90], labels[:75, :90])
    assert 0 <= found["average/f1"] <= 1 and np.isnan(found["average/false_area"])


def test_weights_on_another_trunk_and_missing_ones_are_named(networks, manipulated_set):
    other = networks / "other/courtroom.safetensors"
    save_network(Courtroom(SMALL), other, {"trunk_sha256": "0"}, prefix=study.PREFIX)
    with pytest.raises(WeightsError, match="another trunk"):
        study.load(other)
    settings = {"set": str(manipulated_set), "weights": str(networks / "results")}
    with pytest.raises(OutputError, match="no training"):
        study.run(Run(networks / "results", manipulated_set.parent, settings=settings))
