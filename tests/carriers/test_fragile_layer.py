"""The fragile layer on a real photograph: what it costs, finds and gives back, and what removes it."""

import hashlib

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.carriers.fragile import blocks, erasures, layer, patches, syndrome
from underdrawing.carriers.fragile.blocks import BlockGrid
from underdrawing.carriers.fragile.header import Header
from underdrawing.coding.keys import Owner
from underdrawing.metrics.quality import psnr_db

IDENTITY = bytes(range(8))
SIDE = 192
OWNER = Owner.create()


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[20 : 20 + SIDE, 140 : 140 + SIDE])


@pytest.fixture(scope="module")
def marked(original) -> np.ndarray:
    """The photograph with a change like that of the lattice, 42.5 dB."""
    change = np.rint(np.random.default_rng(0).normal(0, 1.9, original.shape[:2]))
    return np.clip(original + change[..., None], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def protected(original, marked) -> np.ndarray:
    return layer.embed(marked, original, IDENTITY, OWNER, None)


def read(received: np.ndarray) -> layer.FragileReading | None:
    return layer.read(received, IDENTITY, None)


def edited(picture: np.ndarray, side: int, start: int = 30) -> np.ndarray:
    result = picture.copy()
    result[start : start + side, start : start + side] = data.coffee()[:side, 100 : 100 + side]
    return result


def test_an_unchanged_picture_is_exact_and_signed(protected):
    reading = read(protected)
    assert reading.exact.all() and reading.is_signed_exactly(OWNER.public)
    assert not reading.is_signed_exactly(Owner.create().public)


def test_it_costs_less_than_a_fifth_of_a_decibel(original, marked, protected):
    assert psnr_db(original, protected) > psnr_db(original, marked) - 0.2
    assert np.abs(protected.astype(int) - marked).max() == 1
    assert ((protected & 254) == (marked & 254)).all()  # whatever the patch codes are made from


def test_every_changed_bit_is_found(protected):
    grid, rng = BlockGrid(SIDE, SIDE), np.random.default_rng(1)
    for _ in range(40):
        row, col, channel, bit = rng.integers((SIDE, SIDE, 3, 8))
        changed = protected.copy()
        changed[row, col, channel] ^= 1 << bit
        wrong = np.flatnonzero(~read(changed).exact)
        assert wrong.tolist() == [row // 8 * grid.cols + col // 8]


@pytest.mark.parametrize(
    ("side", "layers", "least_db"), [(48, 5, 34), (72, 4, 32), (82, 3, 30), (120, 1, 25)]
)
def test_what_was_there_is_recovered_the_finer_the_less_is_changed(protected, side, layers, least_db):
    reading = read(edited(protected, side))
    wrong = ~reading.exact
    assert reading.layers == layers == reading.signed_layers(OWNER.public)
    shown, error = reading.patches(wrong)
    squares = (np.clip(shown, 0, 255) - reading.grid.split(protected)[wrong]) ** 2
    assert 10 * np.log10(255**2 / squares.mean()) > least_db
    assert (np.sqrt(squares.mean((1, 2, 3))) < 3 * error + 2).mean() > 0.98


def test_the_bits_of_a_pixel_show_whether_it_was_changed(protected):
    changed = edited(protected, 60, 33)
    checks, mask = read(changed).checks, (changed != protected).any(2)
    assert not (checks[~mask] == 1).any()
    assert 0.6 < (checks[mask] == 1).sum() / (checks[mask] >= 0).sum() < 0.85


def test_codecs_crops_and_cleared_bits_remove_it(protected):
    for received in (
        Jpeg(95).attack(protected, np.random.default_rng(0))[0],
        protected[8:, 8:],
        protected[:-1],
        protected & 254,
        np.roll(protected, 8, 1),
        protected[::-1],
    ):
        assert read(received) is None


def test_a_half_that_is_left_is_read(protected):
    half = protected.copy()
    half[: SIDE // 2] &= 254
    reading = read(half)
    assert reading.exact.mean() == 0.5 and reading.exact.reshape(24, 24)[12:].all()
    assert not reading.is_signed_exactly(OWNER.public)
    nearly_all = protected.copy()
    nearly_all[: SIDE - 16] &= 254
    reading = read(nearly_all)
    assert reading.layers == 0 and reading.header is None and (reading.known[~reading.exact] == 0).all()


def test_another_identity_or_secret_reads_nothing(original, marked, protected):
    assert layer.read(protected, bytes(8), None) is None
    assert layer.read(protected, IDENTITY, bytes(32)) is None
    private = layer.embed(marked, original, IDENTITY, None, bytes(32))
    assert read(private) is None and layer.read(private, IDENTITY, bytes(32)).exact.all()


def test_last_bits_moved_to_another_picture_fit_nowhere(protected):
    other = np.ascontiguousarray(data.coffee()[:SIDE, 100 : 100 + SIDE])
    assert read(other & 254 | protected & 1) is None


def test_a_block_moved_within_the_picture_is_found(protected):
    moved = protected.copy()
    moved[:32, :32] = protected[64:96, 64:96]
    assert (~read(moved).exact).reshape(24, 24)[:4, :4].all()


def test_a_signature_of_other_pixels_does_not_hold(original, marked, protected):
    """Somebody edits the picture and writes the layer again, with the header that he has read."""
    forged = edited(marked, 40)
    grid = BlockGrid(SIDE, SIDE)
    stolen = read(protected).header
    own = Header.of(forged, patches.encode(grid.split(forged)))
    again = Header(own.pixels, own.layers, stolen.fingerprint, stolen.signature)
    assert not again.holds(OWNER.public, read(protected).context)
    written = read(layer.embed(forged, original, IDENTITY, None, None))
    assert written.exact.all() and not written.is_signed_exactly(OWNER.public)
    assert written.signed_layers(OWNER.public) == 0


def test_parts_of_two_pictures_under_one_identity_are_not_signed(original, marked, protected):
    other = layer.embed(marked[:, ::-1].copy(), original[:, ::-1], IDENTITY, OWNER, None)
    collage = protected.copy()
    collage[:64] = other[:64]
    reading = read(collage)
    assert reading.exact.all() and not reading.is_signed_exactly(OWNER.public)


@pytest.mark.parametrize("shape", [(64, 64), (64, 200), (67, 91), (9, 300)])
@pytest.mark.parametrize("level", [0, 255, 128])
def test_small_odd_and_flat_pictures(shape, level):
    picture = np.full((*shape, 3), level, np.uint8)
    protected = layer.embed(picture, picture, IDENTITY, OWNER, None)
    reading = read(protected)
    assert reading.exact.all() and reading.header is None
    protected[0, 0] ^= 255
    assert (~read(protected).exact).sum() == 1


def test_large_pictures_have_larger_blocks(monkeypatch, original, marked):
    monkeypatch.setattr(blocks, "MOST_BLOCKS", 150)
    assert BlockGrid(SIDE, SIDE).scale == 2
    protected = layer.embed(marked, original, IDENTITY, OWNER, None)
    assert read(protected).exact.all()
    reading = read(edited(protected, 40))
    shown, _ = reading.patches(~reading.exact)
    truth = reading.grid.split(protected)[~reading.exact]
    assert psnr_db(truth, np.clip(np.rint(shown), 0, 255).astype(np.uint8)) > 24


def test_patch_codes_are_the_same_everywhere():
    image = np.ascontiguousarray(data.astronaut()[:64, :64])
    words = patches.encode(BlockGrid(64, 64).split(image))
    assert np.array_equal(words, patches.encode(BlockGrid(64, 64).split(image ^ 1)))
    assert np.array_equal(words[:, :3], patches.encode(BlockGrid(64, 64).split(image), 3))
    assert hashlib.sha256(words.astype(">u2").tobytes()).hexdigest()[:16] == "7f1e253aa2dca202"


def test_longer_beginnings_of_a_patch_code_are_better(original):
    found = BlockGrid(SIDE, SIDE).split(original)
    words = patches.encode(found)
    squares = []
    for known in (0, 1, 3, 5, 8, 12, 18):
        shown, _ = patches.decode(words, np.full(len(words), known))
        squares.append(np.mean((np.clip(shown, 0, 255) - found) ** 2))
    assert squares == sorted(squares, reverse=True)
    assert 10 * np.log10(255**2 / squares[-1]) > 36


def test_random_words_decode_to_some_picture():
    words = np.random.default_rng(3).integers(0, 1 << 16, (50, patches.WORDS)).astype(np.uint16)
    shown, error = patches.decode(words, np.arange(50) % (patches.WORDS + 1))
    assert np.isfinite(shown).all() and np.isfinite(error).all()


def test_a_syndrome_is_written_by_the_cheaper_changes():
    rng = np.random.default_rng(4)
    samples = rng.integers(0, 256, (30, 56, 3)).astype(np.uint8)
    bits = rng.integers(0, 2, (30, 56, 2)).astype(np.uint8)
    cost = rng.uniform(0.1, 1, samples.shape).astype(np.float32)
    written = syndrome.embed(samples, bits, cost)
    assert np.array_equal(syndrome.read(written), bits)
    changed = written != samples
    assert (
        (changed * cost).sum(-1) <= cost.sum(-1) / 2 + 1e-6
    ).all()  # or the other samples would be cheaper


def test_erasures_are_solved_near_the_limit_and_contradictions_refused():
    rng = np.random.default_rng(5)
    count, number = 400, 1
    wanted = erasures.LAYERS[number]
    symbols = rng.integers(0, 1 << 16, (count * wanted.symbols, wanted.words)).astype(np.uint16)
    chosen = erasures.choices(number, count, 0, b"key", "label")
    parity = erasures.parity(symbols, chosen)
    lost = np.zeros(count, bool)
    lost[:125] = True  # of 133 at most
    unknown, left = lost.repeat(wanted.symbols), ~lost
    assert np.array_equal(erasures.solve(symbols, unknown, chosen[left], parity[left]), symbols)
    wrong = symbols.copy()
    wrong[-1] ^= 1  # a symbol that counts as known
    assert erasures.solve(wrong, unknown, chosen[left], parity[left]) is None
    lost[:140] = True
    assert erasures.solve(symbols, lost.repeat(2), chosen[~lost], parity[~lost]) is None
