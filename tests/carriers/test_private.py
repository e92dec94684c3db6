"""Private mode: what an outsider cannot learn, keep through an edit, or write."""

import numpy as np
import pytest
import skimage.data

from underdrawing.attacks.adversary_private import congruent, learn_dither, rewrite
from underdrawing.attacks.channel import Jpeg, Noise
from underdrawing.carriers.lattice.content_dither import (
    PATTERNS,
    ContentDither,
    likely_states,
    nominal_states,
    to_blocks,
    to_cells,
)
from underdrawing.carriers.lattice.detection import detect_mark
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS, EmbeddingLevel
from underdrawing.carriers.lattice.private import PrivateLattice
from underdrawing.ops.color import COLOUR_DIRECTION, luma, with_luma_changed

SECRET = bytes(range(32))
CHELSEA, COFFEE = skimage.data.chelsea()[20:276, 100:356], skimage.data.coffee()[100:356, 150:406]
GRID = 32, 32
STEPS = EmbeddingLevel().steps


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def marked(photo, lattice, rng):
    """A photograph that carries random codewords."""
    grid = photo.shape[0] // 8, photo.shape[1] // 8
    words = {n: rng.integers(0, 2, code_length(n, *grid)).astype(np.uint8) for n in ("middle", "top")}
    base = rng.integers(0, 2, lattice.base_bits).astype(np.uint8)
    return with_luma_changed(
        photo, lattice.embed(luma(photo), base, words, EmbeddingLevel(1.0, 1.4)), COLOUR_DIRECTION
    )


def test_nothing_repeats_and_pictures_share_the_base_layer_alone():
    private = PrivateLattice(SECRET)
    one, other = (private.of_picture(bytes([k] * 8), GRID) for k in (1, 2))
    tile = private.tables.dither[:32, :32]
    assert not any(np.allclose(tile, private.tables.dither[32 * i : 32 * i + 32, :32]) for i in (1, 2, 3))
    plane = luma(CHELSEA)
    same = one.dither(plane) == other.dither(plane)
    assert same[..., LAYERS["base"]].all()
    assert same[..., 2:].mean() < 0.001
    assert (one.tables.rank == other.tables.rank)[..., 2:].mean() < 0.001
    counts = np.bincount(private.tables.base_index[:32, :32, :2].ravel(), minlength=512)
    assert counts.min() > 0


def test_states_survive_a_codec_and_not_another_content(rng):
    content = ContentDither(bytes(32))

    def projections(photo):
        return content.cells(luma(photo), (0, 0), GRID).projections.reshape(-1, PATTERNS)

    embedded = nominal_states(projections(CHELSEA))
    received = marked(CHELSEA, PrivateLattice(SECRET).of_picture(bytes(8), GRID), rng)
    found = likely_states(projections(Jpeg(70)(received, rng)))
    kept = [(found.states[found.cell == k] == embedded[k]).all(1).any() for k in range(len(embedded))]
    assert np.mean(kept) > 0.98
    assert np.logaddexp.reduceat(found.log_prior, np.unique(found.cell, return_index=True)[1]).max() < 1e-6
    other = likely_states(projections(COFFEE))
    kept = [(other.states[other.cell == k] == embedded[k]).all(1).any() for k in range(len(embedded))]
    assert np.mean(kept) < 0.15


@pytest.mark.parametrize(("shape", "origin"), [((8, 8), (0, 0)), ((5, 7), (3, 2)), ((1, 1), (127, 126))])
def test_cells_and_blocks_are_inverse(rng, shape, origin):
    values = rng.normal(size=(*shape, 3))
    assert np.array_equal(to_blocks(to_cells(values, origin), shape, origin), values)


def test_a_part_of_the_picture_has_the_states_of_the_whole(rng):
    content, plane = ContentDither(bytes(32)), luma(CHELSEA)
    whole = content.cells(plane, (0, 0), GRID)
    part = content.cells(plane[8 * 3 : 8 * 30, 8 * 4 :], (3, 4), GRID)
    assert part.first == (0, 1)
    assert part.complete[1:7].all()
    assert not part.complete[[0, 7]].any()
    assert np.allclose(part.projections[1:7], whole.projections[1:7, 1:], atol=1e-3)


def test_many_pictures_teach_the_dither_of_the_old_layout_and_not_that_of_the_new(rng):
    photos = [CHELSEA, COFFEE, skimage.data.astronaut()[:256, 128:384], skimage.data.rocket()[:256, 200:456]]
    photos += [np.ascontiguousarray(photo[::-1]) for photo in photos]
    for private in (False, True):
        old, new = Lattice(SECRET), PrivateLattice(SECRET)
        pictures = [
            marked(photo, new.of_picture(bytes([k] * 8), GRID) if private else old, rng)
            for k, photo in enumerate(photos)
        ]
        learned, agreement = learn_dither(pictures, FREQUENCIES, STEPS)
        tables = (new if private else old).tables
        error = np.abs((learned - tables.dither[:32, :32] + 0.25) % 0.5 - 0.25)
        sure = agreement > 0.85
        assert np.median(error[..., :2][sure[..., :2]]) < 0.05
        rest = np.median(error[..., 2:8][sure[..., 2:8]])
        assert rest < 0.05 if not private else rest > 0.09


@pytest.fixture(scope="module")
def system():
    from underdrawing.systems.photo.model import Photo

    return Photo()


@pytest.fixture(scope="module")
def protected(system):
    return system.protect(CHELSEA, secret=SECRET, identity=bytes(8), strength=1.45).apply(CHELSEA)


def test_untouched_pictures_are_intact(system, protected, rng):
    for received in (protected, Jpeg(70)(protected, rng)):
        verdict = system.verify(received, secret=SECRET)
        assert (verdict.status, verdict.altered_fraction) == ("intact", 0)
    stranger = PrivateLattice(bytes(range(1, 33)))
    assert detect_mark(luma(protected), stranger, moved=False) is None


def test_edits_with_congruent_coefficients_are_found(system, protected, rng):
    mask = np.zeros(protected.shape[:2], bool)
    mask[96:160, 90:160] = True
    edited = np.where(mask[..., None], COFFEE, protected)
    dither = PrivateLattice(SECRET).tables.dither[:32, :32]  # more than many pictures can teach
    forged = congruent(protected, edited, mask, FREQUENCIES, STEPS)
    for received in (
        forged,
        rewrite(protected, forged, mask, FREQUENCIES[:2], STEPS[:2], dither[..., :2]),
    ):
        verdict = system.verify(Jpeg(90)(received, rng), secret=SECRET)
        assert verdict.status == "altered"
        assert (verdict.tampered_prob > 0.5)[mask].mean() > 0.4


def test_a_mark_of_which_only_the_base_is_left_vouches_for_nothing(system, protected, rng):
    verdict = system.verify(Noise(14.0)(protected, rng), secret=SECRET)
    assert verdict.identity == "00" * 8
    assert verdict.status != "intact"
    assert not verdict.assurance.witnesses[0].binding


def test_marks_of_the_old_layout_are_read_and_do_not_bind(system, monkeypatch):
    from underdrawing.systems.photo import protecting

    monkeypatch.setattr(protecting, "_lattice", lambda secret: Lattice(secret, 512))
    old = system.protect(COFFEE, secret=SECRET, identity=bytes(8)).apply(COFFEE)
    verdict = system.verify(old, secret=SECRET)
    assert (verdict.identity, verdict.status) == ("00" * 8, "unvouched")
