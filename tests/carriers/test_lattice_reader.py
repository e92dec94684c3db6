"""Localization: what a block says, with any layers known, and where the shipped reader puts the edit."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.channel import Jpeg, Palette
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.lattice import Lattice, View
from underdrawing.carriers.lattice.locator import (
    Locator,
    absent_areas,
    block_features,
    drop_marked_regions,
    drop_unlikely_regions,
    log_ratios,
    measured,
    shortfall,
)  # fmt: skip
from underdrawing.carriers.lattice.locator_net import FEATURES
from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS, EmbeddingLevel
from underdrawing.core.errors import WeightsError
from underdrawing.metrics.masks import count_mask
from underdrawing.ops.color import COLOUR_DIRECTION, luma, with_luma_changed
from underdrawing.systems.photo.pool import fill, load
from underdrawing.systems.photo.samples import SIDE, alter, draw

_SIDE = 320
_GRID = _SIDE // 8, _SIDE // 8


@pytest.fixture(scope="module")
def lattice() -> Lattice:
    return Lattice()


@pytest.fixture(scope="module")
def protected(lattice):
    """A photograph that carries random codewords, and its codewords."""
    rng = np.random.default_rng(3)
    image = data.coffee()[40 : 40 + _SIDE, 120 : 120 + _SIDE]
    base = rng.integers(0, 2, 512).astype(np.uint8)
    layers = {
        name: rng.integers(0, 2, code_length(name, *_GRID)).astype(np.uint8) for name in ("middle", "top")
    }
    change = lattice.embed(luma(image), base, layers, EmbeddingLevel())
    marked = with_luma_changed(image, change, COLOUR_DIRECTION)
    return marked, {"base": base, **layers}


@pytest.fixture(scope="module")
def edit(protected) -> tuple[np.ndarray, np.ndarray]:
    """A round patch of another photograph in the protected one, and its mask."""
    y, x = np.mgrid[:_SIDE, :_SIDE]
    mask = (y - 150) ** 2 + (x - 190) ** 2 < 70**2
    return np.where(mask[..., None], data.rocket()[:_SIDE, 160 : 160 + _SIDE], protected[0]), mask


def see(lattice: Lattice, image: np.ndarray) -> View:
    return lattice.view(luma(image), Alignment(*image.shape[:2], image.shape[:2]))


def bits_of(lattice: Lattice, view: View, codewords: dict, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    known = {}
    for name in names:
        index = (
            lattice.base_index(view)[..., :2] if name == "base" else lattice.layer_index(view, name, _GRID)
        )
        known[name] = codewords[name][index]
    return known


@pytest.mark.parametrize("names", [(), ("base",), ("base", "middle"), ("base", "middle", "top")])
def test_features_are_finite_and_tell_which_layers_are_known(lattice, protected, names):
    view = see(lattice, protected[0])
    known = bits_of(lattice, view, protected[1], names)
    features = block_features(measured(view.reading, known), known)
    assert features.shape == (*_GRID, FEATURES)
    assert np.isfinite(features).all()
    flags = features[..., 2 * len(FREQUENCIES) + 3 :: 4][..., : len(LAYERS)]
    assert (flags == [name in names for name in LAYERS]).all()


def test_known_bits_tell_a_foreign_message_from_ones_own(lattice, protected):
    """The same lattice with other bits is invisible to a blind reader and plain to one that knows them."""
    view = see(lattice, protected[0])
    names = ("base", "middle", "top")
    own = bits_of(lattice, view, protected[1], names)
    foreign = {name: 1 - bits for name, bits in own.items()}
    reading = measured(view.reading, own)
    assert log_ratios(reading, own).sum(2).mean() > 3
    assert log_ratios(reading, {}).sum(2).mean() > 1
    assert log_ratios(reading, foreign).sum(2).mean() < -3


def test_shortfall_is_that_of_the_altered_blocks(lattice, protected, edit):
    """Untouched blocks say about what they should, altered ones less, and those in a void neither."""
    received = Jpeg(40)(edit[0], np.random.default_rng(1))
    view = see(lattice, received)
    known = bits_of(lattice, view, protected[1], ("base",))
    missing = shortfall(measured(view.reading, known), known)
    share = edit[1].reshape(_GRID[0], 8, _GRID[1], 8).mean((1, 3))
    inside, outside = missing[share == 1].sum(), missing[share == 0].mean() * (share == 1).sum()
    assert inside > 16
    assert outside < inside / 4


def test_a_flagged_area_that_carries_the_known_bits_is_dropped(lattice, protected, edit):
    """Replaced content agrees by chance; an untouched area that the network doubts agrees with the bits."""
    received = Jpeg(70)(edit[0], np.random.default_rng(1))
    view = see(lattice, received)
    known = bits_of(lattice, view, protected[1], ("base", "middle"))
    altered = np.where(edit[1], np.float32(0.9), np.float32(0))
    away = edit[1][::-1, ::-1] & ~edit[1]
    untouched = np.where(away, np.float32(0.9), np.float32(0))
    assert (drop_marked_regions(altered, view, known) == altered).all()
    assert drop_marked_regions(untouched, view, known).max() < 0.5


def test_an_absent_mark_differs_from_a_weaker_one(lattice, protected, edit):
    """An edit is without the mark whatever the network gives it; nothing is stated where a palette made the
    channel uneven."""
    away = edit[1][::-1, ::-1] & ~edit[1]

    def absent(area, channel, *layers):
        view = see(lattice, channel(edit[0], np.random.default_rng(1)))
        known = bits_of(lattice, view, protected[1], layers)
        return absent_areas(np.where(area, np.float32(0.6), np.float32(0)), view, known)

    assert (absent(edit[1], Jpeg(70), "base", "middle") == edit[1]).all()
    assert not absent(away, Jpeg(70), "base", "middle").any()
    assert not absent(edit[1], Palette(64, False), "base", "middle").any()


def test_flagged_areas_need_something_to_be_missing():
    probability = np.zeros((64, 128), np.float32)
    probability[10:40, 8:40] = 0.9
    probability[10:40, 80:112] = 0.9
    probability[60:62, 60:62] = 0.9
    missing = np.zeros((8, 16), np.float32)
    missing[1:5, 1:5] = 3.0
    kept = drop_unlikely_regions(probability, missing)
    assert (kept[10:40, 8:40] == np.float32(0.9)).all()
    assert (kept[:, 44:] < 0.5).all()
    assert (kept[probability == 0] == 0).all()


@pytest.mark.parametrize(
    ("quality", "names", "least"),
    [(None, ("base", "middle", "top"), 0.92), (70, ("base", "middle"), 0.87), (50, ("base", "middle"), 0.84)],
)
def test_the_shipped_reader_finds_the_edit(lattice, protected, edit, quality, names, least):
    received = edit[0] if quality is None else Jpeg(quality)(edit[0], np.random.default_rng(1))
    view = see(lattice, received)
    known = bits_of(lattice, view, protected[1], names)
    probability = Locator().locate(view, known, received)
    assert probability.shape == edit[1].shape
    assert probability.dtype == np.float32
    assert count_mask(probability, edit[1]).f1 > least


@pytest.mark.parametrize("quality", [None, 70, 50])
def test_an_untouched_picture_is_left_alone(lattice, protected, quality):
    received = protected[0] if quality is None else Jpeg(quality)(protected[0], np.random.default_rng(1))
    view = see(lattice, received)
    known = bits_of(lattice, view, protected[1], ("base", "middle"))
    assert (Locator().locate(view, known, received) > 0.5).mean() < 0.003


def test_missing_weights_are_said_to_be_missing(lattice, protected, tmp_path):
    view = see(lattice, protected[0])
    with pytest.raises(WeightsError, match="none"):
        Locator(tmp_path / "none.safetensors").locate(view, {}, protected[0])


def test_samples_are_drawn_alike_from_the_same_seed_and_know_their_own_bits(lattice):
    photos = [data.coffee(), data.astronaut()]
    first, again = (draw(photos, lattice, np.random.default_rng(4)) for _ in range(2))
    assert (first.image == again.image).all()
    assert (first.mask == again.mask).all()
    assert first.image.shape == first.original.shape == (SIDE, SIDE, 3)
    untouched = [
        s for s in (draw(photos, lattice, np.random.default_rng(k)) for k in range(12)) if not s.mask.any()
    ]
    assert untouched
    for sample in untouched:
        right = np.where(sample.known["base"], -1, 1) * sample.view.reading.cosine[..., LAYERS["base"]]
        assert right[sample.view.reading.in_use[..., LAYERS["base"]] > 0.9].mean() > 0.3


def test_an_empty_pool_states_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="fill the pool first"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        fill(tmp_path / "pool", tmp_path, 1, seed=1)


def test_training_edits_are_of_every_extent():
    picture, donor = data.coffee()[:64, :64].copy(), data.rocket()[:64, :64].copy()
    rng = np.random.default_rng(3)
    shares = [alter(picture, donor, None, rng)[1].mean() for _ in range(200)]
    assert min(shares) == 0
    assert max(shares) == 1
    assert sum(0 < share < 0.5 for share in shares) > 100
