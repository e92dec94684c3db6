"""Conditions of the study and the photographs of each of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from underdrawing.attacks.adversary.edits import AREAS
from underdrawing.bench.harness.measures import plan
from underdrawing.bench.harness.photographs import Photo, PhotoSets
from underdrawing.bench.harness.record import Protocol
from underdrawing.bench.harness.run import Case
from underdrawing.bench.harness.subjects import Subject

_CACHED = 256  # photographs at one size


@dataclass(frozen=True)
class AdversaryProtocol(Protocol):
    """Conditions of `bench adversary`."""

    name: str = "adversary"
    sizes: tuple[int, ...] = (256, 512, 1024)
    small_size: int = 192
    """Transplants are tried at this size too: it holds little signed content."""
    areas: tuple[float, ...] = AREAS
    """Shares of the frame that rewritten edits cover."""
    after: tuple[str, ...] = ("none", "jpeg90", "jpeg70")
    """Channels of rewritten edits; other attacks go through the first and the last."""
    partners: int = 33
    """Photographs that each mark is transplanted into: 1,650 ordered pairs of 50 photographs."""
    benign_channels: int = 5
    """Of the suite that each untouched photograph goes through, in turn: fewer channels, more photographs."""
    known_pictures: int = 40
    """Pictures under one secret that the attacker of private mode has."""


@dataclass(frozen=True)
class Settings:
    """Options of the study; 0 keeps the protocol's value."""

    partners: int = 0
    """Photographs that each mark is transplanted into."""
    channels: int = 0
    """Benign channels of each untouched photograph; 25 are all."""

    def applied(self, protocol: AdversaryProtocol) -> AdversaryProtocol:
        """The protocol with these options."""
        partners = self.partners or protocol.partners
        return replace(protocol, partners=partners, benign_channels=self.channels or protocol.benign_channels)


@dataclass(frozen=True)
class PairCase(Case):
    """One photograph, and others that its mark is written into."""

    others: tuple[Photo, ...] = ()


Cases = Callable[[PhotoSets, Protocol, Subject], list[Case]]


def cases_at(size: int, names: tuple[str, ...] = ()) -> Cases:
    """The photographs of a part at one size: those of the quality sets, above 512 px the large ones."""
    return partial(_cases_at, size, names)


def _cases_at(
    size: int, names: tuple[str, ...], sets: PhotoSets, protocol: Protocol, subject: Subject
) -> list[Case]:
    names = names or (protocol.quality_sets if size <= 512 else (protocol.full_set,))
    return plan(sets, names, size, protocol.strength)


def pairs_at(size: int) -> Cases:
    """The same, each with `partners` other photographs, spread over the sets."""
    return partial(_pairs_at, size)


def _pairs_at(size: int, sets: PhotoSets, protocol: Protocol, subject: Subject) -> list[Case]:
    cases = _cases_at(size, (), sets, protocol, subject)
    photos = [case.photo for case in cases]
    count = min(len(photos) - 1, protocol.partners)
    steps = np.linspace(1, len(photos) - 1, count).round().astype(int) if count else []
    return [
        PairCase(**vars(case), others=tuple(photos[(case.index + step) % len(photos)] for step in steps))
        for case in cases
    ]


def square(photo: Photo, size: int) -> np.ndarray:
    """The photograph's centre square (size, size, 3) uint8; kept, as it serves many pairs."""
    return _square(photo.name, photo.path, photo.member, size)


@lru_cache(maxsize=_CACHED)
def _square(name: str, path: Path, member: str | None, size: int) -> np.ndarray:
    image = Photo(name, path, member).square(size)[0]
    image.setflags(write=False)
    return image
