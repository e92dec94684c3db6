"""Hidden-Code's measurements on tiny networks, and the tables that they fill."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.bench import tables
from underdrawing.bench.harness.record import part_of
from underdrawing.bench.harness.render import render
from underdrawing.bench.harness.run import Run
from underdrawing.bench.studies import carriers
from underdrawing.bench.studies.hidden_code import study
from underdrawing.nets.loading import save_network
from underdrawing.systems.hidden_code.tokens import save_tokens
from underdrawing.systems.hidden_code.training_recovery import RECIPES
from underdrawing.systems.hidden_code.training_recovery import initial_network as initial_recovery
from underdrawing.systems.hidden_code.training_tokens import RECIPES as TOKEN_RECIPES
from underdrawing.systems.hidden_code.training_tokens import initial_network as initial_tokens

ROOT = Path(__file__).parents[2]
PHOTOS = [data.astronaut(), data.coffee()]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Photographs, two weight files, and results of both measurements beside those of carriers."""
    folder = tmp_path_factory.mktemp("hidden-code")
    for name in ("kodak24", "clic2025_val", "imagenet1k_one"):
        (folder / "data" / name).mkdir(parents=True)
        for number, photo in enumerate(PHOTOS):
            Image.fromarray(photo).save(folder / "data" / name / f"{number}.png")
    save_tokens(initial_tokens(PHOTOS, TOKEN_RECIPES["smoke"]), folder / "tokens.safetensors", {})
    net = initial_recovery(RECIPES["smoke"])
    net.sharpness.data -= 6
    save_network(net, folder / "recovery.safetensors", {})
    results = folder / "results"
    held = {"lattice": 2272.0, "dwt-dct-svd": 64.0}
    protocol = carriers.PROTOCOL
    for name, bits in held.items():
        part = part_of(protocol, {}, {}, photos=4, figures={f"{name}/bits": {"mean": bits}})
        carriers.STUDY.store(results).write(name, name, part)
    tokens, recovery = (str(folder / f"{name}.safetensors") for name in ("tokens", "recovery"))
    settings = {"tokens": tokens, "plain": tokens, "recovery": recovery}
    study.run(Run(results, folder / "data", photos=1, only=["tokens", "bits"], settings=settings))
    return folder


def store_of(place: Path):
    return study.STUDY.store(place / "results")


def rows_of(blocks) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in render(blocks).splitlines()
        if line[:1] == "|"
    ]


def test_prefixes_have_a_row_a_scale(place):
    rows = rows_of(study.prefixes(store_of(place)))
    assert [row[:3] for row in rows[2:]] == [["1", "1", "4"], ["2", "5", "20"], ["3", "21", "84"]]
    with_dropout, without = rows[4][3].split(" / ")
    assert with_dropout == without and float(with_dropout) > 8
    assert float(rows[2][6].split(" / ")[0]) == round(
        100 / 16
    )  # one stranger has one token of the first scale


def test_coding_is_held_against_the_plain_length(place):
    rows = rows_of(study.coded(store_of(place)))
    assert [row[0] for row in rows[2:6]] == ["1", "2", "3", "all, with checksum"]
    assert sum(float(row[3]) for row in rows[2:5]) + 16 < float(rows[5][3]) + 3
    rooms = rows[8:]
    assert [int(row[0]) for row in rooms] == [*study.ROOMS, 2272] and float(rooms[-1][2]) == 21
    difference = store_of(place).parts["bits"]["logit_difference"]
    assert 0 <= difference < 1e-11


def test_carriers_are_named_where_they_hold_the_room(place):
    rows = {row[0]: row for row in rows_of(study.carriers_table(store_of(place)))[2:]}
    assert rows["32"][1] == "2" and rows["32"][6].startswith("dwt-dct-svd")
    assert rows["100"][1] == "3" and rows["100"][6] == "trustmark, gaussian-shading, lattice"
    assert rows["1024"][6] == "lattice" and "2272 (the lattice's mean)" in rows


def test_blocks_are_filled_and_empty_without_results(place, tmp_path):
    for name in ("prefixes", "bits", "carriers"):
        block = f"<!-- table:hidden-code-{name} -->\n<!-- /table -->\n"
        assert "| " in tables.fill(block, place / "results")
        assert "Not measured yet." in tables.fill(block, tmp_path)


def test_the_picture_has_a_row_for_each_training(place):
    draw = tool("draw_hidden_code")
    tokenizer = draw.Tokenizer(place / "tokens.safetensors")
    row = draw.row(tokenizer, np.ascontiguousarray(PHOTOS[0][:256, :256]))
    assert row.shape == (draw.SHOWN, 4 * draw.SHOWN, 3)
    draw.write(draw.stacked([[row, row], [row, row]]), place / "picture.webp")
    assert (place / "picture.webp").stat().st_size < draw.MOST_BYTES
    with Image.open(place / "picture.webp") as picture:
        assert picture.size == (4 * draw.SHOWN, 4 * draw.SHOWN + draw.MARGIN)
