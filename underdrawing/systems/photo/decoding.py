"""Decoding: from a received luma to the layers that check, and to what each block says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.lattice import Lattice, View, is_small
from underdrawing.carriers.lattice.layout import LAYERS
from underdrawing.carriers.lattice.read import Reading, altered_probability, evidence
from underdrawing.coding import payload
from underdrawing.coding.ldpc import Decoded, code, short_code
from underdrawing.core.errors import CodeError
from underdrawing.systems.photo import rates

_LEAST_AGREEMENT = 3.0  # standard deviations by which the soft bits must favour the base codeword
_ROUNDS = 3
_PRIORS = (0.1, 0.3, 0.03)  # share of altered blocks that the rounds assume


@dataclass(frozen=True)
class Marked:
    """A mark that was found: what was read, and the view it was read from."""

    view: View
    base: payload.Base
    reading: Reading
    """The blocks in view, altered ones discounted, the channel measured."""
    known: dict[str, np.ndarray] = field(default_factory=dict)
    """Bits (r, c, frequencies) of the layers whose codeword is known."""
    middle: payload.Middle | None = None
    top: payload.Top | None = None
    tried: int = 1
    """Alignments that were decoded; each could have passed the 32-bit checksum by chance."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that were read and checked."""
        return ("base", *(n for n, part in (("middle", self.middle), ("top", self.top)) if part is not None))

    def evidence(self) -> np.ndarray:
        """(r, c) log-likelihood ratio "untouched over altered" of each block, from all layers."""
        return _evidence(self.reading, self.known)


def find(received: np.ndarray, lattice: Lattice) -> Marked | None:
    """The mark of a received luma (H, W) float32 with its base layer, or None."""
    tried = 0
    base_code = short_code(lattice.base_bits, payload.BASE_BITS)
    for alignment in lattice.alignments(received):
        view = lattice.view(received, alignment)
        soft = lattice.base_soft_bits(view)
        tried += 1
        for llr in _base_attempts(lattice, view, soft):
            decoded = base_code.decode(llr, iterations=40)
            base = _checked_base(decoded, llr)
            if base is None:
                continue
            placed = lattice.placed(view, received, (base.rows, base.cols))
            return _with_base(lattice, placed, base, decoded, tried)
    return None


def _base_attempts(lattice: Lattice, view: View, soft: np.ndarray) -> Iterator[np.ndarray]:
    """The soft bits as they are, then with the blocks discounted that the lattice shows to be altered."""
    yield soft
    blind = altered_probability(_evidence(view.reading, {}))
    if blind.mean() > 0.02:
        discounted = View(view.alignment, view.equalizer, view.plane, view.reading.with_altered(blind))
        yield lattice.base_soft_bits(discounted)
    if is_small(*view.alignment.blocks):
        yield lattice.base_soft_bits(view, small=True)


def _checked_base(decoded: Decoded, llr: np.ndarray) -> payload.Base | None:
    sign = 1.0 - 2.0 * decoded.codeword
    agreement = float((sign * llr).sum() / np.sqrt((llr * llr).sum() + 1e-9))
    if agreement < _LEAST_AGREEMENT:
        return None
    try:
        base = payload.read_base(decoded.bits)
    except CodeError:
        return None
    return base if base.rows <= 128 and base.cols <= 128 else None


def _with_base(lattice: Lattice, view: View, base: payload.Base, decoded: Decoded, tried: int) -> Marked:
    small = is_small(base.rows, base.cols)
    spread = decoded.codeword[lattice.base_index(view, small)]
    names = ("base", "middle") if small else ("base",)
    known = {name: spread[..., LAYERS[name]] for name in names}
    bits = spread[..., : LAYERS[names[-1]].stop]
    altered = altered_probability(_evidence(view.reading, known))
    reading = view.reading.with_known(bits, altered)
    altered = altered_probability(_evidence(reading, known))
    return Marked(view, base, reading.with_known(bits, altered), known, tried=tried)


def decode_layers(marked: Marked, lattice: Lattice) -> Marked:
    """Decode the middle and then the top layer, each round with the altered blocks erased as they are known
    by then."""
    grid = marked.base.rows, marked.base.cols
    k_middle, k_top = rates.sizes(marked.base.rates, *grid)
    known, reading, middle, top = dict(marked.known), marked.reading, None, None
    if k_middle:
        found, reading = _decode(marked, lattice, reading, known, "middle", k_middle)
        if found is not None:
            middle = _parsed(payload.read_middle, found.bits, marked.base)
        if middle is not None:
            known["middle"] = found.codeword[lattice.layer_index(marked.view, "middle", grid)]
            reading = _measured(reading, known)
    if k_top and (middle is not None or not k_middle):
        found, reading = _decode(marked, lattice, reading, known, "top", k_top)
        if found is not None:
            top = _parsed(payload.read_top, found.bits, marked.base, middle)
        if top is not None:
            known["top"] = found.codeword[lattice.layer_index(marked.view, "top", grid)]
            reading = _measured(reading, known)
    return Marked(marked.view, marked.base, reading, known, middle, top, marked.tried)


def _decode(
    marked: Marked, lattice: Lattice, reading: Reading, known: dict[str, np.ndarray], layer: str, size: int
) -> tuple[Decoded | None, Reading]:
    grid = marked.base.rows, marked.base.cols
    length = code_length(layer, *grid)
    layer_code = code(length, size)
    for prior in _PRIORS[:_ROUNDS]:
        reading = _measured(reading, known, prior)
        soft = lattice.layer_soft_bits(marked.view, reading, layer, grid)
        if _hopeless(soft, size):
            continue
        decoded = layer_code.decode(soft)
        if decoded.ok:
            return decoded, reading
    return None, reading


def _hopeless(soft: np.ndarray, size: int) -> bool:
    """Whether the soft bits claim less information than the code holds, with a tenth to spare for a wrong
    claim."""
    error = 1 / (1 + np.exp(np.minimum(np.abs(soft), 30).astype(np.float64)))
    claimed = (1 + error * np.log2(error) + (1 - error) * np.log2(1 - error)).sum()
    return bool(claimed < 0.9 * size)


def _measured(reading: Reading, known: dict[str, np.ndarray], prior: float = 0.1) -> Reading:
    altered = altered_probability(_evidence(reading, known), prior)
    bits = np.concatenate([known[name] for name in ("base", "middle", "top") if name in known], axis=2)
    return reading.with_known(bits, altered)


def _evidence(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    return sum(evidence(reading, place, known.get(name)) for name, place in LAYERS.items())


def _parsed(parse, *arguments):
    try:
        return parse(*arguments)
    except CodeError:
        return None
