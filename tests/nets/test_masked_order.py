"""Orders of pixels within a mask: both sides agree, later parts know earlier ones alone, and halves pay."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from underdrawing.core.errors import CodeError
from underdrawing.data import udl
from underdrawing.nets import masked_order
from underdrawing.nets.masked_context import Tile
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_order import ORDERS, Mask
from underdrawing.nets.masked_schedule import NEAR
from underdrawing.systems.masked_lossless import tile as tile_module
from underdrawing.systems.masked_lossless.model import MaskedLossless

PHOTO = skimage.data.coffee()[:200, 100:330]
STEP = next(step for step in Format(1, 8, 4).steps if step.name == "center1")


@pytest.fixture(scope="module")
def codec():
    return MaskedLossless(threads=1)


def a_mask(codec, order, kind=np.float32):
    """The mask of a gray tile of 32 x 32 px, and its values (n,)."""
    plane = skimage.data.camera()[:32, :32].astype(kind)
    tile = Tile([plane], [np.zeros_like(plane)], 8, (False,))
    mask = Mask(codec._model.layers["center1", 0], tile.context(STEP, 0), (0, 255), (16, 16), order)
    return mask, plane[STEP.pixels].ravel()


@pytest.mark.parametrize("order", ORDERS)
def test_parts_cover_a_mask_once_and_know_the_parts_before(codec, order):
    mask, values = a_mask(codec, order)
    coded = np.zeros((18, 18), bool)
    parts = mask.split()
    assert len(parts) == {"whole": 1, "halves": 2, "entropy": 4}[order]
    for part in parts:
        rows, columns = part // 16 + 1, part % 16 + 1
        beside = [coded[rows + dy, columns + dx] for dy, dx in ((0, -1), (0, 1), (-1, 0), (1, 0))]
        inputs = mask.inputs(part)
        assert np.array_equal(inputs[-1], 8 * np.sum(beside, 0))
        assert not inputs[-5:-1][~np.array(beside)].any() and not coded[rows, columns].any()
        coded[rows, columns] = True
        mask.enter(part, values[part])
    assert coded[1:-1, 1:-1].all()
    if order == "entropy":
        assert np.all(np.diff(mask.level[np.concatenate(parts)]) >= 0)


def test_known_errors_are_those_of_the_linear_mean_over_the_expected_one(codec):
    mask, values = a_mask(codec, "halves")
    first, second = mask.split()
    mask.enter(first, values[first])
    error = np.zeros(256)
    error[first] = values[first] - mask.linear[first] / 8
    place = 16 * 5 + 6  # in the second half: row and column differ by an odd number
    found = mask.inputs(second)[-5:-1, np.flatnonzero(second == place)[0]]
    expected = 2 ** ((mask.level[place] + 0.5) / 4 - 6)
    wanted = error[[place - 1, place + 1, place - 16, place + 16]] / expected * 16
    assert np.abs(found - np.clip(wanted, -127, 127)).max() <= 0.5 + 0.02 * np.abs(wanted).max()


@pytest.mark.parametrize("order", ORDERS)
def test_both_floating_point_types_agree(codec, order):
    (narrow, values), (wide, _) = (a_mask(codec, order, kind) for kind in (np.float32, np.float64))
    for (part, first), (_, second) in zip(narrow.parts(), wide.parts(), strict=True):
        weights = narrow.fitted(part, values[part], narrow.missed_of(part))
        first, second = (
            mask.corrected(part, found, mask.missed_of(part), weights)
            for mask, found in ((narrow, first), (wide, second))
        )
        assert np.array_equal(first.mean, second.mean) and np.array_equal(first.tables[0], second.tables[0])
        for mask in (narrow, wide):
            mask.enter(part, values[part])


def test_a_shared_error_of_all_pixels_is_learned_from_the_first_half(codec, monkeypatch):
    monkeypatch.setattr(masked_order, "PIXELS_PER_WEIGHT", 32)
    mask, _ = a_mask(codec, "halves")
    parts = mask.parts()
    part, found = next(parts)
    shared = np.maximum(1, np.rint(2 ** (found.level / 4 - 6))).astype(int)  # the expected error
    mask.enter(part, found.center + shared)
    part, found = next(parts)
    truth = found.center + np.maximum(1, np.rint(2 ** (found.level / 4 - 6))).astype(int)
    missed = mask.missed_of(part)
    weights = mask.fitted(part, truth, missed)
    corrected = mask.corrected(part, found, missed, weights)
    assert len(weights) == 2 and weights.sum() > 0
    assert np.abs(truth - corrected.mean / 8).mean() < 0.6 * np.abs(truth - found.mean / 8).mean()


def corrected_without_weights(mask, part, found):
    return mask.corrected(part, found, np.empty((0, len(part))), np.empty(0, np.int32))


def test_errors_of_known_neighbours_and_channels_before_are_learned(codec, monkeypatch):
    monkeypatch.setattr(masked_order, "PIXELS_PER_WEIGHT", 64)
    form, image = Format(3, 8, 4), np.ascontiguousarray(PHOTO[:128, :128])
    planes = form.planes(image)
    tile = form.empty_tile(planes, tile_module.lossy_base(planes, form)[1])
    rng = np.random.default_rng(4)
    for number, step in enumerate(form.steps[:3]):
        for channel, plane in enumerate(planes[: 3 if number < 2 else 2]):
            values = plane[step.pixels].ravel()
            mask = tile_module._mask(tile, step, channel, form, codec._model)
            tile.update(step, channel, values.astype(form.kind), mask.linear)
            tile.enter_missed(step, channel, rng.normal(0, 8, len(values)).round())
    step, last = form.steps[2], 2
    missed = tile.missed_around(step, last)
    grid = tile.missed[last]
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]]
    here = step.pixels
    assert np.array_equal(missed[-1], tile.missed[1][here].ravel())
    inner = (rows[here] % 128 > 8) & (columns[here] % 128 > 8) & (rows[here] < 120) & (columns[here] < 120)
    for row, (down, right) in zip(missed, NEAR[step.kind], strict=False):
        wanted = grid[np.minimum(rows[here] + down * step.half, 127),
                      np.minimum(columns[here] + right * step.half, 127)]  # fmt: skip
        assert np.array_equal(row.reshape(wanted.shape)[inner], wanted[inner])
    mask = Mask(codec._model.layers[step.name, last], tile.context(step, last), form.limits(last),
                tile.planes[last][step.pixels].shape, missed=missed)  # fmt: skip
    part, found = next(mask.parts())
    known = mask.missed_of(part)
    assert known.shape == (len(missed), len(part))
    truth = np.rint((found.mean + 0.5 * known[-1] / 2) / 8).astype(int)  # half of the luma's error, too
    weights = mask.fitted(part, truth, known)
    assert 12 < weights[-1] < 40 and np.abs(weights[:-1]).max() < 8


def test_larger_errors_than_expected_widen_the_tables_of_later_parts(codec):
    for factor, compare in ((6, np.greater), (0, np.less)):
        mask, _ = a_mask(codec, "halves")
        parts = mask.parts()
        part, found = next(parts)
        mask.enter(part, found.center + factor * np.rint(2 ** (found.level / 4 - 6)).astype(int))
        part, found = next(parts)
        assert compare(corrected_without_weights(mask, part, found).level.mean(), found.level.mean())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 4, 16])
def test_every_order_gives_the_pixels_back(codec, order, count):
    deep = PHOTO[:70, :50].astype(np.uint16) * 257
    for image in (PHOTO[:100, :131], PHOTO[:1, :1], np.dstack([deep, deep[..., 0]])):
        assert np.array_equal(codec.decode(codec.pack(image, rounds=count, order=order)), image)


def test_halves_are_smaller_and_every_decoder_follows_the_header(codec):
    sizes = {}
    for order in ORDERS:
        data = codec.pack(PHOTO, rounds=4, order=order)
        assert udl.read(data, 1 << 20).header.order == order
        assert np.array_equal(codec.decode(data), PHOTO)
        sizes[order] = len(data)
    assert sizes["halves"] < 0.995 * sizes["whole"] and sizes["halves"] < sizes["entropy"]


def test_an_unknown_order_is_refused_in_words(codec):
    file = udl.read(codec.pack(PHOTO[:20, :20], rounds=1), 1 << 20)
    tiles = [file.tile(0)]
    changed = udl.write(replace(file.header, order="spiral"), {"weights": b""}, tiles)
    with pytest.raises(CodeError, match="unknown order of pixels 'spiral'"):
        codec.decode(changed)
    with pytest.raises(CodeError, match="another type"):
        udl.read(udl.write(replace(file.header, order=3), {"weights": b""}, tiles), 1 << 20)
