"""Private mode: a lattice that an outsider cannot find, learn from other pictures, or keep through an edit.

    secret --> base layer: searched, carries the identity
    HKDF(secret, identity) --> dither, ranks and order of middle and top, of this picture alone
    every second frequency of middle and top: dither by content (content_dither.py)

The base layer is the same for all pictures of a secret, so whoever has many of them can learn it; its
agreement is no evidence. The frequencies by position show which blocks were exchanged, to 8 px. Somebody may
have made the new coefficients congruent, modulo half a step, to those that stood there; then those by content
disagree in the whole cell, and the cell counts as altered. Where those by position show altered blocks in a
cell, its states are not those of embedding, and those by content say nothing about its other blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from underdrawing.carriers.lattice.activity import activity, activity_before
from underdrawing.carriers.lattice.content_dither import (
    CELL,
    ContentDither,
    likely_states,
    nominal_states,
    to_blocks,
    to_cells,
)
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.lattice import Lattice, View, is_small
from underdrawing.carriers.lattice.parameters import (
    FREQUENCIES,
    LAYERS,
    MAX_BLOCKS,
    STEPS,
    TEXTURE_GAINS,
    EmbeddingLevel,
    picture_tables,
    private_tables,
)
from underdrawing.carriers.lattice.soft_bits import (
    PRIOR_ALTERED,
    Reading,
    altered_probability,
    clipped_share,
    evidence,
    probability_in_use,
)
from underdrawing.coding.keystream import picture_key
from underdrawing.ops.dct import analyse

_TUNED = slice(LAYERS["base"].stop, LAYERS["middle"].stop)
_BY_PICTURE = slice(LAYERS["middle"].start, None)
_DISAGREES = -4.0  # nats over a cell, from which its states are not those of embedding
_VOUCHES = 3.0  # nats over a cell, from which its states are those of embedding
_ALTERED_BLOCKS = 3  # of a cell, that explain why


class PrivateLattice(Lattice):
    """The lattice of a secret: its base layer alone can be searched and read; see `of_picture`."""

    equalized_by = LAYERS["base"].stop

    def __init__(self, secret: bytes, base_bits: int = 512):
        self.secret = secret
        self.base_bits = base_bits
        self.tables = private_tables(secret, base_bits)

    def alignments(
        self, received: np.ndarray, moved: bool = True, thorough: bool = False
    ) -> Iterable[Alignment]:
        """See Lattice.alignments. A part of the picture beyond the grid, as a frame round it, is left out."""
        return map(_on_grid, super().alignments(received, moved, thorough))

    def of_picture(self, identity: bytes, grid: tuple[int, int]) -> PictureLattice:
        """The lattice of the picture of this identity, on a grid of (rows, cols) blocks."""
        return PictureLattice(self, identity, grid)


class PictureLattice(Lattice):
    """The lattice of one picture in private mode."""

    def __init__(self, private: PrivateLattice, identity: bytes, grid: tuple[int, int]):
        self.secret = picture_key(private.secret, identity)
        self.base_bits = private.base_bits
        self.grid = grid
        first = LAYERS["middle" if is_small(*grid) else "base"].stop
        self.tables = picture_tables(private.tables, self.secret, first)
        self._content = ContentDither(self.secret)
        frequency = np.arange(len(FREQUENCIES))
        self._by_content = (frequency >= first) & (frequency % 2 == 0)
        self._by_position = (frequency >= first) & (frequency % 2 == 1)

    def place_view(self, view: View, received: np.ndarray, grid: tuple[int, int]) -> View:
        """See Lattice.place_view; the equalizer is estimated again, with the middle layer."""
        return super().place_view(self._view(received, view.alignment, None, grid), received, grid)

    def dither(
        self, plane: np.ndarray, origin: tuple[int, int] = (0, 0), states: np.ndarray | None = None
    ) -> np.ndarray:
        """See Lattice.dither. states: (R, C, PATTERNS) of the cells; by default those of the plane."""
        by_position = super().dither(plane, origin)
        cells = self._content.cells(plane, origin, self.grid)
        states = nominal_states(cells.projections) if states is None else states
        dither = self._content.of(cells, states)
        by_content = to_blocks(dither.reshape(-1, *dither.shape[2:]), by_position.shape[:2], origin)
        return np.where(self._by_content, by_content, by_position)

    def with_gain(self, alignment: Alignment, plane: np.ndarray, changed: bool) -> Alignment:
        """The alignment with the texture gain under which the middle layer agrees best: the base cannot show
        it."""
        rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
        i, j = alignment.origin
        dither = self.dither(plane, alignment.origin)[..., _TUNED]
        rank = self.tables.rank[i : i + rows, j : j + cols, _TUNED]
        texture, strength = activity(plane), alignment.level.strength
        steps = EmbeddingLevel(strength).steps[_TUNED]
        agreement = np.cos(4 * np.pi * (analyse(plane, FREQUENCIES[_TUNED]) / steps - dither))

        def score(level: EmbeddingLevel) -> float:
            weight = (rank < level.density(texture)[..., _TUNED]) * (STEPS[_TUNED] / STEPS[_TUNED][0]) ** 2
            return float((agreement * weight).sum() / np.sqrt((weight**2).sum() / 2 + 1))

        levels = [alignment.level._replace(texture_gain=gain) for gain in TEXTURE_GAINS]
        return alignment.moved(level=max(levels, key=score))

    def settle(self, view: View, reading: Reading, known: dict[str, np.ndarray]) -> View:
        """The view read again in the states that the coefficients by content confirm.

        reading: of the same blocks, with the channel estimated. known: bits of the decoded layers.
        """
        states, _ = self._chosen(view, reading, known)
        dither = self.dither(view.plane, view.alignment.origin, states)
        theta = (2 * np.pi) * (analyse(view.plane, FREQUENCIES) / view.alignment.level.steps - dither)
        again = replace(view.reading, cosine=np.cos(theta).astype(np.float32))
        level, in_use = self._fitted(view, replace(reading, cosine=again.cosine), known)
        again = replace(again, in_use=in_use).with_altered(view.reading.altered)
        return replace(view, alignment=view.alignment.moved(level=level), reading=again)

    def _fitted(
        self, view: View, reading: Reading, known: dict[str, np.ndarray]
    ) -> tuple[EmbeddingLevel, np.ndarray]:
        """The level with the most likely texture gain, by the middle layer, and (r, c, n) use under it."""
        rows, cols = reading.altered.shape
        i, j = view.alignment.origin
        rank = self.tables.rank[i : i + rows, j : j + cols]
        texture, clipped = activity_before(view.plane, view.alignment.level), clipped_share(view.plane)
        fits = []
        for gain in TEXTURE_GAINS:
            level = view.alignment.level._replace(texture_gain=gain)
            use = probability_in_use(texture, rank, level, clipped)
            found = evidence(replace(reading, in_use=use), known, LAYERS["middle"])
            total = np.logaddexp(np.log1p(-PRIOR_ALTERED) + found, np.log(PRIOR_ALTERED)).sum()
            fits.append((float(total), level, use))
        return max(fits, key=lambda fit: fit[0])[1:]

    def binding(self, view: View, reading: Reading, known: dict[str, np.ndarray]) -> tuple[View, np.ndarray]:
        """See Lattice.binding and the module; for a settled view."""
        _, scores = self._chosen(view, reading, known)
        shape, origin = reading.altered.shape, view.alignment.origin
        altered = to_cells(self._altered(reading, known) > 0.5, origin).sum(1)
        complete = self._content.cells(view.plane, origin, self.grid).complete.ravel()
        disagrees = complete & (scores < _DISAGREES)
        explained = altered >= _ALTERED_BLOCKS

        def blocks(cells: np.ndarray) -> np.ndarray:
            return to_blocks(np.repeat(cells[:, None], CELL * CELL, 1), shape, origin)[..., None]

        is_base = ~(self._by_content | self._by_position)
        base = replace(reading, in_use=reading.in_use * is_base)
        contradicts = altered_probability(evidence(base, known, slice(0, _TUNED.stop))) > 0.5
        counts = (
            self._by_content & ~blocks((disagrees & explained) | ~complete)
            | self._by_position & ~blocks(disagrees & ~explained)
            | is_base & contradicts[..., None]
        )
        reading = replace(view.reading, evidence_weight=counts.astype(np.float32))
        return replace(view, reading=reading), blocks(complete & (scores > _VOUCHES))[..., 0]

    def _altered(self, reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
        """(r, c) probability that a block was altered, from the coefficients by position."""
        by_position = replace(reading, in_use=reading.in_use * self._by_position)
        return altered_probability(evidence(by_position, known, _BY_PICTURE))

    def _chosen(
        self, view: View, reading: Reading, known: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Most probable states of the cells, (R, C, PATTERNS), and their log-likelihood ratio "untouched over
        altered" (R * C,), blocks discounted that the coefficients by position show to be altered."""
        origin = view.alignment.origin
        cells = self._content.cells(view.plane, origin, self.grid)
        candidates = likely_states(cells.projections.reshape(-1, cells.projections.shape[2]))
        unaltered = 1 - self._altered(reading, known)[..., None]
        ratio = analyse(view.plane, FREQUENCIES) / view.alignment.level.steps

        def spread(values: np.ndarray) -> np.ndarray:
            return to_cells(values, origin)[candidates.cell]

        dither = self._content.at(cells, candidates.cell, candidates.states)
        parts = Reading(
            np.cos(2 * np.pi * (spread(ratio) - dither)).astype(np.float32),
            spread(reading.in_use * unaltered * self._by_content),
            spread(reading.kappa),
            spread(reading.log_i0),
            spread(reading.altered),
            spread(reading.bins),
            reading.box,
            reading.steps,
            reading.left,
        )
        found = evidence(parts, {name: spread(bits) for name, bits in known.items()}, _BY_PICTURE).sum(1)
        found += candidates.log_prior
        count = cells.complete.size
        best = np.lexsort((found, candidates.cell))[
            np.searchsorted(candidates.cell, np.arange(count), "right") - 1
        ]
        states = candidates.states[best].reshape(*cells.complete.shape, -1)
        return states, np.logaddexp.reduceat(found, np.searchsorted(candidates.cell, np.arange(count)))


def _on_grid(alignment: Alignment) -> Alignment:
    """The alignment whose first block is on the grid: an origin near the end of the period is before it."""
    offset, origin = list(alignment.offset), list(alignment.origin)
    for axis, (start, have) in enumerate(zip(alignment.origin, alignment.blocks, strict=True)):
        if MAX_BLOCKS - start < have / 2:
            offset[axis] += 8 * (MAX_BLOCKS - start)
            origin[axis] = 0
    return alignment.moved(offset=tuple(offset), origin=tuple(origin))
