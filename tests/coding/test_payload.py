"""The payload: what is built is read; what was moved, cut or exchanged is not."""

from dataclasses import replace

import numpy as np
import pytest

from underdrawing.coding import payload
from underdrawing.coding.bits import (
    BitReader,
    crc32,
    from_bytes,
    from_int,
    pack_code,
    to_bytes,
    to_int,
    unpack_code,
)
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CodeError

BASE = payload.Base(64, 85, bytes.fromhex("0123456789abcdef"), 37)
WHOLE = replace(BASE, version=payload.UNSPLIT_VERSION)
SIZES = (2000, (900, 800, 3300))
RATES = (17, 63)


@pytest.fixture(scope="module")
def owner() -> Owner:
    return Owner.create()


def contents(signed: bool, sizes=SIZES) -> payload.Contents:
    rng = np.random.default_rng(0)
    room, rest = payload.budgets(*sizes, "mark" if signed else "absent")
    middle, *top = (rng.integers(0, 2, b, dtype=np.uint8) for b in (room, *rest))
    cells = middle[: 2 * 16 * 22].reshape(2, 16, 22)
    return payload.Contents(middle[cells.size :], tuple(top), cells=cells)


def built(owner: Owner) -> payload.Layers:
    return payload.build(BASE, contents(True), SIZES, owner, rates=RATES)


def test_layers_come_back_and_the_signature_holds(owner):
    layers = built(owner)
    base = payload.read_base(layers.base)
    middle = payload.read_middle(layers.middle, base)
    assert base == BASE and base.split and len(layers.base) == payload.BASE_BITS
    assert (len(layers.middle), tuple(map(len, layers.top))) == SIZES
    assert (middle.content == contents(True).middle).all()
    assert (middle.cells == contents(True).cells).all() and middle.previous is None
    assert middle.fingerprint == owner.public.short
    digest = middle.top_digest
    for bits, content, rate in zip(layers.top, contents(True).top, (*RATES, 0), strict=True):
        part = payload.read_part(bits, digest)
        assert (part.content == content).all() and part.rate == rate
        assert (part.public is None) if rate else part.public.raw == owner.public.raw
        digest = part.digest
    assert payload.check_signature(base, middle, owner.public)
    assert not payload.check_signature(base, middle, Owner.create().public)


def test_version_two_has_one_top_layer(owner):
    sizes = SIZES[0], (5000,)
    layers = payload.build(WHOLE, contents(True, sizes), sizes, owner)
    base = payload.read_base(layers.base)
    middle = payload.read_middle(layers.middle, base)
    top = payload.read_top(layers.top[0], base, middle)
    assert base == WHOLE and not base.split and payload.check_signature(base, middle, owner.public)
    assert (top.content[0] == contents(True, sizes).top[0]).all() and top.public.raw == owner.public.raw
    other = payload.build(WHOLE, contents(True, sizes)._replace(top=(1 - top.content[0],)), sizes, owner)
    with pytest.raises(CodeError, match="names"):
        payload.read_top(other.top[0], base, middle)


def test_every_single_wrong_bit_is_noticed(owner):
    layers = built(owner)
    for i in range(payload.BASE_BITS):
        wrong = layers.base.copy()
        wrong[i] ^= 1
        with pytest.raises(CodeError):
            payload.read_base(wrong)
    for i in range(0, SIZES[0], 97):
        wrong = layers.middle.copy()
        wrong[i] ^= 1
        with pytest.raises(CodeError):
            payload.read_middle(wrong, BASE)


def test_layers_of_another_picture_do_not_fit(owner):
    layers = built(owner)
    other = payload.Base(64, 85, bytes(8), 37)
    with pytest.raises(CodeError, match="checksum"):
        payload.read_middle(layers.middle, other)
    middle = payload.read_middle(layers.middle, BASE)
    first = payload.read_part(layers.top[0], middle.top_digest)
    changed = (*contents(True).top[:2], 1 - contents(True).top[2])
    others = payload.build(BASE, contents(True)._replace(top=changed), SIZES, owner, rates=RATES).top
    for bits, digest in (
        (others[0], middle.top_digest),
        (others[1], first.digest),
        (layers.top[2], first.digest),
    ):
        with pytest.raises(CodeError, match="names"):
            payload.read_part(bits, digest)


def test_a_forged_content_under_a_true_signature_is_invalid(owner):
    layers = built(owner)
    true = payload.read_middle(layers.middle, BASE)
    assert payload.check_signature(BASE, true, owner.public)
    stated = payload.Previous(bytes(range(8)), bytes(range(4)))
    changes = (
        {"content": 1 - true.content},
        {"cells": 1 - true.cells},
        {"previous": stated},
        {"independent": True},
    )
    for change in changes:
        assert not payload.check_signature(BASE, replace(true, **change), owner.public)


