"""The message of Hidden-Code: what is read whole, in part, and not at all."""

import numpy as np
import pytest

from underdrawing.coding.bits import crc32
from underdrawing.coding.keys import Owner
from underdrawing.core.interfaces import CERTAIN
from underdrawing.systems.hidden_code.message import (
    HEAD_BITS,
    SIGNATURE_BITS,
    Kind,
    overhead_bits,
    pack,
    unpack,
)

IDENTITY = bytes(range(8))


@pytest.fixture
def code():
    return np.random.default_rng(1).integers(0, 2, 500, dtype=np.uint8)


def soft(bits):
    return np.where(bits, -CERTAIN, CERTAIN).astype(np.float32)


def test_what_is_packed_is_read(code):
    bits = pack(IDENTITY, code, Kind.SKETCH, None)
    assert len(bits) == overhead_bits(False) + len(code)
    read = unpack(soft(bits))
    assert read.identity == IDENTITY and read.kind is Kind.SKETCH and read.fingerprint is None
    assert np.array_equal(read.code, code)


def test_a_signature_holds_for_its_own_message_alone(code):
    owner = Owner.create()
    bits = pack(IDENTITY, code, Kind.CODED, owner)
    assert len(bits) == overhead_bits(True) + len(code)
    read = unpack(soft(bits))
    assert read.signed_by(owner.public) and not read.signed_by(Owner.create().public)
    assert read.fingerprint == owner.public.short
    for place in (len(bits) - 1, HEAD_BITS + SIGNATURE_BITS - 1):
        forged = bits.copy()
        forged[place] ^= 1
        assert not unpack(soft(forged)).signed_by(owner.public)


def test_a_wrong_identity_is_no_identity(code):
    bits = pack(IDENTITY, code, Kind.TOKENS, None)
    for place in (0, 1, 30, HEAD_BITS - 1):
        wrong = bits.copy()
        wrong[place] ^= 1
        read = unpack(soft(wrong))
        assert read.identity is None and not len(read.code)


def test_only_the_certain_front_of_a_code_counts(code):
    llr = soft(pack(IDENTITY, code, Kind.TOKENS, None))
    llr[HEAD_BITS + 120 :] *= 0.1
    assert np.array_equal(unpack(llr).code, code[:120])
    signed = soft(pack(IDENTITY, code, Kind.TOKENS, Owner.create()))
    signed[-1] *= 0.1  # the code's last bit: nothing can be said of the signature
    read = unpack(signed)
    assert read.identity == IDENTITY and read.signature is None and len(read.code) == len(code) - 1
    signed[HEAD_BITS + 40] = 0
    assert unpack(signed).fingerprint == b"" and not len(unpack(signed).code)


def test_a_code_alone_counts_as_it_was_read(code):
    assert np.array_equal(unpack(0.1 * soft(code), code_alone=True).code, code)
    few = unpack(soft(code[:50]))
    assert few.identity is None and np.array_equal(few.code, code[:50])
    assert not len(unpack(np.zeros(0, np.float32)).code)


def test_a_kind_of_a_later_version_leaves_the_identity(code):
    bits = pack(IDENTITY, code, Kind.SKETCH, None)
    head = np.concatenate([[0, 1, 1], bits[3 : HEAD_BITS - 32]]).astype(np.uint8)
    later = np.concatenate([head, crc32(head, domain=b"underdrawing hidden code 1"), code])
    read = unpack(soft(later))
    assert read.identity == IDENTITY and not len(read.code)
