"""The codes: systematic, linear, and able to lose most of their bits."""

import hashlib

import numpy as np
import pytest

from underdrawing.coding.belief_chain import chain_beliefs
from underdrawing.coding.ldpc import Code, code, short_code
from underdrawing.core.errors import CodeError


def received(codeword, rng, used, flips):
    llr = np.zeros(len(codeword), np.float32)
    here = rng.random(len(codeword)) < used
    wrong = rng.random(len(codeword)) < flips
    llr[here] = np.where((codeword ^ wrong)[here], -1, 1) * np.log((1 - flips) / flips)
    return llr


def test_codewords_start_with_their_bits_and_satisfy_every_check():
    rng = np.random.default_rng(0)
    for n, k in ((512, 122), (4096, 757), (13312, 2000)):
        bits = rng.integers(0, 2, k, dtype=np.uint8)
        word = code(n, k).encode(bits)
        found = code(n, k).decode(4 - 8.0 * word)
        assert (word[:k] == bits).all() and found.ok and found.iterations == 0
        word[k + 7] ^= 1
        assert code(n, k).decode(4 - 8.0 * word).iterations > 0


def test_the_same_arguments_give_the_same_code():
    bits = np.random.default_rng(1).integers(0, 2, 300, dtype=np.uint8)
    assert (Code(2000, 300).encode(bits) == Code(2000, 300).encode(bits)).all()
    golden = Code(64, 16).encode(np.tile([1, 0, 0, 1], 4).astype(np.uint8))
    assert "".join(map(str, golden)) == GOLDEN


def test_codes_of_protected_files_never_change():
    """One digest of codewords of all kinds of codes, as they were at the first release."""
    digest = hashlib.sha256()
    for n, k in ((512, 122), (3072, 552), (6144, 798), (11264, 2365), (20000, 9000), (45056, 6758)):
        seed = hashlib.sha256(b"%d" % n).digest() * (k // 256 + 1)
        bits = np.unpackbits(np.frombuffer(seed, np.uint8))[:k]
        digest.update(np.packbits(Code(n, k).encode(bits)).tobytes())
    assert digest.hexdigest() == GOLDEN_SHA256


GOLDEN_SHA256 = "288c569b65b9fcfc37ce38d372b787ac8951f8780f835fdf24530b52917c451a"
GOLDEN = "1001100110011001111010001101000111011010001000111100101101011010"


@pytest.mark.parametrize(("n", "k"), [(4096, 491), (20480, 3000), (4099, 200)])
def test_decodes_with_most_bits_missing_and_some_wrong(n, k):
    rng = np.random.default_rng(2)
    flips = 0.03
    carried = 1 + flips * np.log2(flips) + (1 - flips) * np.log2(1 - flips)
    bits = rng.integers(0, 2, k, dtype=np.uint8)
    found = code(n, k).decode(received(code(n, k).encode(bits), rng, 1.6 * k / n / carried, flips))
    assert found.ok and (found.bits == bits).all()


def test_low_rates_repeat_a_shorter_codeword():
    low = Code(1003, 60)
    word = low.encode(np.random.default_rng(5).integers(0, 2, 60, dtype=np.uint8))
    assert low.graph_bits == 251
    assert (word == np.resize(word[:251], 1003)).all()
    soft = np.zeros(1003)
    soft[700:] = 1 - 2.0 * word[700:]  # the last copy alone, and a part of the one before
    found = low.decode(soft)
    assert found.ok and (found.codeword == word).all()


def test_noise_alone_is_not_a_codeword():
    rng = np.random.default_rng(3)
    assert not code(4096, 757).decode(rng.normal(0, 1, 4096).astype(np.float32)).ok


def test_short_code_reads_near_its_limit():
    """Nine of ten words at 2 dB of noise above the signal; the best decoder of length 512 reads about all."""
    rng, decoder, right = np.random.default_rng(4), short_code(512, 122), 0
    for _ in range(40):
        bits = rng.integers(0, 2, 122, dtype=np.uint8)
        sigma = 10 ** (2.0 / 20)
        soft = 2 * (1 - 2.0 * decoder.encode(bits) + sigma * rng.standard_normal(512)) / sigma**2
        right += (decoder.decode(soft.astype(np.float32), 15).bits == bits).all()
    assert right >= 35


def test_chain_beliefs_are_those_of_every_path():
    """Against the sum over all words of a short chain, whatever its length."""
    for length in (1, 2, 7, 12, 40):
        rng = np.random.default_rng(length)
        sums, channel = np.tanh(rng.normal(0, 1, (2, length))).astype(np.float32)
        from_chain, parity = chain_beliefs(sums, channel)
        if length > 12:  # the same chain in two halves that nothing joins
            sums[length // 2] = 0
            from_chain, parity = chain_beliefs(sums, channel)
            head = chain_beliefs(sums[: length // 2], channel[: length // 2])
            np.testing.assert_allclose(parity[: length // 2], head[1], atol=1e-5)
            continue
        steps = (np.arange(2**length)[:, None] >> np.arange(length)) & 1
        word = np.cumsum(steps, 1) & 1
        each = (1 + (1 - 2 * steps) * sums) * (1 + (1 - 2 * word) * channel)
        weight = each.prod(1)
        np.testing.assert_allclose(parity, weight @ (1 - 2 * word) / weight.sum(), atol=1e-5)
        for j in range(length):
            without = weight / (1 + (1 - 2 * steps[:, j]) * sums[j])
            expected = without @ (1 - 2 * steps[:, j]) / without.sum()
            assert abs(from_chain[j] - expected) < 1e-5


def test_wrong_sizes_are_refused():
    with pytest.raises(CodeError):
        Code(100, 100)
    with pytest.raises(CodeError):
        code(512, 122).encode(np.zeros(121, np.uint8))
    with pytest.raises(CodeError):
        code(512, 122).decode(np.zeros(511, np.float32))
