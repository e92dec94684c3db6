"""Hidden-Code on the lattice and on carriers with hardly any room."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.channel import Jpeg
from underdrawing.carriers.checks import checked_message
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError, ShapeError
from underdrawing.core.interfaces import CERTAIN, Reading
from underdrawing.core.types import DECODED, FILLED, UNTOUCHED
from underdrawing.metrics.masks import count_mask
from underdrawing.metrics.quality import masked_psnr_db
from underdrawing.ops.protection import Protection
from underdrawing.systems.hidden_code.content import ContentCode
from underdrawing.systems.hidden_code.message import HEAD_BITS, Kind, Message
from underdrawing.systems.hidden_code.model import HiddenCode

PHOTO = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
OTHER = cv2.resize(data.chelsea()[:, 60:360], (256, 256), interpolation=cv2.INTER_AREA)
IDENTITY = bytes.fromhex("0123456789abcdef")


@dataclass
class Lsb:
    """The last bit of the red channel, row by row: a carrier of any room that tells nothing of itself."""

    room: int
    sure: float = CERTAIN
    evidence: np.ndarray | None = None
    name: str = "lsb"
    tells_length: ClassVar[bool] = False

    def capacity_bits(self, image_u8):
        return self.room

    def embed(self, image_u8, bits):
        checked_message(bits, self.room, self.name)
        marked = image_u8.copy()
        red = marked[..., 0].reshape(-1)
        red[: len(bits)] = red[: len(bits)] & 254 | bits
        marked[..., 0] = red.reshape(marked.shape[:2])
        return Protection.between(image_u8, marked)

    def read(self, received_u8, count):
        bits = received_u8[..., 0].reshape(-1)[:count] & 1
        return Reading(np.where(bits, -self.sure, self.sure).astype(np.float32), None, None, self.evidence)


@pytest.fixture(scope="module")
def system():
    return HiddenCode()


@pytest.fixture(scope="module")
def protected(system):
    change = system.protect(PHOTO, identity=IDENTITY)
    return change, change.apply(PHOTO)


def edited(picture):
    mask = np.zeros(picture.shape[:2], bool)
    mask[60:150, 90:190] = True
    return np.where(mask[..., None], OTHER, picture), mask


def test_an_edit_after_a_codec_is_found_and_undone(system, protected):
    change, marked = protected
    tampered, mask = edited(marked)
    received = Jpeg(70)(tampered, np.random.default_rng(0))
    verdict = system.verify(received)
    assert verdict.status == "altered" and verdict.identity == IDENTITY.hex()
    assert count_mask(verdict.tampered_prob, mask).f1 > 0.9
    assert (verdict.source_map[mask] == DECODED).mean() > 0.9
    assert masked_psnr_db(PHOTO, verdict.recovered, mask) > 20
    left = verdict.source_map == UNTOUCHED
    gain = masked_psnr_db(PHOTO, verdict.recovered, left) - masked_psnr_db(PHOTO, received, left)
    assert gain > 0.4, "the mark is still in what is left"
    assert 0 < verdict.confidence[mask].min() < 1 and verdict.confidence[~mask].mean() > 0.95
    assert verdict.details["code_bits"] == change.bits["code"] > 4000


def test_a_part_of_the_picture_is_enough(system, protected):
    tampered, mask = edited(protected[1])
    part = (slice(24, 256), slice(40, 256))
    verdict = system.verify(np.ascontiguousarray(tampered[part]))
    assert verdict.identity == IDENTITY.hex() and verdict.recovered.shape == (232, 216, 3)
    assert count_mask(verdict.tampered_prob, mask[part]).f1 > 0.85
    assert masked_psnr_db(PHOTO[part], verdict.recovered, mask[part]) > 20


def test_a_copied_mark_is_known_by_its_code(system, protected):
    assert system.verify(protected[1]).content_matches is True
    moved = OTHER + (protected[1].astype(np.int16) - PHOTO)
    verdict = system.verify(np.clip(moved, 0, 255).astype(np.uint8))
    assert not verdict.present or verdict.content_matches is False


def test_the_signer_is_reported(system):
    owner = Owner.create()
    marked = system.protect(PHOTO, identity=IDENTITY, owner=owner).apply(PHOTO)
    keys = {owner.public.short: owner.public}
    assert system.verify(marked, find_key=keys.get).signature.state == "valid"
    unknown = system.verify(marked).signature
    assert unknown.state == "unknown" and not unknown.trusted


def test_an_unmarked_picture_and_a_secret(system):
    assert system.verify(OTHER[:128, :128]).status == "unprotected"
    marked = system.protect(OTHER, identity=IDENTITY, secret=b"ours").apply(OTHER)
    assert system.verify(marked, secret=b"ours").identity == IDENTITY.hex()
    assert system.verify(marked[:128, :128]).identity is None
    with pytest.raises(CapacityError, match="secret"):
        HiddenCode(carrier=Lsb(500)).protect(PHOTO, secret=b"ours")


def test_a_carrier_with_room_for_the_identity_alone_is_refused_or_reported():
    system = HiddenCode(carrier=Lsb(HEAD_BITS + 3))
    change = system.protect(PHOTO, identity=IDENTITY)
    assert change.bits["code"] == 0 and change.identity == IDENTITY.hex()
    verdict = system.verify(change.apply(PHOTO))
    assert verdict.identity == IDENTITY.hex() and verdict.content is None and verdict.status == "unvouched"


def test_a_carrier_of_64_bits_carries_two_scales_and_no_identity():
    system = HiddenCode(carrier=Lsb(64))
    change = system.protect(PHOTO, identity=IDENTITY)
    assert change.identity is None and change.bits == {"message": 50, "code": 50}
    verdict = system.verify(change.apply(PHOTO))
    assert verdict.identity is None and verdict.details["scales"] == 2
    assert verdict.content.shape == PHOTO.shape


def test_no_room_for_a_scale_or_a_signature_is_an_error():
    with pytest.raises(CapacityError, match="9 bits in this picture"):
        HiddenCode(carrier=Lsb(9)).protect(PHOTO)
    with pytest.raises(CapacityError, match="signature"):
        HiddenCode(carrier=Lsb(300)).protect(PHOTO, owner=Owner.create())
    with pytest.raises(ShapeError, match="63"):
        HiddenCode().protect(PHOTO[:63])


def test_identity_and_signature_settle_for_smaller_edits_where_a_large_one_leaves_nothing():
    soft = 128 + 0.3 * (cv2.GaussianBlur(PHOTO, (0, 0), 30).astype(np.float32) - 128)
    scene = soft.astype(np.uint8)
    scene[48:208, 48:208] = PHOTO[48:208, 48:208]
    assert LatticeCarrier("jpeg70", 2.1, edit=0.4).capacity_bits(scene) < HEAD_BITS
    owner = Owner.create()
    change = HiddenCode().protect(scene, identity=IDENTITY, owner=owner)
    verdict = HiddenCode().verify(change.apply(scene), find_key={owner.public.short: owner.public}.get)
    assert verdict.identity == IDENTITY.hex() and verdict.signature.state == "valid"


@pytest.mark.parametrize("sketches", [True, False])
def test_codes_that_make_no_sense_leave_the_identity(sketches):
    system = HiddenCode(carrier=Lsb(3000), sketches=sketches)
    marked = system.protect(PHOTO, identity=IDENTITY).apply(PHOTO)
    red = marked[..., 0].reshape(-1)
    garbage = np.random.default_rng(5).integers(0, 2, 3000, dtype=np.uint8)
    red[HEAD_BITS + 60 : 3000] ^= garbage[HEAD_BITS + 60 :]
    marked[..., 0] = red.reshape(256, 256)
    verdict = system.verify(marked)
    assert verdict.identity == IDENTITY.hex() and verdict.recovered.shape == PHOTO.shape


def test_a_longer_code_tells_more_whatever_it_is_made_of():
    for sketches, sizes in ((True, (400, 4000)), (False, (50, 1550))):
        code = ContentCode(sketches=sketches)
        decoded = []
        for size in sizes:
            bits, kind = code.encode(PHOTO, size)
            plain = Kind.TOKENS if size < 128 else Kind.CODED
            assert len(bits) <= size and kind is (Kind.SKETCH if sketches else plain)
            system = HiddenCode(code=code)
            decoded.append(masked_psnr_db(PHOTO, system.describe(PHOTO, size), np.ones((256, 256), bool)))
        assert decoded[0] + 1.5 < decoded[1]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_tokens_complete_any_mask(share):
    code = ContentCode(sketches=False)
    bits, kind = code.encode(PHOTO, 1550)
    decoded = code.decode(Message(None, bits, kind), 256, 256)
    hidden = np.zeros((256, 256), bool)
    hidden[: round(256 * share)] = True
    whole = code.complete(np.where(hidden[..., None], 0, PHOTO).astype(np.uint8), hidden, decoded)
    assert whole.shape == PHOTO.shape and np.isfinite(whole).all()
    assert masked_psnr_db(PHOTO, np.clip(whole, 0, 255).astype(np.uint8), np.ones((256, 256), bool)) > 13


def test_what_the_code_does_not_tell_is_called_a_guess():
    evidence = np.full(PHOTO.shape[:2], 9, np.float32)
    evidence[100:160, 100:160] = -9
    for room, source in ((64, FILLED), (1700, DECODED)):
        system = HiddenCode(carrier=Lsb(room, evidence=evidence), sketches=False)
        verdict = system.verify(system.protect(PHOTO, identity=IDENTITY).apply(PHOTO))
        inside = verdict.source_map[104:156, 104:156]
        assert verdict.status == "altered" and (inside == source).all()
        assert (verdict.confidence[104:156, 104:156] > 0).all() == (source == DECODED)
        assert not verdict.source_map[:80].any()
