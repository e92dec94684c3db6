"""What the fragile layer adds to verdicts on lossless copies, and what nobody gets by it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.coding.keys import Owner
from underdrawing.core.types import LOSSLESS, UNTOUCHED, Assurance, Verdict
from underdrawing.judging.assurance import mark_witness
from underdrawing.judging.lossless import NAME, refine
from underdrawing.metrics.quality import masked_psnr_db
from underdrawing.report import witnesses
from underdrawing.systems.photo.model import Photo

IDENTITY = bytes(range(8))
SIDE = 256
OWNER = Owner.create()
SYSTEM = Photo()


def scaled(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE)))


ORIGINAL, DONOR = scaled(data.astronaut()), scaled(data.coffee())


def protect(original: np.ndarray, owner: Owner | None, secret: bytes | None = None) -> np.ndarray:
    marked = SYSTEM.protect(original, owner=owner, identity=IDENTITY, secret=secret).apply(original)
    return SYSTEM.with_lossless_layer(marked, original, IDENTITY, owner=owner, secret=secret)


@pytest.fixture(scope="module")
def protected() -> np.ndarray:
    return protect(ORIGINAL, OWNER)


def verify(received: np.ndarray, secret: bytes | None = None) -> Verdict:
    return SYSTEM.verify(received, secret=secret, find_key=lambda short: OWNER.public)


def edited(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Another photograph in an ellipse of a tenth of the picture."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    mask = (rows - 110) ** 2 / 1.4 + (cols - 130) ** 2 < 0.1 * SIDE**2 / np.pi / 1.2
    return np.where(mask[..., None], DONOR, picture), mask


def witness_of(verdict: Verdict):
    return verdict.assurance.witness(NAME)


def test_an_untouched_copy_is_vouched_for_to_the_block(protected):
    verdict = verify(protected)
    assert verdict.status == "intact" and verdict.altered_fraction == 0 and not verdict.unvouched.any()
    found = witness_of(verdict)
    assert (found.state, found.binding) == ("agrees", True)
    assert verdict.assurance.strongest is found and found.least_area < 0.001


def test_an_edit_is_found_to_the_pixel_and_shown(protected):
    tampered, mask = edited(protected)
    verdict = verify(tampered)
    assert verdict.status == "altered" and witness_of(verdict).state == "contradicts"
    assert 2 * (verdict.mask & mask).sum() / (verdict.mask.sum() + mask.sum()) >= 0.99
    assert (verdict.source_map[mask] == LOSSLESS).mean() > 0.99
    assert masked_psnr_db(ORIGINAL, verdict.recovered, mask) > 29
    assert "shown from the lossless layer" in verdict.message
    far = np.abs(np.arange(SIDE) - 110) > 80
    assert (verdict.source_map[far] == UNTOUCHED).all()
    assert (verdict.recovered[far] == protected[far]).all()


@pytest.mark.parametrize("change", [64, 1])
def test_a_single_pixel_is_found(protected, change):
    tampered = protected.copy()
    tampered[90, 121, 0] ^= change
    verdict = verify(tampered)
    assert verdict.status == "altered" and verdict.mask[90, 121] and verdict.mask.sum() <= 64


@pytest.mark.parametrize(
    "channel",
    [
        lambda picture: Jpeg(90).attack(picture, np.random.default_rng(0))[0],
        lambda picture: np.ascontiguousarray(picture[:, 8:]),
        lambda picture: picture & 254,
    ],
    ids=["jpeg", "crop", "cleared bits"],
)
def test_without_the_layer_the_verdict_is_that_of_the_mark(protected, channel):
    verdict = verify(channel(protected))
    assert verdict.status == "intact" and verdict.altered_fraction == 0 and witness_of(verdict) is None
    assert verdict.details["lossless_layer"] is None
    assert "re-encoded" in witnesses.lossless_layer({"details": verdict.details})


def test_a_part_without_the_layer_is_not_altered(protected):
    part = protected.copy()
    part[:100] &= 254
    verdict = verify(part)
    assert verdict.status == "intact" and verdict.altered_fraction == 0
    assert witness_of(verdict).state == "silent" and "re-encoded" in witness_of(verdict).message


def test_a_layer_that_somebody_writes_over_his_edit_vouches_for_nothing(protected):
    """The attacker has this program: he edits, marks the edit by the public lattice and writes a layer."""
    tampered, mask = edited(protected)
    marked = SYSTEM.protect(tampered, identity=IDENTITY).apply(tampered)
    spliced = np.where(mask[..., None], marked, protected)
    plain = verify(spliced & 254)
    forged = verify(SYSTEM.with_lossless_layer(spliced, tampered, IDENTITY))
    assert witness_of(forged).state == "agrees" and not witness_of(forged).binding
    assert forged.status == plain.status != "intact"
    assert forged.mask.mean() >= 0.9 * plain.mask.mean()


def test_signed_patches_make_no_picture_intact(protected):
    """Last bits are cleared in a part, so that patches are read, and the mark contradicts elsewhere."""
    part = protected.copy()
    part[:20, :160] &= 254
    plain = replace(verify(part & 254), details={})
    probability = np.zeros((SIDE, SIDE), np.float32)
    probability[150:190, 60:100] = 0.95
    contradicting = replace(
        plain,
        tampered_prob=probability,
        assurance=Assurance((mark_witness(0.02), plain.assurance.witnesses[1])),
    )
    verdict = refine(contradicting, part, IDENTITY, OWNER.public, None)
    assert verdict.details["lossless_layer"]["recoverable_layers"] == 5
    assert verdict.status == "altered" and verdict.mask[150:190, 60:100].all()


def test_a_layer_that_is_moved_to_another_picture_is_no_layer(protected):
    other = protect(DONOR, None)
    verdict = verify(other & 254 | protected & 1)
    assert witness_of(verdict) is None and verdict.status != "intact"


def test_an_unsigned_layer_vouches_for_nothing_and_still_contradicts():
    unsigned = protect(ORIGINAL, None)
    verdict = verify(unsigned)
    assert verdict.status == "unvouched" and not witness_of(verdict).binding
    tampered, mask = edited(unsigned)
    verdict = verify(tampered)
    assert verdict.status == "altered"
    assert 2 * (verdict.mask & mask).sum() / (verdict.mask.sum() + mask.sum()) >= 0.98


def test_in_private_mode_the_layer_binds_without_a_signature():
    secret = bytes(range(32))
    private = protect(ORIGINAL, None, secret)
    verdict = verify(private, secret)
    assert verdict.status == "intact" and witness_of(verdict).binding
    tampered, mask = edited(private)
    verdict = verify(tampered, secret)
    assert verdict.status == "altered"
    assert 2 * (verdict.mask & mask).sum() / (verdict.mask.sum() + mask.sum()) >= 0.99


def test_protection_before_the_layer_existed_is_verified_as_before():
    marked = SYSTEM.protect(ORIGINAL, owner=OWNER, identity=IDENTITY).apply(ORIGINAL)
    verdict = verify(marked)
    assert verdict.status == "intact" and witness_of(verdict) is None
