"""From a received photograph back to its record: by the identity that was read, or by what it shows.

Verdict --> identity in the registry? --> its records
    \\                                     else, or where the mark was copied from another picture:
     `--> views: recovered without what is filled in, content of the hidden code --> nearest records
                 nothing sure? the same views mirrored and as parts of a larger picture
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from underdrawing.core.types import FILLED, Credentials, Verdict
from underdrawing.registry.embedding import embed, placements
from underdrawing.registry.record import Entry, Record
from underdrawing.registry.store import Registry
from underdrawing.registry.vectors import Neighbour, best_of

SURE = 16.0
"""Evidence from which a record counts as found by what it shows. docs/REGISTRY.md has the measurement."""


@dataclass(frozen=True)
class Match:
    """A record that a received photograph leads to."""

    entry: Entry
    by: Literal["identity", "embedding"]
    score: float
    """1 by identity; otherwise the cosine between what both show, at most 1."""
    sure: bool
    """By embedding: whether chance is ruled out, as measured. By identity: always."""
    credentials: Credentials | None = None
    """What is kept of the record's Content Credentials, checked; state "none" where nothing is. None where
    nobody looked: the record has no identity, or there is no folder of manifests."""
    manifest: str | None = None
    """The file that they were written to."""

    @property
    def record(self) -> Record:
        """What the registry keeps of the photograph."""
        return self.entry.record

    def to_json(self) -> dict[str, Any]:
        """The object in `retrieve --json`: the record without its code, which is for machines."""
        found = self.entry.to_json()
        found.pop("code")
        told = None if self.credentials is None else self.credentials.to_json()
        kept = {"credentials": told, "manifest": self.manifest}
        return {"by": self.by, "score": round(self.score, 4), "sure": self.sure} | found | kept


def matches(registry: Registry, received: np.ndarray, verdict: Verdict, limit: int) -> list[Match]:
    """The records of a received picture (H, W, 3) uint8, the best first.

    Records of the identity stand alone, the latest first, unless the signed content is that of another
    picture: then the mark was copied, and what the received picture shows is looked for as well.
    """
    found = []
    if verdict.identity is not None:
        found = [Match(entry, "identity", 1.0, True) for entry in registry.by_identity(verdict.identity)]
        if found and verdict.content_matches is not False:
            return found[:limit]
    known = {match.entry.number for match in found}
    neighbours = nearest(registry, received, verdict, limit + len(known))
    scores = {neighbour.number: neighbour for neighbour in neighbours if neighbour.number not in known}
    for entry in registry.get(scores):
        neighbour = scores[entry.number]
        found.append(Match(entry, "embedding", neighbour.score, neighbour.evidence >= SURE))
    return found[:limit]


def nearest(registry: Registry, received: np.ndarray, verdict: Verdict, limit: int) -> list[Neighbour]:
    """The records that show most nearly what a received picture showed before it was altered."""
    seen = list(_seen(received, verdict))
    found = registry.nearest([embed(image, untrusted) for image, untrusted in seen], limit)
    if found and found[0].evidence < SURE:
        parts = [view for image, untrusted in seen for view in placements(image, untrusted)]
        found = best_of([*found, *registry.nearest(parts, limit)], limit)
    return found


def _seen(received: np.ndarray, verdict: Verdict) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Pictures to look for, each with what in it is not to be trusted."""
    if verdict.recovered is None or verdict.content_matches is False:
        yield received, None
        return
    untrusted = None if verdict.source_map is None else verdict.source_map == FILLED
    yield verdict.recovered, untrusted
    if verdict.content is not None:
        yield verdict.content, None
