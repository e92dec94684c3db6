"""Stale measurements are marked, and outputs cannot change without a new behaviour number."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from underdrawing import zoo
from underdrawing.bench.harness.record import Protocol, Store, part_of, versions_of
from underdrawing.bench.harness.render import Table, render
from underdrawing.bench.tables import find_studies

GOLDEN = Path(__file__).parents[1] / "golden"
RESULTS = Path(__file__).parents[2] / "results"
AT = {"commit": "abc", "date": "today"}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.stem)
def test_a_changed_golden_output_needs_a_new_behaviour(path):
    """behaviour.json: card -> behaviour -> sha256 of the golden file. Entries are added, never changed."""
    recorded = json.loads((GOLDEN / "behaviour.json").read_text())[path.stem.replace("_", "-")]
    card = zoo.card(path.stem.replace("_", "-"))
    assert recorded[str(card.behaviour)] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card.behaviour == max(map(int, recorded))


def stored(folder: Path, revision: int = 1) -> Store:
    return Store(folder, "toy", revision)


def text(store: Store) -> str:
    rows = [("measured", store.cell("place/psnr_db")), ("of the paper", "40.00")]
    return render([Table(("row", "dB"), rows), store.stale_note()])


@pytest.fixture
def results(tmp_path) -> Path:
    figures = {"place/psnr_db": {"mean": 39.0}}
    part = part_of(Protocol("toy"), AT, versions_of("hidden-code"), figures=figures)
    stored(tmp_path).write("hidden-code", "part", part)
    return tmp_path


def test_a_current_measurement_has_no_mark(results):
    assert (
        text(stored(results)) == "| row | dB |\n|---|---|\n| measured | 39.00 |\n| of the paper | 40.00 |\n"
    )


def change(monkeypatch, name: str, **values) -> None:
    """Make `zoo.card` give the card of that name, also as a block, with other values."""
    card_of = zoo.card

    def card(asked: str) -> zoo.Card:
        found = card_of(asked)
        uses = tuple(dataclasses.replace(use, **values) if use.name == name else use for use in found.uses)
        return dataclasses.replace(found, uses=uses, **(values if asked == name else {}))

    monkeypatch.setattr(zoo, "card", card)


@pytest.mark.parametrize("name", ["hidden-code", "sketch", "lattice-locator"])
def test_a_row_is_marked_after_a_change_of_the_system_or_of_a_block(results, monkeypatch, name):
    change(monkeypatch, name, behaviour=zoo.card(name).behaviour + 1)
    assert "| measured (stale) | 39.00 |" in text(stored(results))
    assert "| of the paper | 40.00 |" in text(stored(results))
    assert text(stored(results)).endswith(f"(stale): measured before the last change of {name}.\n")


def test_a_row_is_marked_after_a_change_of_weights(results, monkeypatch):
    (weight,) = zoo.card("sketch").own_weights
    change(monkeypatch, "sketch", own_weights=(dataclasses.replace(weight, sha256="0" * 64),))
    assert "measured (stale)" in text(stored(results))


def test_other_weights_than_the_released_do_not_age_with_those(tmp_path, monkeypatch):
    part = part_of(Protocol("toy"), AT, versions_of("imuge", other_weights=True), figures={})
    stored(tmp_path).write("ablation", "part", part)
    weights = tuple(dataclasses.replace(w, sha256="0" * 64) for w in zoo.card("imuge").own_weights)
    change(monkeypatch, "imuge", own_weights=weights)
    assert stored(tmp_path).reasons("part") == []
    monkeypatch.undo()
    change(monkeypatch, "imuge", behaviour=2)
    assert stored(tmp_path).reasons("part") == ["imuge"]


def test_a_row_is_marked_after_a_change_of_the_study(results):
    assert "measured (stale)" in text(stored(results, revision=2))


def test_the_released_results_are_small_and_name_what_they_measured():
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4e6
    for study in find_studies().values():
        for name, part in study.store(RESULTS).parts.items():
            assert {"protocol", "conditions", "measured", "revision"} <= part.keys(), name
            assert all(versions_of(measured) for measured in part["measured"]), name
