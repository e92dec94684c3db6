"""Interfaces of the learned parts of the photo system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from underdrawing.carriers.lattice.lattice import View
from underdrawing.judging.witness.witness import Finding, SignedContent


class SketchCodec(Protocol):
    """Codec of the content."""

    def encode(
        self, image: np.ndarray, budgets_bits: Sequence[int], importance: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """(H, W, 3) uint8 -> one bit array a layer, each within its budget; a layer refines those before
        it. importance: (h, w), of the places of the picture; None where all are equal."""

    def decode(self, layers: Sequence[np.ndarray | None], height: int, width: int) -> np.ndarray:
        """(height, width, 3) uint8 picture from the decoded layers; CodeError on invalid bits."""

    def density(self, first: np.ndarray, rows: int, cols: int) -> np.ndarray:
        """(rows, cols) float32 of a picture cut into so many parts: how well the code with this first layer
        describes each, 1 as an even code of as many bits."""


class BlockLocator(Protocol):
    """Localization."""

    def locate(self, view: View, known: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
        """Probability (8 r, 8 c) float32 that a pixel was altered, from a view and the known bits."""


class Fuser(Protocol):
    """Recovery."""

    def recover(
        self, image: np.ndarray, probability: np.ndarray, sketch: np.ndarray, density: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(8 r, 8 c, 3) uint8 recovered picture and (8 r, 8 c) float32 confidence; density: (r, c) bits of
        the code in each block."""


class ContentWitness(Protocol):
    """Comparison with the signed content."""

    def hash(self, image: np.ndarray) -> np.ndarray:
        """(K, r, c) uint8 bits for each cell of 32 px of a picture (8 rows, 8 cols, 3) uint8."""

    def compare(self, image: np.ndarray, origin: tuple[int, int], signed: SignedContent) -> Finding:
        """Compare a view (8 r, 8 c, 3) uint8, whose first block is `origin`, with signed content."""


class Parts(NamedTuple):
    """The learned parts."""

    sketch: SketchCodec
    witness: ContentWitness
    locator: BlockLocator
    fuser: Fuser
    natural: Fuser | None = None
    """Draws what was altered in place of `fuser`, with detail that the code does not hold."""
