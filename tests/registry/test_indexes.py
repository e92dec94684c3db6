"""The comparison of indexes, small: with faiss, over random vectors and parts of photographs; its table."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing.bench import tables
from underdrawing.bench.harness.run import Run
from underdrawing.bench.infrastructure import vector_indexes as indexes
from underdrawing.registry.embedding import DIMENSIONS

pytest.importorskip("faiss", reason="the extra 'bench' is not installed")


def test_compares_and_fills_the_table(tmp_path):
    photos, results = tmp_path / "photos", tmp_path / "results"
    photos.mkdir()
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(getattr(skimage.data, name)()).save(photos / f"{name}.png")
    for data in (None, photos):
        indexes.run(Run(results, data, settings={"vectors": "3000"}))
    parts = indexes.STUDY.store(results).parts
    assert parts.keys() == {"random, 3000", "parts of photographs, 3000"}
    exact, ours, signs, *_ = parts["random, 3000"]["rows"]
    for row in (exact, ours, signs):
        assert [row[f"{kind}_recall"] for kind in ("whole", "half", "unsure")] == [1, 1, 1], row["index"]
    assert ours["bytes_per_vector"] == 88 and signs["bytes_per_vector"] == 128
    made = tables.fill("<!-- table:registry-indexes -->\n<!-- /table -->\n", results)
    assert "| 3,000 random | signs, as here | 88 |" in made and "| 3,000 parts of photographs |" in made


def test_left_out_numbers_have_no_effect_in_either_form_of_signs():
    rng = np.random.default_rng(3)
    vectors = rng.integers(-127, 128, (500, DIMENSIONS)).astype(np.int8)
    view = indexes.noisy(vectors[7], rng, 0.5)
    changed = vectors.copy()
    changed[:, ~view.counts] = -changed[:, ~view.counts]
    found = []
    for make in (indexes.Ours, indexes.BothSigns):
        for rows in (vectors, changed):
            index = make()
            index.add(rows)
            found.append(set(index.propose([view])[0][:1].tolist()))
    assert found == [{7}] * 4
