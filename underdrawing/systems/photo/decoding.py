"""Decoding: from a detected mark to the layers of the payload with valid checksums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import partial
from typing import TypeVar

import numpy as np

from underdrawing.carriers.lattice import detection, rates
from underdrawing.carriers.lattice.detection import BASE_CODE_BITS, Mark, decode_layer
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.parameters import PARTS
from underdrawing.carriers.lattice.private import PrivateLattice
from underdrawing.coding import payload
from underdrawing.coding.ldpc import code
from underdrawing.core.errors import CodeError

T = TypeVar("T")


@dataclass(frozen=True)
class Marked(Mark):
    """A mark with its decoded layers."""

    middle: payload.Middle | None = None
    top: payload.Top | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    """Information bits of each codeword that was read, behind the base layer."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers with a valid check: "top" where all of it was read, else its parts."""
        read = [name for name, part in (("middle", self.middle), ("top", self.top)) if part is not None]
        if self.base.split and self.top is not None and len(self.top.content) < len(PARTS):
            read[-1:] = list(PARTS)[: len(self.top.content)]
        return ("base", *read)

    @property
    def bits(self) -> dict[str, int]:
        """Number of bits read, by the kinds of Protection.bits."""
        middle, top = self.sizes.get("middle", 0), [n for k, n in self.sizes.items() if k != "middle"]
        read = payload.bits_read(self.middle, self.top, (middle, top))
        coded = sum(code_length(name, *self.grid) for name in self.sizes)
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
    """Decode middle and top layer one after the other, with the current estimate of altered blocks erased."""
    base, middle, top, sizes = mark.base, None, None, {}
    k_middle = rates.middle_size(base.rates, *mark.grid, base.split)
    if k_middle:
        middle, mark = _decode(mark, "middle", k_middle, partial(payload.read_middle, base=base))
        sizes |= {} if middle is None else {"middle": k_middle}
    if base.split and middle is not None:
        top, mark, parts = _decode_parts(mark, middle)
        sizes |= parts
    elif not base.split and (middle is not None or not k_middle):
        _, k_top = rates.sizes(base.rates, *mark.grid)
        parse = partial(payload.read_top, base=base, middle=middle)
        top, mark = _decode(mark, "top", k_top, parse) if k_top else (None, mark)
        sizes |= {} if top is None else {"top": k_top}
    mark = mark.binding()
    fields = {each.name: getattr(mark, each.name) for each in dataclass_fields(mark)}
    return Marked(**fields, middle=middle, top=top, sizes=sizes)


def _decode_parts(mark: Mark, middle: payload.Middle) -> tuple[payload.Top | None, Mark, dict[str, int]]:
    """The parts of the top layer up to the first one that is not readable, and their sizes."""
    rate, digest, sizes, read = rates.first_part(mark.base.rates), middle.top_digest, {}, []
    for name in PARTS:
        size = rates.part_size(name, rate, *mark.grid)
        if not size:
            break
        parse = partial(payload.read_part, digest=digest)
        part, mark = _decode(mark, name, size, parse)
        if part is None:
            break
        sizes[name], rate, digest = size, part.rate, part.digest
        read.append(part)
    if not read:
        return None, mark, sizes
    return payload.Top(tuple(part.content for part in read), read[-1].public), mark, sizes


def _decode(mark: Mark, layer: str, size: int, parse: Callable[[np.ndarray], T]) -> tuple[T | None, Mark]:
    """The parsed layer, None where it is not readable, and the mark with what was learned."""
    found, mark = decode_layer(mark, mark.lattice, layer, code(code_length(layer, *mark.grid), size))
    if found is None:
        return None, mark
    try:
        parsed = parse(found.bits)
    except CodeError:
        return None, mark
    return parsed, mark.with_layer(layer, found.codeword, mark.lattice)
