"""Detection of a mark: from a received luma to a base layer with a valid checksum, then layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from underdrawing.carriers.lattice.equalize import Equalizer
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.lattice import Lattice, View, is_small
from underdrawing.carriers.lattice.local_alignment import refine_locally
from underdrawing.carriers.lattice.parameters import (
    LAYERS,
    STRENGTHS,
    EmbeddingLevel,
    default_strength_for_size,
    nearest_strength,
)
from underdrawing.carriers.lattice.soft_bits import (
    Reading,
    altered_probability,
    evidence,
    with_known_layers,
)
from underdrawing.coding import payload
from underdrawing.coding.ldpc import Code, Decoded, short_code
from underdrawing.core.errors import CodeError

BASE_CODE_BITS = 512
"""Length of the base layer's codeword."""

_BASE_ROUNDS = 15  # of belief propagation before ordered statistics; more decode hardly more
_LEAST_AGREEMENT = 3.0  # standard deviations by which the soft bits must favour the base codeword
_MOST_CLOSER = 4  # likely candidates for which more is tried, in a tenth of a second each at 512x512
_BLURS = (0.55, 0.85)  # px, assumed where the base layer does not decode, as after a median filter
_LEAST_BLURRED = 2.0  # score of a candidate that these are tried for
_LEAST_SCORE = 4.0  # of such a candidate of an unusual strength
_PRIORS = (0.1, 0.3, 0.03)  # share of altered blocks assumed in each round


@dataclass(frozen=True)
class Mark:
    """A detected mark: its view, base layer and decoded bits."""

    view: View
    base: payload.Base
    reading: Reading
    """Reading of the blocks in view, with altered blocks discounted and the channel estimated."""
    lattice: Lattice
    """The lattice of this picture's middle and top."""
    known: dict[str, np.ndarray] = field(default_factory=dict)
    """Layer name -> bits (r, c, frequencies) of the decoded codeword."""
    binds: np.ndarray | None = None
    """(r, c) bool, blocks that an outsider cannot have written; set by `binding`, None for a public mark."""
    tried: int = 1
    """Number of alignments decoded; each passes the 32-bit checksum by chance with 2^-32."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of blocks of the whole marked picture."""
        return self.base.rows, self.base.cols

    def numbers(self) -> dict[str, object]:
        """Alignment, equalizer and bound of false accepts, as verdicts print them."""
        alignment, equalizer = self.view.alignment, self.view.equalizer
        rows, cols = self.reading.altered.shape
        return {
            "scale": round(alignment.scaled[0] / alignment.height, 5),
            "offset_px": alignment.offset,
            "origin_blocks": alignment.origin,
            "angle_degrees": alignment.angle,
            "mirrored": alignment.mirrored,
            "upside_down": alignment.upside_down,
            "strength": alignment.level.strength,
            "lift": alignment.level.texture_gain,
            "grid_blocks": self.grid,
            "share_of_frame": round(rows * cols / (self.base.rows * self.base.cols), 4),
            "equalizer": {
                "blur_px": equalizer.blur,
                "gain": round(equalizer.gain, 3),
                "gamma": equalizer.gamma,
            },
            "false_accept_probability": self.tried * 2 * 2.0**-32,
        }

    def evidence(self) -> np.ndarray:
        """(r, c) log-likelihood ratio "untouched over altered" of each block, from all layers."""
        return evidence(self.reading, self.known)

    def with_layer(self, layer: str, codeword: np.ndarray, lattice: Lattice) -> Mark:
        """The mark with one more decoded codeword, and the channel estimated again."""
        known = self.known | {layer: codeword[lattice.layer_index(self.view, layer, self.grid)]}
        return replace(self, known=known, reading=_measured(self.reading, known))._settled()

    def _settled(self) -> Mark:
        view = self.lattice.settle(self.view, self.reading, self.known)
        if view is self.view:
            return self
        return replace(self, view=view, reading=_measured(view.reading, self.known))

    def binding(self) -> Mark:
        """The mark with the evidence alone that an outsider cannot imitate; a public mark itself."""
        view, binds = self.lattice.binding(self.view, self.reading, self.known)
        reading = replace(self.reading, evidence_weight=view.reading.evidence_weight)
        return replace(self, view=view, reading=reading, binds=binds)


def detect_mark(
    received: np.ndarray, lattice: Lattice, moved: bool = True, thorough: bool = False
) -> Mark | None:
    """Detect the mark of a received luma (H, W) float32 and decode its base layer; None without a mark.

    moved: whether to search resized, cropped, mirrored, rotated and stretched pictures too: seconds where
    there is no mark. thorough: whether to search for combinations of these too: most of a minute.
    """
    tried, closer = 0, 0
    for alignment in lattice.alignments(received, moved, thorough):
        is_likely = closer < _MOST_CLOSER and _is_likely(alignment)
        for view in _views(lattice, received, alignment, is_likely):
            tried += 1
            mark = _decoded(lattice, received, view, tried)
            if mark is not None:
                return mark
        closer += is_likely
    return None


