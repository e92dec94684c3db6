"""The dithered lattice of one key: codewords to residual, received picture to views and soft bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product

import numpy as np

from underdrawing.carriers.lattice import sync
from underdrawing.carriers.lattice.activity import activity
from underdrawing.carriers.lattice.alignment_score import score_alignment
from underdrawing.carriers.lattice.capacity import (
    MarkedPlane,
    bits_after_jpeg,
    bits_after_resize,
    coarser_quality,
)
from underdrawing.carriers.lattice.embed import change, code_index, code_length, symbols
from underdrawing.carriers.lattice.equalize import BLURS, Equalizer, assumed_equalizer, estimate_equalizer
from underdrawing.carriers.lattice.grid import Alignment, grid_size
from underdrawing.carriers.lattice.parameters import (
    FREQUENCIES,
    LAYERS,
    MADE_FOR,
    MAX_BLOCKS,
    PARTS,
    PLACES,
    SMALL_BLOCKS,
    STEPS,
    STRENGTHS,
    EmbeddingLevel,
    key_tables,
)
from underdrawing.carriers.lattice.quantizer import estimate_quantizer
from underdrawing.carriers.lattice.soft_bits import (
    PRIOR_ALTERED,
    Reading,
    evidence,
    gather,
    read_soft_bits,
    soft_bits,
)
from underdrawing.coding.keystream import PUBLIC_SECRET
from underdrawing.ops.dct import analyse, synthesise

LEAST_VIEW_PX = 48
"""Shortest side of a received picture for synchronization."""
_SAME_CONTRAST = 0.05
"""Deviation of the gain from 1 above which the contrast was changed or the strength is above 1."""


@dataclass(frozen=True)
class View:
    """A received picture on the grid: equalized luma of the blocks in view, and their soft-bit reading."""

    alignment: Alignment
    equalizer: Equalizer
    plane: np.ndarray
    """(8 r, 8 c) float32 luma of the blocks in view, equalized."""
    reading: Reading


def _agreement_of_layers(view: View) -> float:
    """Log-likelihood ratio of the view's level over no mark, from middle and top, in nats over all blocks.

    Altered blocks lower it equally for every level.
    """
    total = evidence(view.reading, {}, slice(LAYERS["middle"].start, None))
    return float(np.logaddexp(np.log1p(-PRIOR_ALTERED) + total, np.log(PRIOR_ALTERED)).sum())


def _within(alignment: Alignment, origin: tuple[int, int]) -> Alignment:
    """The alignment with this origin; blocks before the first one of the grid are cut off."""
    offset = tuple(at + 8.0 * max(0, -first) for at, first in zip(alignment.offset, origin, strict=True))
    return alignment.moved(offset=offset, origin=tuple(max(0, first) for first in origin))


def is_small(rows: int, cols: int) -> bool:
    """Whether the base layer of this grid uses the middle layer's coefficients too."""
    return rows * cols < SMALL_BLOCKS