def test_an_earlier_protection_is_stated_and_signed(owner):
    stated = payload.Previous(bytes(range(8)), bytes(range(4)))
    room = payload.budgets(*SIZES, "mark", True)
    given = payload.Contents(np.ones(room[0], np.uint8), tuple(np.ones(b, np.uint8) for b in room[1]))
    middle = payload.read_middle(payload.build(BASE, given, SIZES, owner, stated, RATES).middle, BASE)
    assert middle.previous == stated and payload.check_signature(BASE, middle, owner.public)
    assert not payload.check_signature(BASE, replace(middle, previous=None), owner.public)
    unsigned = payload.Previous(bytes(range(8)))
    middle = payload.read_middle(payload.build(BASE, given, SIZES, None, unsigned, RATES).middle, BASE)
    assert middle.previous == unsigned and middle.signature is None


def test_a_registry_can_keep_the_signature(owner):
    """Of 512 bits, which the content gets; the mark names the key, and is bound as by a signature within."""
    room = payload.budgets(*SIZES, "registry")
    assert room[0] == payload.budgets(*SIZES, "mark")[0] + 512
    given = payload.Contents(np.ones(room[0], np.uint8), tuple(np.ones(b, np.uint8) for b in room[1]))
    layers = payload.build(BASE, given, SIZES, owner, rates=RATES, registered=True)
    middle = payload.read_middle(layers.middle, BASE)
    assert middle.registered and middle.signature is None and (middle.content == given.middle).all()
    assert middle.fingerprint == owner.public.short and len(layers.signature) == 64
    other = payload.build(BASE, given, SIZES, Owner.create(), rates=RATES, registered=True).signature
    assert payload.check_signature(BASE, middle, owner.public, [other, layers.signature])
    assert not payload.check_signature(BASE, middle, owner.public, [other])
    assert not payload.check_signature(BASE, middle, owner.public)
    moved = replace(BASE, identity=bytes(8))
    for base, changed in ((moved, middle), (BASE, replace(middle, content=1 - middle.content))):
        assert not payload.check_signature(base, changed, owner.public, [layers.signature])


def test_readers_before_registered_signatures_take_the_mark_for_an_unsigned_one(owner):
    """They skip two spare bits, and take what stands behind the content for padding."""
    room = payload.budgets(*SIZES, "registry")
    given = payload.Contents(np.ones(room[0], np.uint8), tuple(np.ones(b, np.uint8) for b in room[1]))
    bits = payload.build(BASE, given, SIZES, owner, rates=RATES, registered=True).middle[:-32].copy()
    assert bits[0] == 0 and bits[6] == 1
    bits[6] = 0
    read = payload.read_middle(
        np.concatenate([bits, crc32(BASE.bits(), bits, domain=b"underdrawing middle")]), BASE
    )
    assert read.fingerprint is None and (read.content == given.middle).all()


def test_too_small_a_middle_is_left_unsigned_and_none_is_left_out(owner):
    small = payload.middle_overhead("absent") + 50
    code = np.ones(payload.budgets(small, (), "absent")[0], np.uint8)
    layers = payload.build(WHOLE, payload.Contents(code), (small, ()), owner)
    middle = payload.read_middle(layers.middle, WHOLE)
    assert layers.top == () and middle.signature is None and (middle.content == code).all()
    assert payload.build(WHOLE, payload.Contents(code[:0]), (0, ()), owner).middle is None


def test_garbage_is_refused_and_never_believed():
    rng = np.random.default_rng(1)
    for _ in range(200):
        with pytest.raises(CodeError):
            payload.read_base(rng.integers(0, 2, payload.BASE_BITS, dtype=np.uint8))
    with pytest.raises(CodeError):
        payload.read_base(np.zeros(10, np.uint8))


def test_more_content_than_room_is_refused(owner):
    with pytest.raises(CodeError, match="at most"):
        payload.build(WHOLE, payload.Contents(np.zeros(2000, np.uint8)), (2000, ()), owner)
    given = contents(True)._replace(top=(np.zeros(900, np.uint8), *contents(True).top[1:]))
    with pytest.raises(CodeError, match="at most"):
        payload.build(BASE, given, SIZES, owner, rates=RATES)


def test_bits_and_numbers_and_bytes_are_the_same_thing():
    assert to_int(from_int(0b1011, 6)) == 0b1011 and from_int(5, 4).tolist() == [0, 1, 0, 1]
    assert to_bytes(from_bytes(b"\x80\x01")) == b"\x80\x01"
    layers = (np.array([1, 0, 1], np.uint8), np.zeros(0, np.uint8), np.ones(9, np.uint8))
    assert all(map(np.array_equal, unpack_code(pack_code(layers)), layers))
    with pytest.raises(CodeError, match="bytes of a content code"):
        unpack_code(pack_code(layers)[:-1])
    assert to_bytes(crc32(domain=b"123456789")) == bytes.fromhex("cbf43926")
    reader = BitReader(np.array([1, 0, 1], np.uint8))
    assert reader.number(2) == 2
    with pytest.raises(CodeError, match="are left"):
        reader.take(2)