def detect_unchanged(
    received: np.ndarray, lattice: Lattice, strengths: Sequence[float] = STRENGTHS
) -> Mark | None:
    """As `detect_mark`, for a whole picture at its own size and upright only, compressed or edited or not:
    some 30 ms at 512x512 where there is no mark; less with fewer strengths to try."""
    numbered = enumerate(lattice.unchanged(received, strengths), 1)
    views = ((tried, lattice.view(received, alignment)) for tried, alignment in numbered)
    found = (_decoded(lattice, received, view, tried) for tried, view in views)
    return next((mark for mark in found if mark is not None), None)


def detect_whole(received: np.ndarray, lattice: Lattice) -> Mark | None:
    """What `detect_mark` finds in a whole picture at its own size and upright; the usual strength is tried
    first."""
    usual = nearest_strength(default_strength_for_size(max(received.shape)))
    found = detect_unchanged(received, lattice, (usual,))
    strength = None if found is None else found.view.alignment.level.strength
    if found is not None and strength == usual and found.view.equalizer == Equalizer():
        return found  # else another strength may agree better
    return detect_unchanged(received, lattice) or detect_mark(received, lattice, moved=False)


def _views(lattice: Lattice, received: np.ndarray, alignment: Alignment, is_likely: bool) -> Iterator[View]:
    """Views at one candidate; of a likely one also with an assumed blur, and with a local displacement."""
    yield lattice.view(received, alignment)
    if is_likely:
        if alignment.score > _LEAST_BLURRED:
            yield from (lattice.view(received, alignment, blur) for blur in _BLURS)
        refined = refine_locally(alignment, received, lattice.tables)
        if refined is not None:
            yield lattice.view(received, refined)


def _is_likely(alignment: Alignment) -> bool:
    """Whether an alignment whose base layer does not decode may be right but for a local displacement."""
    default_strength = default_strength_for_size(max(alignment.height, alignment.width))
    usual = alignment.level.strength == nearest_strength(default_strength)
    return usual or alignment.score > _LEAST_SCORE


def _decoded(lattice: Lattice, received: np.ndarray, view: View, tried: int) -> Mark | None:
    """The mark of a received luma in this view; None where the base layer does not decode."""
    base_code = short_code(lattice.base_bits, payload.BASE_BITS)
    for llr in _base_attempts(lattice, view, lattice.base_soft_bits(view)):
        decoded = base_code.decode(llr, iterations=_BASE_ROUNDS)
        base = _checked_base(decoded, llr)
        if base is not None:
            lattice = lattice.of_picture(base.identity, (base.rows, base.cols))
            level = view.alignment.level._replace(split=base.split)
            view = replace(view, alignment=view.alignment.moved(level=level))
            placed = lattice.place_view(view, received, (base.rows, base.cols))
            return _with_base(lattice, placed, base, decoded, tried)
    return None


def _base_attempts(lattice: Lattice, view: View, soft: np.ndarray) -> Iterator[np.ndarray]:
    """Soft bits to decode: all blocks, then without altered blocks, then for the base of a small grid."""
    yield soft
    blind = altered_probability(evidence(view.reading, {}))
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


def _with_base(lattice: Lattice, view: View, base: payload.Base, decoded: Decoded, tried: int) -> Mark:
    small = is_small(base.rows, base.cols)
    spread = decoded.codeword[lattice.base_index(view, small)]
    names = ("base", "middle") if small else ("base",)
    known = {name: spread[..., LAYERS[name]] for name in names}
    bits = spread[..., : LAYERS[names[-1]].stop]
    altered = altered_probability(evidence(view.reading, known))
    reading = view.reading.with_known(bits, altered)
    altered = altered_probability(evidence(reading, known))
    return Mark(view, base, reading.with_known(bits, altered), lattice, known, tried=tried)._settled()


def base_is_readable(lattice: Lattice, marked: np.ndarray, base: np.ndarray, level: EmbeddingLevel) -> bool:
    """Whether these bits of the base layer are decodable from a marked luma plane (8 r, 8 c)."""
    soft = lattice.reread_base(marked, level)
    return np.array_equal(short_code(lattice.base_bits, payload.BASE_BITS).decode(soft).bits, base)


def decode_layer(mark: Mark, lattice: Lattice, layer: str, layer_code: Code) -> tuple[Decoded | None, Mark]:
    """Decode one layer in rounds, each with another prior of altered blocks, which are erased.

    Returns the decoded word, None where every round fails, and the mark with the last channel estimate.
    """
    for prior in _PRIORS:
        mark = replace(mark, reading=_measured(mark.reading, mark.known, prior))
        soft = lattice.layer_soft_bits(mark.view, mark.reading, layer, mark.grid)
        if _lacks_information(soft, layer_code.k):
            continue
        decoded = layer_code.decode(soft)
        if decoded.ok:
            return decoded, mark
    return None, mark


def _lacks_information(soft: np.ndarray, size: int) -> bool:
    """Whether the information of the soft bits is below .9 of the `size` bits of the code."""
    error = 1 / (1 + np.exp(np.minimum(np.abs(soft), 30).astype(np.float64)))
    claimed = (1 + error * np.log2(error) + (1 - error) * np.log2(1 - error)).sum()
    return bool(claimed < 0.9 * size)


def _measured(reading: Reading, known: dict[str, np.ndarray], prior: float = 0.1) -> Reading:
    return with_known_layers(reading, known, altered_probability(evidence(reading, known), prior))
