"""Decoding: from a detected mark to the layers of the payload with valid checksums."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields as dataclass_fields

import numpy as np

from underdrawing.carriers.lattice import detection, rates
from underdrawing.carriers.lattice.detection import BASE_CODE_BITS, Mark, decode_layer
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.private import PrivateLattice
from underdrawing.coding import payload
from underdrawing.coding.ldpc import Decoded, code
from underdrawing.core.errors import CodeError


@dataclass(frozen=True)
class Marked(Mark):
    """A mark with its decoded layers."""

    middle: payload.Middle | None = None
    top: payload.Top | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers with a valid checksum."""
        return ("base", *(n for n, part in (("middle", self.middle), ("top", self.top)) if part is not None))

    @property
    def bits(self) -> dict[str, int]:
        """Number of bits read, by the kinds of Protection.bits."""
        sizes = rates.sizes(self.base.rates, *self.grid)
        read = payload.bits_read(self.middle, self.top, sizes)
        coded = sum(code_length(name, *self.grid) for name in self.layers[1:])
        return {**read, "coded": BASE_CODE_BITS + coded}


def searches(secret: bytes | None) -> tuple[tuple[Lattice, bool], ...]:
    """Lattices to search for in turn, and whether in moved pictures too.

    A private mark in the layout that was in use before pictures had keys of their own is found in whole
    pictures only.
    """
    if secret is None:
        return ((Lattice(None, BASE_CODE_BITS), True),)
    private, earlier = PrivateLattice(secret, BASE_CODE_BITS), Lattice(secret, BASE_CODE_BITS)
    return (private, False), (earlier, False), (private, True)


def detect_unchanged(received: np.ndarray, secret: bytes | None) -> Mark | None:
    """The mark, public or under this secret, of a whole received luma at its own size and upright; fast."""
    lattices = [Lattice(None, BASE_CODE_BITS)]
    if secret is not None:
        lattices += [PrivateLattice(secret, BASE_CODE_BITS), Lattice(secret, BASE_CODE_BITS)]
    found = (detection.detect_unchanged(received, lattice) for lattice in lattices)
    return next((mark for mark in found if mark is not None), None)


def detect_whole(received: np.ndarray, secret: bytes | None) -> Mark | None:
    """The mark that `verify` finds in a whole upright luma of its own size, public or under this secret."""
    found = (detection.detect_whole(received, lattice) for lattice, _ in searches(secret)[:2])
    return next(filter(None, found), None)


def decode_layers(mark: Mark) -> Marked:
    """Decode the middle and then the top layer, with the current estimate of altered blocks erased."""
    k_middle, k_top = rates.sizes(mark.base.rates, *mark.grid)
    lattice, middle, top = mark.lattice, None, None
    if k_middle:
        found, mark = _decode(mark, lattice, "middle", k_middle)
        if found is not None:
            middle = _parsed(payload.read_middle, found.bits, mark.base)
        if middle is not None:
            mark = mark.with_layer("middle", found.codeword, lattice)
    if k_top and (middle is not None or not k_middle):
        found, mark = _decode(mark, lattice, "top", k_top)
        if found is not None:
            top = _parsed(payload.read_top, found.bits, mark.base, middle)
        if top is not None:
            mark = mark.with_layer("top", found.codeword, lattice)
    mark = mark.binding()
    fields = {field.name: getattr(mark, field.name) for field in dataclass_fields(mark)}
    return Marked(**fields, middle=middle, top=top)


def _decode(mark: Mark, lattice: Lattice, layer: str, size: int) -> tuple[Decoded | None, Mark]:
    return decode_layer(mark, lattice, layer, code(code_length(layer, *mark.grid), size))


def _parsed(parse, *arguments):
    try:
        return parse(*arguments)
    except CodeError:
        return None
