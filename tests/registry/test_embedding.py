"""The embedding leads from altered pictures to their originals; masks and placements do what they are for."""

import io
import itertools

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing.core.errors import ShapeError
from underdrawing.registry.embedding import DIMENSIONS, View, embed, evidence, pack, placements, score
from underdrawing.registry.retrieval import SURE
from underdrawing.registry.vectors import VectorIndex, _first_words


@pytest.fixture(scope="module")
def gallery() -> list[np.ndarray]:
    """70 windows of 192 px out of real photographs, next to each other."""
    wholes = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")]
    return [
        np.ascontiguousarray(whole[top : top + 192, left : left + 192])
        for whole in wholes
        for top, left in itertools.product(*(range(0, side - 191, 60) for side in whole.shape[:2]))
    ][:70]


@pytest.fixture(scope="module")
def index(gallery) -> VectorIndex:
    filled = VectorIndex()
    for number, image in enumerate(gallery, 1):
        filled.add([number], [pack(embed(image))])
    return filled


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def best(index, *views):
    return index.search(views, 1)[0]


def test_view_has_its_shape(gallery):
    view = embed(gallery[0])
    assert view.vector.shape == view.counts.shape == (DIMENSIONS,)
    assert view.vector.dtype == np.float32 and view.counts.all()
    assert len(pack(view)) == DIMENSIONS
    assert score(np.frombuffer(pack(view), np.int8).astype(np.float32)[None], view) > 0.999


def test_recompressed_and_smaller_pictures_are_found(gallery, index):
    for number in range(1, 71, 5):
        small = np.asarray(Image.fromarray(jpeg(gallery[number - 1], 30)).resize((100, 90)))
        found = best(index, embed(small))
        assert found.number == number and found.evidence > SURE


def test_a_mask_leaves_out_what_was_painted_over(gallery, index):
    gains = []
    for number in range(1, 71, 5):
        edited, mask = gallery[number - 1].copy(), np.zeros((192, 192), bool)
        mask[10:150, 40:180] = True
        edited[mask] = gallery[(number + 35) % 70][mask]
        blind, knowing = embed(jpeg(edited, 70)), embed(jpeg(edited, 70), mask)
        found = best(index, knowing)
        assert found.number == number and found.evidence > SURE
        own = np.frombuffer(pack(embed(gallery[number - 1])), np.int8).astype(np.float32)[None]
        gains.append(score(own, knowing)[0] - score(own, blind)[0])
    assert min(gains) > 0.1


def test_what_is_masked_has_no_effect(gallery):
    mask = np.zeros((192, 192), bool)
    mask[48:144, 48:144] = True
    other = gallery[1].copy()
    other[~mask] = gallery[0][~mask]
    first, second = embed(gallery[0], mask), embed(other, mask)
    assert np.array_equal(first.counts, second.counts) and 0.6 < first.counts.mean() < 0.9
    assert not first.vector[~first.counts].any()
    assert np.allclose(first.vector, second.vector, atol=0.15)


def test_crops_and_mirrored_pictures_are_found_by_placements(index, gallery):
    for number in range(1, 71, 7):
        part = np.ascontiguousarray(gallery[number - 1][20:165, 3:148])
        mirrored = np.ascontiguousarray(gallery[number - 1][:, ::-1])
        for received in (part, mirrored):
            assert best(index, *placements(received)).number == number


def test_nothing_to_compare_is_no_evidence(index, gallery):
    assert best(index, embed(gallery[3], np.ones((192, 192), bool))).evidence == 0
    assert best(index, embed(np.full((80, 90, 3), 90, np.uint8))).evidence < SURE
    nothing = View(np.zeros(DIMENSIONS, np.float32), np.zeros(DIMENSIONS, bool))
    assert evidence(np.ones(3, np.float32), nothing).tolist() == [0, 0, 0]
    with pytest.raises(ShapeError, match=r"\(192, 192\)"):
        embed(gallery[0], np.zeros((5, 5), bool))


def test_signs_first_gives_what_all_cosines_give():
    rng = np.random.default_rng(4)
    vectors = rng.integers(-127, 128, (3000, DIMENSIONS), dtype=np.int8)
    index = VectorIndex()
    for start in range(0, 3000, 700):  # in uneven batches
        rows = vectors[start : start + 700]
        index.add(range(start + 1, start + len(rows) + 1), [row.tobytes() for row in rows])
    assert len(index) == 3000
    for wanted in range(0, 3000, 500):
        counts = rng.random(DIMENSIONS) < 0.5
        disturbed = vectors[wanted] + rng.normal(0, 60, DIMENSIONS)
        view = View(np.where(counts, disturbed, 0).astype(np.float32), counts)
        scores = score(vectors.astype(np.float32), view)
        found = index.search([view], 1)[0]
        assert found.number == wanted + 1 == scores.argmax() + 1
        assert found.score == pytest.approx(scores.max(), abs=1e-5)


def test_many_vectors_are_searched_by_their_first_words_and_nothing_is_lost():
    """More than are looked at whole: 100,000, in which views with half of their numbers find their own."""
    rng = np.random.default_rng(7)
    vectors = np.clip(36 * rng.standard_normal((100_000, DIMENSIONS), np.float32), -127, 127).astype(np.int8)
    index = VectorIndex()
    index.add(range(1, 100_001), [row.tobytes() for row in vectors])
    wanted, views = rng.integers(0, 100_000, 27), []
    for row in wanted:
        counts = rng.random(DIMENSIONS) < 0.5
        disturbed = vectors[row] + rng.normal(0, 22, DIMENSIONS)
        views.append(View(np.where(counts, disturbed, 0).astype(np.float32), counts))
    found = index.search(views, 27)
    assert {one.number for one in found} == {row + 1 for row in wanted}
    alone = [index.search([view], 1)[0] for view in views]
    assert [one.number for one in alone] == [row + 1 for row in wanted]
    assert {(one.number, one.evidence) for one in alone} == {(one.number, one.evidence) for one in found}
    blind = View(np.zeros(DIMENSIONS, np.float32), np.zeros(DIMENSIONS, bool))
    assert index.search([blind], 3)[0].evidence == 0


def test_the_first_words_hold_128_signs_of_the_coarse_grids_once():
    one_by_one = np.bitwise_count(_first_words(np.eye(DIMENSIONS, dtype=bool))).sum(1)
    assert one_by_one.sum() == 128 and one_by_one.max() == 1
    assert not one_by_one[:256].any() and one_by_one[448:].all()
