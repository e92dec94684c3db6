"""Retrieval: from a received picture to its records, by identity or by content embedding.

Verdict --> identity in the registry? --> its records
    \\                                     else, or where the mark was copied from another picture:
     `--> views: recovered without filled pixels, decoded content --> nearest records
                 none is sure? the same views mirrored and as crops of a larger picture
                 aligned with the rendition of its original? then that record is sure, and first
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from underdrawing.core.types import FILLED, NATURAL, Credentials, Verdict
from underdrawing.registry.embedding import embed, placements
from underdrawing.registry.placing import place
from underdrawing.registry.record import Entry, Record
from underdrawing.registry.store import Registry
from underdrawing.registry.vectors import Neighbour, best_of

SURE = 16.0
"""Evidence from which a record found by embedding without a rendition is sure; see docs/REGISTRY.md."""
_ALIGNED = 4  # nearest records whose renditions are aligned with the picture, until one fits


@dataclass(frozen=True, repr=False)
class Match:
    """A record found for a received picture."""

    entry: Entry
    by: Literal["identity", "embedding"]
    score: float
    """1 by identity; otherwise the cosine between both embeddings, at most 1."""
    sure: bool
    """Whether the picture is aligned with the rendition of the record's original. Without a rendition, by
    embedding: whether the evidence is at least SURE; by identity: True."""
    credentials: Credentials | None = None
    """Validated Content Credentials stored for the record; state "none" where there are none. None without an
    identity or a folder of manifests."""
    manifest: str | None = None
    """Path of the file that they were written to."""
    kept_original: str | None = None
    """Path of the file that the kept original was written to."""

    @property
    def record(self) -> Record:
        """The record of the entry."""
        return self.entry.record

    def __repr__(self) -> str:
        sure = "sure" if self.sure else "not sure"
        return f"<Match by {self.by}, {sure}, score {self.score:.2f}: {self.entry!r}>"

    def to_json(self) -> dict[str, Any]:
        """The object in `retrieve --json`: the record without its code."""
        found = self.entry.to_json()
        found.pop("code")
        credentials = None if self.credentials is None else self.credentials.to_json()
        files = {"credentials": credentials, "manifest": self.manifest, "kept_original": self.kept_original}
        return {"by": self.by, "score": round(self.score, 4), "sure": self.sure} | found | files


def matches(registry: Registry, received: np.ndarray, verdict: Verdict, limit: int) -> list[Match]:
    """The records of a received picture (H, W, 3) uint8, the best first, at most `limit`.

    Only records of the identity, the latest first, unless the signed content or the registered original is
    another picture: then the mark was copied, and the nearest records by embedding follow. Of an identity
    that several pictures may have, records are sure where their originals are aligned with the picture.
    """
    found = []
    if verdict.identity is not None and verdict.shared_identity:
        found = _of_shared_identity(registry, received, verdict.identity)
        if found and found[0].sure:
            return found[:limit]
    elif verdict.identity is not None:
        entries = registry.by_identity(verdict.identity)
        other = bool(entries) and place(registry, entries[0], received).found == "another picture"
        found = [Match(entry, "identity", 1.0, not other) for entry in entries]
        if found and not other and verdict.content_matches is not False:
            return found[:limit]
    known = {match.entry.number for match in found}
    neighbours = nearest(registry, received, verdict, max(limit, _ALIGNED) + len(known))
    return [*found, *_ranked(registry, received, [n for n in neighbours if n.number not in known])][:limit]


def _of_shared_identity(registry: Registry, received: np.ndarray, identity: str) -> list[Match]:
    """Records of an identity that several pictures may have; one aligned with the picture is first."""
    entries = registry.by_identity(identity)
    found = [Match(entry, "identity", 1.0, False) for entry in entries]
    for position, entry in enumerate(entries[:_ALIGNED]):
        if place(registry, entry, received).found == "aligned":
            return [replace(found.pop(position), sure=True), *found]
    return found


def _ranked(registry: Registry, received: np.ndarray, neighbours: list[Neighbour]) -> list[Match]:
    """Matches by embedding; one whose rendition is aligned with the picture comes first."""
    scores = {neighbour.number: neighbour for neighbour in neighbours}
    found: list[Any] = []
    for entry in registry.get(scores):
        neighbour = scores[entry.number]
        match = Match(entry, "embedding", neighbour.score, neighbour.evidence >= SURE)
        aligned = bool(found) and found[0].sure
        placed = None if aligned or len(found) >= _ALIGNED else place(registry, entry, received).found
        if placed == "aligned":
            found.insert(0, replace(match, sure=True))
        else:
            found.append(replace(match, sure=match.sure and placed != "another picture"))
    return found


def nearest(registry: Registry, received: np.ndarray, verdict: Verdict, limit: int) -> list[Neighbour]:
    """The records whose embeddings are nearest to the received picture before its alteration."""
    queries = list(_queries(received, verdict))
    found = registry.nearest([embed(image, untrusted) for image, untrusted in queries], limit)
    if found and found[0].evidence < SURE:
        parts = [view for image, untrusted in queries for view in placements(image, untrusted)]
        found = best_of([*found, *registry.nearest(parts, limit)], limit)
    return found


def _queries(received: np.ndarray, verdict: Verdict) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Query pictures (H, W, 3) uint8, each with its untrusted pixels, (H, W) bool or None."""
    if verdict.recovered is None or verdict.content_matches is False:
        yield received, None
        return
    untrusted = None if verdict.source_map is None else np.isin(verdict.source_map, (FILLED, NATURAL))
    yield verdict.recovered, untrusted
    if verdict.content is not None:
        yield verdict.content, None
