"""Short identities: room, bound of false accepts, and correction."""

import numpy as np
import pytest

from underdrawing.coding.short_identity import SHORT_IDENTITIES, short_identity
from underdrawing.core.errors import CapacityError, CodeError

CODES = pytest.mark.parametrize("code", SHORT_IDENTITIES.values(), ids=SHORT_IDENTITIES)


def numbers(code, count=8):
    rng = np.random.default_rng(code.length)
    return [0, 2**code.room - 1, *(int.from_bytes(rng.bytes(8), "big") % 2**code.room for _ in range(count))]


@CODES
def test_an_identity_is_read_within_the_radius_and_refused_beyond(code):
    rng = np.random.default_rng(7)
    for number in numbers(code):
        word = code.encode(number)
        assert word.shape == (code.length,) and word.dtype == np.uint8 and word.max() <= 1
        for errors in range(code.corrected + 4):
            received = word.copy()
            received[rng.choice(code.length, errors, replace=False)] ^= 1
            found = code.decode(received)
            if errors <= code.radius:
                assert found is not None and (found.number, found.errors) == (number, errors)
            else:
                assert found is None


@CODES
def test_the_bound_of_false_accepts_is_a_millionth(code):
    assert code.false_accept <= 1e-6


@CODES
def test_codewords_are_as_far_apart_as_stated(code):
    """The distance of a linear code is the least weight; that of random differences is no smaller."""
    distance = {30: 11, 64: 16, 128: 22}[code.length]
    words = np.stack([code.encode(number) for number in set(numbers(code, 60))])
    apart = (words[:, None] != words[None]).sum(2)
    assert apart[~np.eye(len(words), dtype=bool)].min() >= distance


def test_every_word_of_30_bits_is_far_from_every_other():
    """All 1,024 codewords: their differences are codewords too, so the least weight is the distance."""
    code = SHORT_IDENTITIES[30]
    words = np.stack([code.encode(number) for number in range(1024)])
    assert len(np.unique(words, axis=0)) == 1024
    assert (words[1:] != words[0]).sum(1).min() >= 11


def test_random_bits_are_refused():
    rng = np.random.default_rng(3)
    for code in SHORT_IDENTITIES.values():
        assert all(code.decode(rng.integers(0, 2, code.length, dtype=np.uint8)) is None for _ in range(500))


@CODES
@pytest.mark.parametrize("value", [0, 1])
def test_words_of_one_value_are_refused(code, value):
    assert code.decode(np.full(code.length, value, np.uint8)) is None
    assert code.decode(np.resize([0, 1], code.length).astype(np.uint8)) is None


def test_the_number_of_an_identity_is_its_beginning():
    identity = bytes.fromhex("f0123456789abcde")
    assert short_identity(128).number_of(identity) == 0xF0123456789ABCDE
    assert short_identity(64).number_of(identity) == 0xF01234
    assert short_identity(30).number_of(identity) == 0b1111000000


def test_other_lengths_and_numbers_are_refused():
    with pytest.raises(CapacityError, match="30, 64, 128"):
        short_identity(48)
    with pytest.raises(CodeError):
        short_identity(30).encode(1024)
    with pytest.raises(CodeError, match="30 bits"):
        short_identity(30).decode(np.zeros(31, np.uint8))
