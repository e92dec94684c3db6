"""A code in turns of the face: second marks that leave the first."""

import numpy as np
import pytest
from skimage import data

from underdrawing.carriers.face_bits import FaceBits
from underdrawing.carriers.turned import TURNS, Turned, turned, turned_back
from underdrawing.judging.marked_bits import MarkedBits
from underdrawing.metrics.quality import psnr_db

FACE = np.ascontiguousarray(data.astronaut()[40:168, 160:288])


class Plain:
    """Spread spectrum in blocks of 2 px of the luma."""

    bits, side = 30, 128

    def __init__(self):
        signs = np.random.default_rng(1).choice(np.float32([-1, 1]), (self.bits, 64, 64))
        self.patterns = signs.repeat(2, 1).repeat(2, 2)

    def encode(self, face_u8, bits):
        luma = np.tensordot(2 * bits.astype(np.float32) - 1, self.patterns, 1)
        return np.repeat(luma[..., None], 3, 2)

    def decode(self, face_u8):
        luma = face_u8.astype(np.float32).mean(2)
        rough = (
            luma
            - (np.roll(luma, 2, 0) + np.roll(luma, -2, 0) + np.roll(luma, 2, 1) + np.roll(luma, -2, 1)) / 4
        )
        return -np.tensordot(self.patterns, np.clip(rough, -15, 15), 2) / 2000


def test_turns_are_the_symmetries_of_the_square():
    square = np.arange(48).reshape(4, 4, 3)
    views = [turned(square, turn) for turn in range(TURNS)]
    assert len({view.tobytes() for view in views}) == TURNS and np.array_equal(views[0], square)
    for turn, view in enumerate(views):
        assert np.array_equal(turned_back(view, turn), square)


def errors(first, second):
    """Bits of 300 that are wrong of the first mark, after the second one."""
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(10):
        bits, marked = rng.integers(0, 2, 30, dtype=np.uint8), FACE
        for turn, message in ((first, bits), (second, rng.integers(0, 2, 30, dtype=np.uint8))):
            change = Turned(Plain(), turn).encode(marked, message)
            marked = np.clip(np.rint(marked + change), 0, 255).astype(np.uint8)
        wrong += int(((Turned(Plain(), first).decode(marked) < 0) != bits).sum())
    return wrong


def test_marks_collide_in_one_turn_and_not_in_two():
    assert errors(0, 0) > 30
    assert all(errors(0, turn) <= 6 for turn in range(1, TURNS))


@pytest.fixture
def protector():
    return MarkedBits(FaceBits("plain", Plain()), turns=4)


def test_a_second_protection_leaves_the_first_and_both_are_named(protector):
    received, identities = FACE, []
    for _ in range(2):
        protection = protector.protect(received)
        identities.append(protection.identity)
        received = protection.apply(received)
    verdict = protector.verify(received)
    assert verdict.status == "unvouched" and verdict.identity in identities
    assert set(verdict.details["identities"]) == set(identities)
    assert all(identity in verdict.message for identity in identities)
    assert psnr_db(FACE, received) > 28


def test_an_identity_counts_in_its_own_turn_alone(protector):
    once = MarkedBits(FaceBits("plain", Plain()))
    assert protector.verify(once.protect(FACE, identity=(4 << 54).to_bytes(8, "big")).apply(FACE)).present
    other = once.protect(FACE, identity=(5 << 54).to_bytes(8, "big")).apply(FACE)
    assert once.verify(other).present and not protector.verify(other).present
