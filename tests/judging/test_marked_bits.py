"""A carrier as a protector: identities of few bits, what they say and what they never say."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing import Session
from underdrawing.attacks.channel import Jpeg
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError
from underdrawing.core.interfaces import Protector, Reading
from underdrawing.judging.marked_bits import MarkedBits
from underdrawing.ops.protection import Protection
from underdrawing.registry.store import open_registry

FIRST, SECOND = bytes.fromhex("a540000000000000"), bytes.fromhex("1280000000000000")
LENGTH = 30
ASTRONAUT, COFFEE = (
    np.ascontiguousarray(picture[:256, 40:296]) for picture in (data.astronaut(), data.coffee())
)


class Patterns:
    """30 bits by spread spectrum in the luma of a square of 256 px; the fragile part: its evidence."""

    name, tells_length = "patterns", False

    def __init__(self, evidence=None, room=LENGTH):
        rng = np.random.default_rng(1)
        signs = rng.choice(np.float32([-1, 1]), (LENGTH, 64, 64))
        self.patterns = signs.repeat(4, 1).repeat(4, 2)
        self.evidence, self.room = evidence, room

    def capacity_bits(self, image_u8):
        return self.room if min(image_u8.shape[:2]) >= 256 else 0

    def embed(self, image_u8, bits):
        return Protection(
            np.tensordot(2 * bits.astype(np.float32) - 1, self.patterns, 1)[..., None] * np.ones(3)
        )

    def read(self, received_u8, count):
        gray = received_u8[:256, :256].astype(np.float32).mean(2)
        flat = gray - cv2.blur(gray, (13, 13))
        soft = -np.tensordot(self.patterns, np.clip(flat, -20, 20), 2) / 1000
        return Reading(soft.astype(np.float32), None, evidence=self.evidence)


@pytest.fixture
def marked():
    protector = MarkedBits(Patterns())
    return protector.protect(ASTRONAUT, identity=FIRST).apply(ASTRONAUT)


def test_an_identity_is_read_after_jpeg_and_the_picture_is_never_called_intact(marked):
    protector = MarkedBits(Patterns())
    assert isinstance(protector, Protector)
    for received in (marked, Jpeg(50)(marked, np.random.default_rng(0))):
        verdict = protector.verify(received)
        assert (verdict.status, verdict.present, verdict.identity) == ("unvouched", True, FIRST.hex())
        assert verdict.shared_identity and verdict.identity_bits == 10
        assert verdict.tampered_prob is None and verdict.altered_fraction is None and verdict.mask is None
        (witness,) = verdict.assurance.witnesses
        assert (witness.state, witness.binding, witness.share) == ("silent", False, 0.0)
    edited = marked.copy()
    edited[:100, :100] = COFFEE[:100, :100]
    verdict = protector.verify(edited)
    assert verdict.status == "unvouched" and "not determined" in verdict.message


def test_no_identity_is_read_from_pictures_without_a_mark():
    for image in (ASTRONAUT, COFFEE, np.zeros_like(COFFEE), COFFEE[:100, :100]):
        verdict = MarkedBits(Patterns()).verify(image)
        assert (verdict.status, verdict.present, verdict.identity) == ("unprotected", False, None)


def test_evidence_of_the_carrier_contradicts_and_never_confirms(marked):
    evidence = np.zeros((256, 256), np.float32)
    evidence[:128] = 4.0
    verdict = MarkedBits(Patterns(evidence)).verify(marked)
    assert verdict.status == "unvouched" and verdict.altered_fraction == 0
    assert verdict.assurance.witness("mark").share == 0.5
    evidence[:32, :64] = -4.0
    verdict = MarkedBits(Patterns(evidence)).verify(marked)
    assert verdict.status == "altered" and verdict.altered_fraction == pytest.approx(32 * 64 / 256**2)
    assert np.array_equal(verdict.mask, evidence < 0)


def test_strength_scales_the_change():
    protector = MarkedBits(Patterns())
    faint, strong = (protector.protect(ASTRONAUT, identity=FIRST, strength=s) for s in (0.5, 2.0))
    assert np.abs(strong.residual).mean() > 3 * np.abs(faint.residual).mean()
    assert not faint.signed and faint.bits == {"message": 30, "identity": 10}


def test_what_has_no_room_is_refused():
    protector = MarkedBits(Patterns())
    with pytest.raises(CapacityError, match="expected a540000000000000, got a540000000000001"):
        protector.protect(ASTRONAUT, identity=bytes.fromhex("a540000000000001"))
    with pytest.raises(CapacityError, match="0 bits"):
        protector.protect(ASTRONAUT[:100, :100])
    with pytest.raises(CapacityError, match="secret"):
        protector.protect(ASTRONAUT, secret=bytes(32))


def test_a_longer_mark_takes_a_longer_identity():
    protector = MarkedBits(LatticeCarrier("jpeg70"))
    identity = bytes.fromhex("0123456789abcdef")
    verdict = protector.verify(protector.protect(ASTRONAUT, identity=identity).apply(ASTRONAUT))
    assert verdict.identity == identity.hex() and not verdict.shared_identity


@pytest.fixture
def session(monkeypatch, tmp_path):
    """A session whose system is that of the patterns, signing, with a registry of its own."""
    owner = Owner.create()
    with Session(sign=owner, registry=tmp_path / "r.db", trust=tmp_path / "trust") as made:
        made.__dict__["_model"] = MarkedBits(Patterns())
        yield made


def test_the_record_is_signed_where_the_mark_cannot_be(session, tmp_path):
    report = session.protect(ASTRONAUT, tmp_path / "a.png", identity=FIRST)
    assert report.signed_by is None and any(
        "record of its identity is signed" in note for note in report.notes
    )
    assert report.record.signature_state() == "valid" and report.record.identity == FIRST.hex()
    found = session.verify(tmp_path / "a.png")
    assert found.verdict.identity == FIRST.hex() and found.record["proven"]
    assert found.verdict.assurance.witness("registered original").state == "agrees"
    assert session.protect(tmp_path / "a.png").already == (FIRST.hex(), None)


def test_two_pictures_of_one_identity_differ_by_their_originals(session, tmp_path):
    for name, image in (("a.png", ASTRONAUT), ("b.png", COFFEE)):
        session.protect(image, tmp_path / name, identity=FIRST)
    for name, number in (("a.png", 1), ("b.png", 2)):
        report = session.verify(tmp_path / name)
        assert report.verdict.status != "altered" and report.verdict.details["registered"]["record"] == number
        matches = session.retrieve(tmp_path / name)
        assert matches[0].entry.number == number and matches[0].sure
        assert [match.sure for match in matches[1:]] == [False]


def test_an_identity_is_drawn_that_the_registry_lacks(session, tmp_path, monkeypatch):
    session.protect(ASTRONAUT, identity=FIRST)
    draws = iter([FIRST, FIRST, SECOND])
    monkeypatch.setattr(
        "underdrawing.judging.marked_bits.secrets.randbits",
        lambda bits: int.from_bytes(next(draws), "big") >> (64 - bits),
    )
    assert session.protect(COFFEE).identity == SECOND.hex()
    with open_registry(session.registry) as registry:
        assert [entry.record.identity for entry in registry] == [FIRST.hex(), SECOND.hex()]