class Lattice:
    """The lattice of one key; `base_bits` is the length of the base layer's codeword."""

    equalized_by = LAYERS["middle"].stop
    """Number of the first frequencies, of known dither, by which contrast and blur are estimated."""

    def __init__(self, secret: bytes | None = None, base_bits: int = 512):
        self.secret = secret or PUBLIC_SECRET
        self.base_bits = base_bits
        self.tables = key_tables(self.secret, base_bits)

    def of_picture(self, identity: bytes, grid: tuple[int, int]) -> Lattice:
        """The lattice of middle and top of the picture of this identity; here the same one."""
        return self

    def dither(self, plane: np.ndarray, origin: tuple[int, int] = (0, 0)) -> np.ndarray:
        """(r, c, n) dither of the blocks of an aligned luma plane (8 r, 8 c) from block `origin` on."""
        (i, j), (rows, cols) = origin, (plane.shape[0] // 8, plane.shape[1] // 8)
        return self.tables.dither[i : i + rows, j : j + cols]

    # protect

    def embed(
        self, plane: np.ndarray, base: np.ndarray, layers: dict[str, np.ndarray], level: EmbeddingLevel
    ) -> np.ndarray:
        """Residual (8 r, 8 c) float32 that embeds the codewords of the base and of the given layers."""
        rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
        bits = symbols(base, layers, (rows, cols), self.secret, self.tables)
        coefficients = analyse(plane, FREQUENCIES)
        moves = change(coefficients, bits, self.dither(plane), level)
        return synthesise(moves * self.in_use(plane, layers, level), FREQUENCIES)

    def in_use(self, plane: np.ndarray, layers: dict[str, np.ndarray], level: EmbeddingLevel) -> np.ndarray:
        """(r, c, n) bool: the coefficients that embedding changes."""
        rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
        used = self.tables.rank[:rows, :cols] < level.density(activity(plane))
        for name in level.layers:
            if name not in layers and not (name == "middle" and is_small(rows, cols)):
                used[..., PLACES[name]] = False
        return used

    def capacity(
        self, plane: np.ndarray, level: EmbeddingLevel, ease: float = 1.0, qualities: Sequence[int] = (50, 90)
    ) -> dict[str, dict[int, float]]:
        """The sums over all blocks of capacity_by_block."""
        by_block = self.capacity_by_block(plane, level, ease, qualities)
        return {name: {q: float(m.sum()) for q, m in maps.items()} for name, maps in by_block.items()}

    def capacity_by_block(
        self, plane: np.ndarray, level: EmbeddingLevel, ease: float = 1.0, qualities: Sequence[int] = (50, 90)
    ) -> dict[str, dict[int, np.ndarray]]:
        """Bits (r, c) of middle and top after JPEGs of these qualities, by layer and quality.

        The top layer in parts is measured by capacity_of_parts.
        Key 100: coefficients in use. Key 0: bits of the middle after a resize by .7. Key 90 at strengths
        above 1: a JPEG whose quantizer grows with the steps.

        ease: quantizer on the grid over that on the picture; below 1 where a grid pixel covers several.
        """
        marked = self._marked(plane, level)
        texture = activity(plane)
        result = {name: {100: marked.used[..., LAYERS[name]].sum(2)} for name in LAYERS}
        middle = LAYERS["middle"]
        larger = max(1.0, level.steps[middle.start] / STEPS[middle.start])
        result["middle"][0] = bits_after_resize(marked.used[..., middle], texture / larger)
        for quality in qualities:
            reach = max(1.0, level.steps[-1] / STEPS[-1]) if quality == 90 else 1.0
            worst = round(100 - (100 - quality) * reach * ease)
            layers = ("middle",) if level.split else ("middle", "top")
            carried = bits_after_jpeg(marked, worst, level, ease == 1, layers)
            for name, bits in carried.items():
                result[name][quality] = bits
        return result

    def capacity_of_parts(
        self, plane: np.ndarray, level: EmbeddingLevel, ease: float = 1.0
    ) -> dict[str, float]:
        """Bits of each of PARTS after the JPEG that it is made for, whose quantizer grows with its steps at
        strengths above 1. level: a split one. See capacity_by_block."""
        marked, result = self._marked(plane, level), {}
        unit = level._replace(strength=1.0).steps
        for name, place in PARTS.items():
            reach = max(1.0, float(level.steps[place.start] / unit[place.start]))
            worst = coarser_quality(MADE_FOR[name], reach * ease)
            carried = bits_after_jpeg(marked, worst, level, ease == 1, (name,))
            result[name] = float(carried[name].sum())
        return result

    def _marked(self, plane: np.ndarray, level: EmbeddingLevel) -> MarkedPlane:
        """The plane with arbitrary bits in every layer."""
        rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
        dither, rank = self.dither(plane), self.tables.rank[:rows, :cols]
        bits = (dither * 4096).astype(np.uint8) & 1
        moves = change(analyse(plane, FREQUENCIES), bits, dither, level)
        used = rank < level.density(activity(plane))
        return MarkedPlane(plane + synthesise(moves * used, FREQUENCIES), bits, dither, rank, used)

    def reread_base(self, marked: np.ndarray, level: EmbeddingLevel) -> np.ndarray:
        """Soft bits of the base codeword in a marked luma plane (8 r, 8 c) at the origin of the grid."""
        rows, cols = marked.shape[0] // 8, marked.shape[1] // 8
        alignment = Alignment(*marked.shape, marked.shape, level=level)
        reading = read_soft_bits(marked, self.dither(marked), self.tables.rank[:rows, :cols], level)
        return self.base_soft_bits(View(alignment, Equalizer(), marked, reading), is_small(rows, cols))

    # verify

    def alignments(
        self, received: np.ndarray, moved: bool = True, thorough: bool = False
    ) -> Iterable[Alignment]:
        """Candidate alignments of a received luma (H, W) float32, the most probable first; computed lazily.

        moved: whether to search resized, cropped, mirrored, rotated and stretched pictures too.
        thorough: whether to search for combinations of these too; see parts.
        """
        if min(grid_size(*received.shape)) < LEAST_VIEW_PX:
            return ()
        parts = partial(sync.candidates, thorough=thorough)
        searches = (sync.intact, sync.resized, parts) if moved else (sync.intact,)
        return chain.from_iterable(search(received, self.tables) for search in searches)

    def unchanged(self, received: np.ndarray, strengths: Sequence[float] = STRENGTHS) -> Iterable[Alignment]:
        """As `alignments`, of a whole picture at its own size and upright only, at these strengths; fast."""
        if min(grid_size(*received.shape)) < LEAST_VIEW_PX:
            return ()
        return sync.unchanged(received, self.tables, strengths)

    def view(self, received: np.ndarray, alignment: Alignment, blur: float | None = None) -> View:
        """Equalize and read the blocks in view; enough for the base layer, whose dither is tiled.

        blur: px, assumed instead of the estimated one, where too little agrees for an estimate.
        """
        return self._view(received, alignment, None, blurs=None if blur is None else (blur,))

    def place_view(self, view: View, received: np.ndarray, grid: tuple[int, int]) -> View:
        """Determine the absolute origin of a view on a grid of (rows, cols) blocks, and read it again.

        The origin is known modulo the tile; the untiled coefficients determine the tile.
        """
        rows, columns = (
            self._starts(first, have, whole)
            for first, have, whole in zip(view.alignment.origin, view.alignment.blocks, grid, strict=True)
        )
        options = list(product(rows, columns))
        if len(options) > 1:
            options.sort(key=lambda origin: -self._agreement(view, origin))
        alignment = _within(view.alignment, options[0] if options else view.alignment.origin)
        strong = alignment.level.strength > 1 or (
            alignment.level.strength == 1 and abs(view.equalizer.gain - 1) > _SAME_CONTRAST
        )
        if not strong:
            return self._view(received, alignment, view.equalizer, grid)
        # The tiled coefficients hardly separate strengths above 1, or strength 1 with a changed contrast.
        candidates = (alignment.level._replace(strength=s) for s in STRENGTHS if s >= 1)
        views = (self._view(received, alignment.moved(level=level), None, grid) for level in candidates)
        return max(views, key=_agreement_of_layers)

    def _starts(self, first: int, have: int, whole: int) -> range:
        """Origins on a grid of `whole` blocks of a view of `have` blocks, along one axis.

        Negative ones where the view does not fit otherwise: the picture has a frame.
        """
        period = self.tables.period
        before = -period * ((first + have - 1) // period) if first + have > whole else 0
        return range(first + before, min(whole, max(whole - have, 0) + period), period)

    def _agreement(self, view: View, origin: tuple[int, int]) -> float:
        """Agreement of the untiled coefficients with the lattice for this origin of the view.

        A coding error above half a step makes the mean of cos 2 theta negative at the correct origin, so only
        frequencies with a positive mean count.
        """
        top, left = (max(0, -at) for at in origin)
        origin = max(0, origin[0]), max(0, origin[1])
        rows, cols = (
            min(view.alignment.blocks[0] - top, MAX_BLOCKS - origin[0]),
            min(view.alignment.blocks[1] - left, MAX_BLOCKS - origin[1]),
        )
        place = slice(self.tables.searched, None)
        ratio = (
            analyse(view.plane[8 * top : 8 * (top + rows), 8 * left : 8 * (left + cols)], FREQUENCIES[place])
            / view.alignment.level.steps[place]
        )
        dither = self.tables.dither[origin[0] : origin[0] + rows, origin[1] : origin[1] + cols, place]
        return float(np.cos(4 * np.pi * (ratio - dither)).mean((0, 1)).clip(0).sum())

    def _view(
        self,
        received: np.ndarray,
        alignment: Alignment,
        equalizer: Equalizer | None,
        grid: tuple[int, int] = (MAX_BLOCKS, MAX_BLOCKS),
        blurs: tuple[float, ...] | None = None,
    ) -> View:
        i, j = alignment.origin
        plane = alignment.sample(received)
        rows, cols = (
            min(have, limit - at) for have, limit, at in zip(alignment.blocks, grid, (i, j), strict=True)
        )
        plane = np.ascontiguousarray(plane[: 8 * rows, : 8 * cols])
        here = slice(i, i + rows), slice(j, j + cols)
        dither, rank = self.dither(plane, (i, j)), self.tables.rank[here]
        quantizer = estimate_quantizer(analyse(plane, FREQUENCIES)) if alignment.is_direct else None
        if equalizer is None:
            # the loss by a JPEG on the same grid would be mistaken for a blur
            tuned = slice(self.equalized_by)
            usual = BLURS if quantizer is None or not quantizer.any() else (0.0,)
            estimate = estimate_equalizer if blurs is None else assumed_equalizer
            equalizer = estimate(plane, dither[..., tuned], rank[..., tuned], alignment.level, blurs or usual)
        corrected = equalizer.apply(plane)
        alignment = self.with_gain(alignment, corrected, corrected is not plane)
        if quantizer is not None:
            quantizer = quantizer / equalizer.gain
        reading = read_soft_bits(
            corrected, self.dither(corrected, (i, j)), rank, alignment.level, plane, quantizer
        )
        return View(alignment, equalizer, corrected, reading)

    def with_gain(self, alignment: Alignment, plane: np.ndarray, changed: bool) -> Alignment:
        """The alignment with the texture gain measured in its equalized plane, where that `changed` it."""
        if not changed:
            return alignment
        scored = score_alignment(alignment, plane, self.tables, alignment.level.strength)
        return alignment.moved(level=scored.level)

    def settle(self, view: View, reading: Reading, known: dict[str, np.ndarray]) -> View:
        """The view read again where the dither depends on the content, which `known` layers confirm."""
        return view

    def binding(
        self, view: View, reading: Reading, known: dict[str, np.ndarray]
    ) -> tuple[View, np.ndarray | None]:
        """The view reduced to evidence that an outsider cannot imitate, and the blocks (r, c) that it covers;
        the view itself and None in public mode, where anybody can."""
        return view, None

    def base_index(self, view: View, small: bool = False) -> np.ndarray:
        """(r, c, 2) int64: coded bits of the base layer that each block in view carries; 6 where `small`."""
        rows, cols = view.reading.cosine.shape[:2]
        i = (view.alignment.origin[0] + np.arange(rows)) % self.tables.period
        j = (view.alignment.origin[1] + np.arange(cols)) % self.tables.period
        place = slice(0, LAYERS["middle"].stop if small else LAYERS["base"].stop)
        return self.tables.base_index[i[:, None], j[None], place]

    def base_soft_bits(self, view: View, small: bool = False) -> np.ndarray:
        """Soft bits of the base codeword, (base_bits,) float32, positive for 0; `small`: on a small grid."""
        reading = view.reading
        place = slice(0, LAYERS["middle"].stop if small else LAYERS["base"].stop)
        llr = soft_bits(reading, place)
        if small:  # the channel is not measured yet: the middle is weighted by its step
            scale = (STEPS[place] / STEPS[0]) ** 2 * reading.kappa[..., :1] * reading.in_use[..., place]
            measured = (reading.kappa[..., place] > 0) | (reading.box[place, 0] > 0)
            llr = np.where(measured, llr, scale * reading.cosine[..., place])
        return gather(llr, self.base_index(view, small), self.base_bits)

    def layer_index(self, view: View, layer: str, grid: tuple[int, int]) -> np.ndarray:
        """(r, c, frequencies) int64: coded bit of each coefficient, for a view from `place_view`."""
        rows, cols = view.reading.cosine.shape[:2]
        i, j = view.alignment.origin
        return code_index(layer, *grid, self.secret)[i : i + rows, j : j + cols]

    def layer_soft_bits(self, view: View, reading: Reading, layer: str, grid: tuple[int, int]) -> np.ndarray:
        """Soft bits of a layer's codeword from a reading of the same blocks, positive for 0."""
        return gather(
            soft_bits(reading, PLACES[layer]), self.layer_index(view, layer, grid), code_length(layer, *grid)
        )
