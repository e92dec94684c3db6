"""Orders of pixels within a mask: both sides agree, later parts use earlier ones alone, and halves pay."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import skimage.data

from underdrawing.core.errors import CodeError
from underdrawing.data import udl
from underdrawing.nets.masked_network import FRACTIONS, SHAPES, SIZES, TABLES, Prediction, table_number
from underdrawing.nets.masked_order import FEWEST_PIXELS, ORDERS, Mask, weight_bytes
from underdrawing.nets.masked_schedule import Step
from underdrawing.systems.masked_lossless.model import MaskedLossless

STEP, SIZE, LIMITS = Step("center", 1, 1, 1), (128, 96), (0, 255)
COUNT = 64 * 48
PHOTO = skimage.data.coffee()[:200, 100:330]


def drawn(kind: type = np.float32) -> tuple[Prediction, np.ndarray]:
    """Predictions of a mask, and values with errors that neighbours share."""
    rng = np.random.default_rng(5)
    level, mean = rng.integers(8, 36, COUNT), rng.integers(0, 8 * 255, COUNT)
    shared = np.repeat(rng.normal(size=COUNT // 4), 4)
    values = np.clip(np.rint(mean / 8 + shared * SIZES[level]), *LIMITS).astype(np.int32)
    center = (mean + FRACTIONS // 2) // FRACTIONS
    table = table_number(
        level.astype(np.int16), (mean - center * 8 + 4).astype(np.int16), rng.integers(0, SHAPES, COUNT)
    )
    exact = mean.astype(kind)
    return Prediction(exact, exact, center.astype(np.int32), table, None), values


def parts_of(mask: Mask, values: np.ndarray, inside: np.ndarray | slice = slice(None)) -> list:
    return list(mask.parts(values, LIMITS, inside))


@pytest.mark.parametrize("order", ORDERS)
def test_each_pixel_is_coded_once(order):
    prediction, values = drawn()
    mask, inside = Mask(order, STEP, prediction, SIZE), np.arange(COUNT) % 5 > 0
    mask.fit(values)
    parts = parts_of(mask, values, inside)
    assert len(parts) == {"whole": 1, "halves": 2, "entropy": 4}[order]
    assert sorted(np.concatenate([part.pixels for part in parts])) == np.flatnonzero(inside).tolist()
    assert all(part.table.min() >= 0 and part.table.max() < TABLES for part in parts)
    first = parts[0].pixels
    assert np.array_equal(parts[0].table, prediction.table[first]) and parts[0].shift is None


def test_the_lowest_entropy_comes_first():
    prediction, values = drawn()
    places = prediction.table % (TABLES // SHAPES)
    widths = [
        places[part.pixels] // FRACTIONS for part in parts_of(Mask("entropy", STEP, prediction, SIZE), values)
    ]
    fine = [np.minimum(width, 27) for width in widths]  # tables of one fraction are numbered otherwise
    assert all(before.max() <= after.min() for before, after in pairwise(fine))


@pytest.mark.parametrize("order", ["halves", "entropy"])
def test_a_part_depends_on_earlier_ones_alone(order):
    prediction, values = drawn()
    mask = Mask(order, STEP, prediction, SIZE)
    mask.fit(values)
    assert np.abs(mask.weights).max() > 0
    whole = parts_of(mask, values)
    decoded = prediction.center.copy()
    other = Mask(order, STEP, prediction, SIZE)
    other.weights = mask.weights
    for part, again in zip(whole, other.parts(decoded, LIMITS, slice(None)), strict=True):
        for name in ("pixels", "center", "table"):
            assert np.array_equal(getattr(part, name), getattr(again, name))
        decoded[again.pixels] = values[again.pixels]
    assert np.array_equal(decoded, values)


@pytest.mark.parametrize("order", ORDERS)
def test_both_floating_point_types_agree(order):
    found = []
    for kind in (np.float32, np.float64):
        prediction, values = drawn(kind)
        mask = Mask(order, STEP, prediction, SIZE)
        mask.fit(values)
        found.append((mask.weights.tolist(), parts_of(mask, values)))
    assert found[0][0] == found[1][0]
    for narrow, wide in zip(found[0][1], found[1][1], strict=True):
        assert np.array_equal(narrow.center, wide.center) and np.array_equal(narrow.table, wide.table)


def test_masks_of_few_pixels_have_no_weights():
    prediction, values = drawn()
    small = Prediction(
        *(getattr(prediction, name)[:12] for name in ("linear", "mean", "center", "table")), None
    )
    mask = Mask("halves", STEP, small, (8, 6))
    mask.fit(values[:12])
    assert (
        len(mask.weights) == weight_bytes("halves", STEP, (8, 6)) == 0
        and len(parts_of(mask, values[:12])) == 2
    )
    assert weight_bytes("halves", STEP, (2, 2 * FEWEST_PIXELS)) == 2
    assert weight_bytes("whole", STEP, SIZE) == 0
    with pytest.raises(CodeError, match="unknown order"):
        Mask("spiral", STEP, prediction, SIZE)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 4, 16])
def test_every_order_gives_the_pixels_back(order, count):
    codec = MaskedLossless(threads=1)
    deep = PHOTO[:70, :50].astype(np.uint16) * 257
    for image in (PHOTO[:100, :131], PHOTO[:1, :1], np.dstack([deep, deep[..., 0]])):
        assert np.array_equal(codec.decode(codec.pack(image, rounds=count, order=order)), image)


def test_halves_are_smaller_and_every_decoder_follows_the_header():
    sizes, codec = {}, MaskedLossless(threads=1)
    for order in ORDERS:
        data = codec.pack(PHOTO, rounds=4, order=order)
        assert udl.read(data, 1 << 20).header.order == order
        assert np.array_equal(codec.decode(data), PHOTO)
        sizes[order] = len(data)
    assert sizes["halves"] < 0.995 * sizes["whole"] and sizes["halves"] < sizes["entropy"]


def test_an_unknown_order_is_refused_in_words():
    file = udl.read(MaskedLossless(threads=1).pack(PHOTO[:20, :20], rounds=1), 1 << 20)
    tiles = [file.tile(0)]
    changed = udl.write(replace(file.header, order="spiral"), {"weights": b""}, tiles)
    with pytest.raises(CodeError, match=r"'spiral'.*newer version"):
        MaskedLossless(threads=1).decode(changed)
    with pytest.raises(CodeError, match="another type"):
        udl.read(udl.write(replace(file.header, order=3), {"weights": b""}, tiles), 1 << 20)
