"""Fine-tuning against further embeddings by embedders at hand: the lattice, and patterns of others."""

from __future__ import annotations

from pathlib import Path

from underdrawing.carriers.again import Again
from underdrawing.carriers.lattice.carrier import LatticeCarrier
from underdrawing.train.ais import PatternAttacker, PixelAttacker, Resilience, add_resilience, start_from
from underdrawing.train.bits import BitsTraining


def fine_tune(training: BitsTraining, weights: Path | None, settings: Resilience) -> None:
    """Give a training the term of train.ais, and the start of trained weights where their file is there.

    WeightsError for a file of another network; None for the network as it is.
    """
    if weights is not None:
        start_from(training.network, weights)
    add_resilience(training, settings, (PixelAttacker(Again(LatticeCarrier("jpeg70"))), PatternAttacker()))
