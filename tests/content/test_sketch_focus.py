"""More bits for important places: the resampling, its few bits, what it gains and what it costs."""

import cv2
import numpy as np
import pytest

from underdrawing.content.sketch.focus import EVEN, Axis, Focus, choose_focus, read_focus
from underdrawing.content.sketch.parameters import FIELDS_FIRST
from underdrawing.content.sketch.sketch import Sketch
from underdrawing.core.errors import CodeError, ShapeError
from underdrawing.metrics.quality import masked_psnr_db

FOCUS = Focus(Axis(2, ((1, 4),)), Axis(1, ((0, 2), (9, 12))))


def _box(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Three quarters of the importance in a box of a picture of side 1."""
    inside = np.zeros((64, 64), np.float32)
    inside[round(64 * y) : round(64 * (y + height)), round(64 * x) : round(64 * (x + width))] = 1
    return 0.75 * inside / inside.mean() + 0.25


FACE = _box(0.33, 0.05, 0.25, 0.36)


@pytest.mark.parametrize("focus", [FOCUS, Focus(EVEN, EVEN), Focus(EVEN, FOCUS.horizontal)])
def test_a_focus_is_read_as_written(focus: Focus) -> None:
    tail = np.ones(5, np.uint8)
    read, rest = read_focus(np.concatenate((focus.bits(), tail)))
    assert read == focus
    assert np.array_equal(rest, tail)


@pytest.mark.parametrize("spans", [((5, 4),), ((0, 3), (4, 6)), ((6, 9), (1, 2))])
def test_ends_that_were_never_written_are_refused(spans: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(CodeError, match="never written"):
        read_focus(Focus(Axis(0, spans), EVEN).bits())


@pytest.mark.parametrize("length", [1, 9, 20, 29])
def test_a_focus_cut_short_is_refused(length: int) -> None:
    with pytest.raises(CodeError, match="too short"):
        read_focus(FOCUS.bits()[:length])


def test_resampling_keeps_means_and_returns_smooth_pictures() -> None:
    y, x = np.mgrid[:120, :200]
    smooth = np.stack([128 + 60 * np.sin(x / 30), 128 + 60 * np.cos(y / 25), 0.6 * x + 0.5 * y], 2)
    gathered = FOCUS.gather(smooth.astype(np.float32), (96, 160))
    assert gathered.shape == (96, 160, 3)
    back = FOCUS.spread(np.rint(gathered).astype(np.uint8), 120, 200)
    assert np.abs(back - smooth).max() < 4
    even = Focus(EVEN, EVEN).gather(smooth.astype(np.float32), (60, 100))
    assert np.allclose(even, smooth.reshape(60, 2, 100, 2, 3).mean((1, 3)), atol=1e-3)


def test_the_focus_lies_on_the_important_place() -> None:
    focus = choose_focus(FACE, (4, 4), 2000)
    assert focus is not None
    assert [span for axis in (focus.vertical, focus.horizontal) for span in axis.spans] == [(1, 6), (5, 8)]


@pytest.mark.parametrize("importance", [np.ones((9, 9)), np.zeros((9, 9)), np.ones((1, 1))])
def test_an_even_or_empty_map_gives_no_focus(importance: np.ndarray) -> None:
    assert choose_focus(importance, (4, 4), 2000) is None


def test_two_places_beside_each_other_get_two_spans() -> None:
    focus = choose_focus(_box(0, 0.3, 0.15, 0.4) + _box(0.8, 0.3, 0.2, 0.4), (4, 4), 4000)
    assert focus is not None
    assert len(focus.horizontal.spans) == 2
    assert len(focus.vertical.spans) == 1


def test_samples_are_not_finer_than_the_picture() -> None:
    focus = choose_focus(FACE, (1.2, 1.2), 2000)
    assert focus is not None
    for axis in (focus.vertical, focus.horizontal):
        assert np.diff(axis.edges(160, 160)).min() > 1 / 1.21


@pytest.mark.parametrize("budgets", [[1000], [2000], [600, 3400]])
def test_important_places_gain_at_equal_bits(
    sketch: Sketch, astronaut: np.ndarray, budgets: list[int]
) -> None:
    inside = cv2.resize(FACE, (256, 256), interpolation=cv2.INTER_NEAREST) > 1
    even, focused = sketch.encode(astronaut, budgets), sketch.encode(astronaut, budgets, FACE)
    assert all(len(layer) <= budget for layer, budget in zip(focused, budgets, strict=True))
    gains = [
        masked_psnr_db(astronaut, sketch.decode(focused, 256, 256), mask)
        - masked_psnr_db(astronaut, sketch.decode(even, 256, 256), mask)
        for mask in (inside, ~inside)
    ]
    assert gains[0] > 1.5
    assert -3 < gains[1] < 0


def test_a_map_without_differences_changes_nothing(sketch: Sketch, astronaut: np.ndarray) -> None:
    even = sketch.encode(astronaut, [500])
    assert np.array_equal(sketch.encode(astronaut, [500], np.ones((5, 7)))[0], even[0])


@pytest.mark.parametrize("importance", [np.full((4, 4), np.nan), -np.ones((4, 4)), np.ones(9)])
def test_impossible_maps_are_refused(sketch: Sketch, astronaut: np.ndarray, importance: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="importance"):
        sketch.encode(astronaut, [500], importance)


def test_a_small_code_has_no_focus(sketch: Sketch, astronaut: np.ndarray) -> None:
    (coded,) = sketch.encode(astronaut, [100], FACE)
    assert len(coded) <= 100
    sketch.decode([coded], 256, 256)


def test_damaged_focus_bits_are_refused_or_decode_to_a_picture(sketch: Sketch, astronaut: np.ndarray) -> None:
    (coded,) = sketch.encode(astronaut, [300], FACE)
    head = sum(FIELDS_FIRST)
    for at in range(head, head + 22):
        damaged = coded.copy()
        damaged[at] ^= 1
        try:
            assert sketch.decode([damaged], 64, 64).shape == (64, 64, 3)
        except CodeError:
            continue
    with pytest.raises(CodeError):
        sketch.decode([coded[: head + 9]], 64, 64)


def test_the_density_is_known_from_the_first_layer(sketch: Sketch, astronaut: np.ndarray) -> None:
    (even,), (focused,) = sketch.encode(astronaut, [600]), sketch.encode(astronaut, [600], FACE)
    assert (sketch.density(even, 32, 24) == 1).all()
    focus, found = read_focus(focused[sum(FIELDS_FIRST) :])[0], sketch.density(focused, 32, 32)
    spacing = [np.diff(axis.edges(3200, 1)).max() * 3200 for axis in (focus.vertical, focus.horizontal)]
    assert found.min() == pytest.approx(1 / np.prod(spacing), rel=0.01) and found.min() < 0.6
    assert found.mean() == pytest.approx(1, rel=0.01)
    (top, bottom), (left, right) = focus.vertical.spans[0], focus.horizontal.spans[0]
    assert (found[2 * top : 2 * bottom + 2, 2 * left : 2 * right + 2] == found.max()).all()
