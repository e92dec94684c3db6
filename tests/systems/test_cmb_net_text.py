"""Texts of CMB-Net's training: what they hold of the truth, and how often they are wrong."""

import numpy as np
import pytest

from underdrawing.judging.picture_words import COLUMNS, ROWS, SUSPICIONS, place_of
from underdrawing.systems.cmb_net.observer import (
    CAREFUL,
    MISLEADING,
    NOTHING,
    WHOLE,
    Observer,
    observe,
    sentence,
)


def region(top=0, left=0, height=8, width=8, side=48):
    mask = np.zeros((side, side), np.float32)
    mask[top : top + height, left : left + width] = 1
    return mask


def statements(mask, observer, count=2000, kind="splice"):
    rng = np.random.default_rng(1)
    return [observe(mask, kind, WHOLE, observer, rng) for _ in range(count)]


@pytest.mark.parametrize("place", range(9))
def test_a_careful_observer_names_the_place_and_the_kind(place):
    row, column = divmod(place, 3)
    for statement in statements(region(16 * row + 4, 16 * column + 4), CAREFUL, 20):
        assert statement.right
        assert any(f" {name} " in statement.text for name in ROWS[row])
        assert any(statement.text.endswith(f"{name}.") for name in COLUMNS[column])
        assert any(phrase in statement.text for phrase in SUSPICIONS["splice"])


@pytest.mark.parametrize(("height", "size"), [(6, 0), (12, 1), (40, 2)])
def test_the_size_is_that_of_the_share(height, size):
    assert place_of(region(2, 2, height, height), WHOLE)[1] == size


def test_the_place_of_a_part_is_that_in_the_whole():
    mask = region(0, 40)
    assert place_of(mask, WHOLE)[0] == 2
    assert place_of(mask, np.array([0, 0.5, 0.3, 1]))[0] == 3
    assert place_of(region(0, 0, 24, 48), np.array([0, 0, 0.4, 0.4]))[1] == 1


def test_texts_of_regions_of_one_cell_size_and_kind_are_the_same():
    """So nothing else of the mask is in them."""
    observer = Observer()
    first = statements(region(2, 2, 10, 10), observer, 200)
    disc = np.zeros((48, 48), np.float32)
    rows, cols = np.ogrid[:48, :48]
    disc[(rows - 9) ** 2 + (cols - 6) ** 2 < 40] = 1
    assert first == statements(disc, observer, 200)


def test_errors_and_omissions_are_as_often_as_stated():
    observer = Observer()
    found = statements(region(2, 2), observer)
    spoken = [s for s in found if s.text]
    assert 1 - len(spoken) / len(found) == pytest.approx(observer.silent, abs=0.04)
    nothing = [s for s in spoken if s.text in NOTHING]
    assert len(nothing) / len(spoken) == pytest.approx(observer.missed, abs=0.04)
    assert not any(s.right for s in nothing)
    suspected = [s for s in spoken if s.text not in NOTHING]
    assert np.mean([not s.right for s in suspected]) == pytest.approx(observer.misplaced, abs=0.04)
    named = [s for s in suspected if "altered area" not in s.text]
    assert 1 - len(named) / len(suspected) == pytest.approx(observer.omitted, abs=0.04)
    other = np.mean([not any(phrase in s.text for phrase in SUSPICIONS["splice"]) for s in named])
    assert other == pytest.approx(observer.mistaken, abs=0.04)


def test_an_authentic_picture_is_suspected_as_often_as_stated():
    observer = Observer()
    spoken = [s for s in statements(np.zeros((48, 48), np.float32), observer, kind="") if s.text]
    assert np.mean([s.text in NOTHING for s in spoken]) == pytest.approx(1 - observer.alarmed, abs=0.04)
    assert all(s.right == (s.text in NOTHING) for s in spoken)


def test_a_misleading_observer_is_never_right():
    for mask in (region(2, 2), np.zeros((48, 48), np.float32)):
        assert not any(s.right or not s.text for s in statements(mask, MISLEADING, 200))


def test_a_kind_without_phrases_is_not_named():
    assert "altered area" in sentence(4, 1, "another", np.random.default_rng(1))
