"""Placing: a record's registered original beside a received picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from underdrawing.core.errors import RegistryError
from underdrawing.judging.reference_alignment import ReferenceAlignment, align
from underdrawing.registry.record import Entry
from underdrawing.registry.store import Registry

Found = Literal["aligned", "another picture", "undecided", "no rendition", "damaged rendition"]


@dataclass(frozen=True)
class Placement:
    """A record, its rendition, and the place of the received picture in it."""

    entry: Entry
    found: Found
    rendition: np.ndarray | None = None
    """(h, w, 3) uint8; None where none is kept."""
    alignment: ReferenceAlignment | None = None
    """None unless it is aligned."""


def place(registry: Registry, entry: Entry, received: np.ndarray) -> Placement:
    """Align a received picture (H, W, 3) uint8 with the rendition that is kept with a record."""
    kept = entry.record.rendition
    if kept is None:
        return Placement(entry, "no rendition")
    try:
        image = kept.image(registry.rendition(entry.number))
    except RegistryError:
        return Placement(entry, "damaged rendition")
    found, alignment = align(received, image)
    return Placement(entry, found, image, alignment)


def first_aligned(
    registry: Registry, entries: Iterable[Entry], received: np.ndarray
) -> tuple[Placement | None, list[Placement]]:
    """The first record that is aligned with a received picture, or None; and all that were tried."""
    tried: list[Placement] = []
    for entry in entries:
        tried.append(place(registry, entry, received))
        if tried[-1].found == "aligned":
            return tried[-1], tried
    return None, tried
