"""Identities in the few bits of a mark of faces, with a check that random bits do not pass.

    identity, k bits -> BCH code of n bits -> exclusive or with fixed bits -> L bits of the mark
    L bits read -> nearest codeword, accepted within a distance of t bits, else none

    L     k    t    codes accepted of 2^L     BCH code, its distance
    30    10   0    9.5e-7                    (31, 11), shortened, 11
    64    24   4    6.2e-7                    (63, 24), with parity, 16
    128   64   8    8.3e-8                    (127, 64), with parity, 22

The share of accepted codes is 2^k V(L, t) / 2^L, with V(L, t) words within t bits of one: the probability
that random bits are accepted as any identity. The codes could correct more errors than t, at the price of
that bound. One identity is read as another only after more wrong bits than the distance of the code less t.
The fixed bits keep words of one value, as a network may read from a flat picture, from being codewords.

Bose and Ray-Chaudhuri 1960; decoding by Berlekamp's algorithm (Massey, IEEE Trans. Inf. Theory 15, 1969).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underdrawing.coding.bits import from_bytes, from_int, to_int
from underdrawing.core.errors import CapacityError, CodeError

_PRIMITIVE = {5: 0b100101, 6: 0b1000011, 7: 0b10001001}
"""Primitive polynomials over GF(2) by degree (Lin and Costello, Error Control Coding, app. A)."""


@dataclass(frozen=True)
class Read:
    """An identity that was read."""

    number: int
    """0 <= number < 2^k."""
    errors: int
    """Bits that were corrected."""


@dataclass(frozen=True)
class ShortIdentity:
    """The code of one length; see SHORT_IDENTITIES for those that there are."""

    length: int
    """L, bits of the mark."""
    room: int
    """k, bits of the identity."""
    radius: int
    """t, wrong bits up to which a word is accepted."""
    degree: int
    """m: the BCH code has 2^m - 1 bits before it is shortened or extended."""
    corrected: int
    """Errors that the BCH code is built for; at least `radius`."""

    @property
    def false_accept(self) -> float:
        """Probability that uniformly random bits are accepted."""
        words = sum(math.comb(self.length, errors) for errors in range(self.radius + 1))
        return 2.0 ** (self.room - self.length) * words

    def number_of(self, identity: bytes) -> int:
        """The first k bits of an identity of 8 bytes; all of it at 128 bits."""
        return int.from_bytes(identity, "big") >> (64 - self.room)

    def encode(self, number: int) -> np.ndarray:
        """(L,) uint8 for an identity 0 <= number < 2^k. CodeError for others."""
        message = to_int(from_int(number, self.room))
        shifted = message << self._checks
        word = from_int(shifted | _remainder(shifted, self._generator), self._plain)
        return self._extended(word) ^ self._fixed

    def decode(self, bits: np.ndarray) -> Read | None:
        """The identity of (L,) bits of 0 and 1; None where no codeword is within t. CodeError for others."""
        if bits.shape != (self.length,) or (bits > 1).any():
            raise CodeError(f"expected {self.length} bits, got an array {bits.shape} {bits.dtype}")
        received = (bits ^ self._fixed).astype(np.uint8)
        word = received[: self._plain].copy()
        for place in self._field.errors(word[::-1], 2 * self.corrected):
            if place >= self._plain:
                return None
            word[self._plain - 1 - place] ^= 1
        number = to_int(word)
        errors = int((self._extended(word) != received).sum())
        if errors > self.radius or _remainder(number, self._generator):
            return None
        return Read(number >> self._checks, errors)

    @property
    def _plain(self) -> int:
        """Bits without the parity."""
        return min(self.length, (1 << self.degree) - 1)

    def _extended(self, word: np.ndarray) -> np.ndarray:
        parity = np.full(self.length - self._plain, word.sum() % 2, np.uint8)
        return np.concatenate([word, parity])

    @cached_property
    def _field(self) -> _Field:
        return _Field(self.degree)

    @cached_property
    def _generator(self) -> int:
        """Polynomial with the roots a^1 ... a^2t and their conjugates, one bit a coefficient."""
        return self._field.generator(2 * self.corrected)

    @cached_property
    def _checks(self) -> int:
        return self._generator.bit_length() - 1

    @cached_property
    def _fixed(self) -> np.ndarray:
        digest = hashlib.sha256(b"underdrawing short identity %d" % self.length).digest()
        return from_bytes(digest)[: self.length]


class _Field:
    """GF(2^m) by powers of a primitive element a."""

    def __init__(self, degree: int):
        self.size = (1 << degree) - 1
        self.power, value = [], 1
        for _ in range(self.size):
            self.power.append(value)
            value <<= 1
            if value > self.size:
                value ^= _PRIMITIVE[degree]
        self.log = {value: place for place, value in enumerate(self.power)}

    def product(self, a: int, b: int) -> int:
        return self.power[(self.log[a] + self.log[b]) % self.size] if a and b else 0

    def quotient(self, a: int, b: int) -> int:
        return self.power[(self.log[a] - self.log[b]) % self.size] if a else 0

    def generator(self, roots: int) -> int:
        """Product of the minimal polynomials of a^1 ... a^roots."""
        exponents = {root * 2**j % self.size for root in range(1, roots + 1) for j in range(self.size)}
        factors = [1]  # coefficients in the field, constant term first
        for exponent in exponents:
            shifted = [0, *factors]
            scaled = [self.product(self.power[exponent], one) for one in factors] + [0]
            factors = [a ^ b for a, b in zip(shifted, scaled, strict=True)]
        return sum(bit << place for place, bit in enumerate(factors))

    def errors(self, word: np.ndarray, roots: int) -> list[int]:
        """Places of the errors in a word, constant term first; empty also where there are too many."""
        ones = np.flatnonzero(word).tolist()
        syndromes = []
        for root in range(1, roots + 1):
            value = 0
            for place in ones:
                value ^= self.power[place * root % self.size]
            syndromes.append(value)
        locator = self._locator(syndromes)
        found = [place for place in range(self.size) if not self._value(locator, -place)]
        return found if len(found) == len(locator) - 1 else []

    def _locator(self, syndromes: list[int]) -> list[int]:
        """Polynomial with the inverse of a^place as a root for each error: Berlekamp and Massey."""
        locator, before, shift, last = [1], [1], 1, 1
        for step, syndrome in enumerate(syndromes):
            wrong = syndrome
            for place in range(1, len(locator)):
                if place <= step:
                    wrong ^= self.product(locator[place], syndromes[step - place])
            if not wrong:
                shift += 1
                continue
            factor = self.quotient(wrong, last)
            change = [0] * shift + [self.product(factor, one) for one in before]
            width = max(len(locator), len(change))
            summed = [
                a ^ b
                for a, b in zip(
                    locator + [0] * (width - len(locator)), change + [0] * (width - len(change)), strict=True
                )
            ]
            if 2 * (len(locator) - 1) <= step:
                before, last, shift = locator, wrong, 1
            else:
                shift += 1
            locator = summed
        while len(locator) > 1 and not locator[-1]:
            locator.pop()
        return locator

    def _value(self, polynomial: list[int], exponent: int) -> int:
        """Of a polynomial at a^exponent."""
        value = 0
        for place, one in enumerate(polynomial):
            if one:
                value ^= self.power[(self.log[one] + place * exponent) % self.size]
        return value


def _remainder(dividend: int, divisor: int) -> int:
    """Of polynomials over GF(2), one bit a coefficient."""
    while (excess := dividend.bit_length() - divisor.bit_length()) >= 0:
        dividend ^= divisor << excess
    return dividend


SHORT_IDENTITIES = {
    30: ShortIdentity(30, 10, 0, 5, 5),
    64: ShortIdentity(64, 24, 4, 6, 7),
    128: ShortIdentity(128, 64, 8, 7, 10),
}
"""By L."""


def short_identity(length: int) -> ShortIdentity:
    """The code for marks of so many bits. CapacityError where there is none."""
    if length not in SHORT_IDENTITIES:
        known = ", ".join(map(str, SHORT_IDENTITIES))
        raise CapacityError(f"identities are written in {known} bits, not in {length}")
    return SHORT_IDENTITIES[length]
