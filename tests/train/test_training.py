"""The loop and the sketch's recipe: the loss falls, the log repeats, a resumed run goes on as the unbroken
one."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from skimage import data

from underdrawing.content.sketch.sketch_net import Config
from underdrawing.content.sketch.training import SketchRecipe, SketchTraining, fresh, set_start
from underdrawing.data.shards import random_crop
from underdrawing.train.loop import Run, train
from underdrawing.train.run import curve
from underdrawing.train.schedule import warm_cosine

SMOKE = SketchRecipe(batches=((64, 4),), shortest=(64, 200), seed_crops=96, learning_rate=1e-3)
TINY = dataclasses.replace(
    Config(), channels=32, token_dim=8, codes=32, sides=(1, 2, 3), decoder_width=24, decoder_blocks=1,
    groups=(2, 6, 24), polish_width=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]


def _system(photos: list[np.ndarray]) -> SketchTraining:
    net = fresh(TINY, torch.Generator().manual_seed(1))
    set_start(net, photos, SMOKE, np.random.default_rng(1))
    return SketchTraining(net, photos, SMOKE)


def test_a_short_run_learns_and_repeats(photos: list[np.ndarray], tmp_path) -> None:
    rows = train(_system(photos), Run(steps=20, warmup=0.2), tmp_path / "a")
    again = train(_system(photos), Run(steps=20, warmup=0.2), tmp_path / "b")
    assert len((tmp_path / "a" / "log.jsonl").read_text().splitlines()) == 20
    losses = np.array([row["distortion"] for row in rows])
    np.testing.assert_allclose(losses, [row["distortion"] for row in again], rtol=1e-3)
    assert np.isfinite(losses).all()
    assert 0.1 < losses.mean() < 20


def test_resuming_goes_on_at_the_same_step(photos: list[np.ndarray], tmp_path) -> None:
    whole = train(_system(photos), Run(steps=8), tmp_path / "whole")
    started = _system(photos)
    batches = started.batch

    def stop_after_four(rng: np.random.Generator) -> torch.Tensor:
        if len(started_batches) == 4:
            raise KeyboardInterrupt
        started_batches.append(1)
        return batches(rng)

    started_batches: list[int] = []
    started.batch = stop_after_four
    with pytest.raises(KeyboardInterrupt):
        train(started, Run(steps=8, save_minutes=0.0), tmp_path / "part")
    rest = train(_system(photos), Run(steps=8), tmp_path / "part", resume=True)
    assert [row["step"] for row in rest] == [4, 5, 6, 7]
    np.testing.assert_allclose(
        [r["distortion"] for r in rest], [r["distortion"] for r in whole[4:]], rtol=1e-3
    )


def test_the_schedule_warms_up_and_ends_low() -> None:
    values = [warm_cosine(p, 0.1) for p in np.linspace(0, 1, 101)]
    assert max(values) == pytest.approx(1.0)
    assert values[0] < 0.01
    assert values[-1] == pytest.approx(0.02)
    assert np.argmax(values) == 10


def test_the_curve_has_means_over_parts_of_the_log(tmp_path) -> None:
    log = tmp_path / "log.jsonl"
    rows = [{"step": n, "progress": n / 6, "loss": 6.0 - n, "late": 1.0} for n in range(6)]
    del rows[0]["late"]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert curve(log, points=2) == [
        {"step": 0, "loss": 5.0, "late": 0.6667},
        {"step": 3, "loss": 2.0, "late": 1.0},
    ]
    assert [part["step"] for part in curve(log)] == list(range(6))  # fewer rows than parts
    assert curve(tmp_path / "none.jsonl") == []


def test_crops_have_the_side_and_repeat(photos: list[np.ndarray]) -> None:
    first = random_crop(photos[1], 96, (96, 300), np.random.default_rng(3))
    assert first.shape == (96, 96, 3)
    assert np.array_equal(first, random_crop(photos[1], 96, (96, 300), np.random.default_rng(3)))
