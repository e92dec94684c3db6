"""The code of the content: exact, within its budget, layered, and calm about damaged bits."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.content.sketch.sketch import Sketch
from underdrawing.core.errors import CapacityError, CodeError, ShapeError, WeightsError
from underdrawing.metrics.quality import psnr_db


@pytest.fixture(scope="module")
def coded(sketch: Sketch, astronaut: np.ndarray) -> list[np.ndarray]:
    return sketch.encode(astronaut, [2000, 6000])


def test_layers_fill_their_budgets_and_no_more(coded: list[np.ndarray]) -> None:
    assert 1850 < len(coded[0]) <= 2000
    assert 5600 < len(coded[1]) <= 6000
    assert all(set(np.unique(layer)) <= {0, 1} and layer.dtype == np.uint8 for layer in coded)


def test_each_layer_shows_more(sketch: Sketch, astronaut: np.ndarray, coded: list[np.ndarray]) -> None:
    first = psnr_db(astronaut, sketch.decode(coded[:1], 256, 256))
    both = psnr_db(astronaut, sketch.decode(coded, 256, 256))
    assert first > 18
    assert both > first + 2


def test_layers_behind_a_lost_one_are_not_used(sketch: Sketch, coded: list[np.ndarray]) -> None:
    alone = sketch.decode(coded[:1], 256, 256)
    assert np.array_equal(alone, sketch.decode([coded[0], None], 256, 256))
    with pytest.raises(CodeError):
        sketch.decode([None, coded[1]], 256, 256)


def test_the_same_bits_and_picture_every_time(
    sketch: Sketch, astronaut: np.ndarray, coded: list[np.ndarray]
) -> None:
    again = Sketch().encode(astronaut, [2000, 6000])
    assert all(np.array_equal(a, b) for a, b in zip(coded, again, strict=True))
    assert np.array_equal(sketch.decode(coded, 256, 256), Sketch().decode(again, 256, 256))


def test_bits_behind_the_end_do_no_harm(sketch: Sketch, coded: list[np.ndarray]) -> None:
    padded = [np.concatenate((layer, np.zeros(77, np.uint8))) for layer in coded]
    assert np.array_equal(sketch.decode(coded, 256, 256), sketch.decode(padded, 256, 256))


@pytest.mark.parametrize("budget", [31, 60, 130, 330, 419, 420, 500, 700, 1000])
def test_small_budgets_hold_something(sketch: Sketch, astronaut: np.ndarray, budget: int) -> None:
    layers = sketch.encode(astronaut, [budget])
    assert len(layers[0]) <= budget
    shown = sketch.decode(layers, 256, 256)
    mean = np.broadcast_to(astronaut.mean((0, 1)).astype(np.uint8), astronaut.shape)
    assert psnr_db(astronaut, shown) > psnr_db(astronaut, mean) - (1 if budget < 100 else 0)


def test_more_bits_show_more(sketch: Sketch) -> None:
    image = cv2.resize(data.coffee(), (300, 200), interpolation=cv2.INTER_AREA)
    scores = [
        psnr_db(image, sketch.decode(sketch.encode(image, [b]), 200, 300)) for b in (300, 900, 2700, 8100)
    ]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 3


@pytest.mark.parametrize("shape", [(64, 64), (63, 400), (1, 1), (300, 17), (257, 391)])
def test_any_shape(sketch: Sketch, shape: tuple[int, int]) -> None:
    image = np.ascontiguousarray(data.chelsea()[: shape[0], : shape[1]])
    layers = sketch.encode(image, [900, 2500])
    assert len(layers[0]) <= 900
    assert len(layers[1]) <= 2500
    assert sketch.decode(layers, *shape).shape == (*shape, 3)


@pytest.mark.parametrize("level", [0, 255])
def test_flat_pictures(sketch: Sketch, level: int) -> None:
    image = np.full((128, 128, 3), level, np.uint8)
    assert psnr_db(image, sketch.decode(sketch.encode(image, [1000]), 128, 128)) > 22


def test_cut_streams_are_refused(sketch: Sketch, coded: list[np.ndarray]) -> None:
    refused = 0
    for kept in (0, 5, 20, 21, 100, 300, 700, 1200, 1700):
        try:
            sketch.decode([coded[0][:kept]], 256, 256)
        except CodeError:
            refused += 1
    # The closing mark lets one wrong stream in 256 pass; the payload's checksum stands above it.
    assert refused >= 8


def test_garbage_is_refused_or_shown_but_never_crashes(sketch: Sketch) -> None:
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(40):
        bits = rng.integers(0, 2, int(rng.integers(0, 3000))).astype(np.uint8)
        try:
            assert sketch.decode([bits], 96, 128).shape == (96, 128, 3)
        except CodeError:
            refused += 1
    assert refused >= 30


def test_wrong_arguments(sketch: Sketch, astronaut: np.ndarray) -> None:
    with pytest.raises(CapacityError):
        sketch.encode(astronaut, [20])
    with pytest.raises(CapacityError):
        sketch.encode(astronaut, [])
    with pytest.raises(ShapeError):
        sketch.encode(astronaut[..., 0], [2000])
    with pytest.raises(CodeError):
        sketch.decode([], 64, 64)


def test_missing_weights_are_named(tmp_path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        Sketch(tmp_path / "none.safetensors").encode(np.zeros((64, 64, 3), np.uint8), [500])


def test_golden_bits_show_the_golden_picture(sketch: Sketch) -> None:
    """Bits written once by the released weights: the symbols are exact anywhere, the picture but for float
    rounding."""
    with np.load(Path(__file__).parents[1] / "golden" / "sketch.npz") as golden:
        layers = [
            np.unpackbits(golden[name])[:n]
            for name, n in zip(("first", "second"), golden["lengths"], strict=True)
        ]
        for count, name in ((1, "shown_first"), (2, "shown_both")):
            difference = sketch.decode(layers[:count], 128, 128).astype(int) - golden[name]
            assert np.abs(difference).max() <= 2
            assert np.abs(difference).mean() < 0.05
