"""The attacks do what they say: edits show, a copied mark reads as the owner's, presence scores see tiles."""

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from skimage import data

from underdrawing.attacks.adversary import forgeries
from underdrawing.attacks.adversary.edits import (
    AREAS,
    EDITS,
    VISIBLE_RMS,
    draw_edit,
    keep_coarse,
    salient_box,
    visible_rms,
)
from underdrawing.attacks.adversary.presence import grid_ratios, repetition
from underdrawing.carriers.lattice.parameters import FREQUENCIES, PARTS, PERIODIC, STEPS, TILE
from underdrawing.ops.color import luma

PHOTO, OTHER = data.astronaut()[:256, 100:356], data.coffee()[:256, :256]


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("share", AREAS)
def test_an_edit_shows_and_keeps_its_area(name, share):
    edited, mask = draw_edit(name, share, PHOTO, OTHER, np.random.default_rng(5))
    assert 0.6 * share < mask.mean() < 1.4 * share
    assert np.array_equal(edited[~mask], PHOTO[~mask])
    assert visible_rms(PHOTO, edited, mask) > VISIBLE_RMS


def test_the_salient_box_holds_more_detail_than_the_picture():
    picture = np.full((128, 160, 3), 90, np.uint8)
    picture[70:90, 100:130] = np.random.default_rng(0).integers(0, 256, (20, 30, 3))
    mask = salient_box(picture, np.random.default_rng(0), (0.04, 0.05))
    assert mask[80, 115] and not mask[20, 20]


def test_a_coarse_edit_keeps_what_a_small_picture_shows():
    edited, mask = draw_edit("splice", 0.06, PHOTO, OTHER, np.random.default_rng(2))
    coarse = keep_coarse(PHOTO, edited, mask)
    assert np.array_equal(coarse[~mask], PHOTO[~mask])
    assert visible_rms(PHOTO, coarse, mask) > VISIBLE_RMS
    small = [
        cv2.resize(x, (16, 16), interpolation=cv2.INTER_AREA).astype(int) for x in (PHOTO, edited, coarse)
    ]
    assert np.abs(small[2] - small[0]).mean() < 0.5 * np.abs(small[1] - small[0]).mean()


@pytest.mark.parametrize("name", forgeries.NEIGHBOURS)
def test_neighbours_resemble_the_picture_and_are_not_it(name):
    neighbour = forgeries.NEIGHBOURS[name](PHOTO, OTHER, np.random.default_rng(4))
    assert neighbour.shape == PHOTO.shape and neighbour.dtype == np.uint8
    assert np.abs(neighbour.astype(int) - PHOTO).mean() > 1
    same = neighbour[:, ::-1] if name == "mirrored" else neighbour
    assert np.corrcoef(same.ravel(), PHOTO.ravel())[0, 1] > 0.6


def test_a_picture_is_cut_to_a_frame_without_distortion():
    wide = forgeries.cover(data.rocket(), 120, 90)
    assert wide.shape == (120, 90, 3)
    assert forgeries.cover(PHOTO, *PHOTO.shape[:2]) is not PHOTO
    assert np.array_equal(forgeries.cover(PHOTO, *PHOTO.shape[:2]), PHOTO)


def test_collages_take_each_part_from_one_picture():
    halves, mask = forgeries.halves(PHOTO, OTHER)
    assert np.array_equal(halves[mask], OTHER[mask]) and np.array_equal(halves[~mask], PHOTO[~mask])
    piece, mask = forgeries.object_from(PHOTO, OTHER, np.random.default_rng(1))
    assert 0.07 < mask.mean() < 0.13 and np.array_equal(piece[~mask], PHOTO[~mask])


@pytest.fixture(scope="module")
def system():
    from underdrawing.systems.photo.model import Photo

    return Photo()


@pytest.fixture(scope="module")
def owner():
    from underdrawing.coding.keys import Owner

    return Owner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="module")
def protected(system, owner):
    return system.protect(PHOTO, owner=owner, identity=b"\x07" * 8).apply(PHOTO)


def test_a_rewritten_edit_has_perfect_block_evidence(system, owner, protected):
    from underdrawing.bench.studies.adversary.copied_mark import read_mark, write_mark
    from underdrawing.carriers.lattice.detection import BASE_CODE_BITS, detect_mark
    from underdrawing.carriers.lattice.lattice import Lattice

    mark = read_mark(protected)
    assert set(mark.layers) == {"middle", *PARTS} and mark.size == PHOTO.shape[:2]
    edited, mask = draw_edit("splice", 0.25, protected, OTHER, np.random.default_rng(3))
    shares = []
    for picture in (edited, write_mark(edited, mark)):
        found = detect_mark(luma(picture), Lattice(None, BASE_CODE_BITS), moved=False)
        blocks = cv2.resize(mask.astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA) > 0.99
        shares.append((found.evidence()[blocks] < -1).mean())
    assert shares[0] > 0.3 and shares[1] < shares[0] / 4


def test_a_transplant_carries_identity_and_signature_of_its_source(system, owner, protected):
    from underdrawing.bench.studies.adversary.copied_mark import read_mark, write_mark

    mark = read_mark(protected)
    forged = write_mark(data.rocket(), mark)
    assert forged.shape == PHOTO.shape
    verdict = system.verify(forged, find_key=lambda short: owner.public)
    assert verdict.identity == "07" * 8 and verdict.signature.state == "valid"
    assert set(verdict.layers) >= {"base", "middle"}
    verdict = system.verify(
        write_mark(data.rocket(), mark.without("top")), find_key=lambda short: owner.public
    )
    assert verdict.layers == ("base", "middle") and verdict.signature.state == "valid"
    assert read_mark(OTHER) is None


def test_presence_scores_see_a_repeating_dither():
    rng = np.random.default_rng(0)
    plane = rng.normal(128, 25, (320, 320)).astype(np.float32)
    assert abs(repetition(plane, FREQUENCIES[:PERIODIC], STEPS[:PERIODIC], TILE)) < 5
    assert repetition(np.tile(plane[:256], (2, 1)), FREQUENCIES[:PERIODIC], STEPS[:PERIODIC], TILE) > 30
    assert repetition(plane[:256, :256], FREQUENCIES[:PERIODIC], STEPS[:PERIODIC], TILE) == 0
    assert grid_ratios(plane, FREQUENCIES).shape == (len(FREQUENCIES),)
    assert np.abs(grid_ratios(plane, FREQUENCIES)).max() < 0.2
