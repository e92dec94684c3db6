"""The registered original as a witness: found in a registry, compared with the received picture, joined with
the verdict of the system.

    records of the identity, or nearest by content --> aligned? --> compared --> Witness, mask, recovery

Facts of a record are published only where the mark or the original proves that it is of this picture.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np

from underdrawing.api import joining
from underdrawing.coding.keys import PublicKey
from underdrawing.core.types import Verdict, Witness
from underdrawing.judging.reference import compare
from underdrawing.registry.placing import Placement, first_aligned
from underdrawing.registry.record import Entry, Record
from underdrawing.registry.retrieval import SURE, nearest
from underdrawing.registry.store import Registry

MOST_RECORDS = 4
"""Of one identity that are compared."""
_MOST_NEAREST = 2
_MOST_ALTERED = 0.5  # of a picture without a mark; beyond it is a similar photograph, not an edited one
_LEAST_EVIDENCE = 11.0  # of a record by content, to be compared; nine of ten wrong ones are below


@dataclass(frozen=True)
class Consulted:
    """A verdict with what a registry adds to it."""

    verdict: Verdict
    entry: Entry | None = None
    """The record of the picture, or of its identity."""
    proven: bool = False
    """Whether mark or original prove that the record is of this picture."""


@dataclass(frozen=True)
class Desk:
    """A registry, and what decides how far its records count."""

    registry: Registry
    trusts: Callable[[PublicKey], bool]
    """Whether a key is in the verifier's trust store."""
    private: bool
    """Whether the mark is read with a secret, which then proves the identity."""

    def consult(self, received: np.ndarray, verdict: Verdict) -> Consulted:
        """The verdict on a received picture (H, W, 3) uint8 joined with its registered original."""
        entries = [] if verdict.identity is None else self.registry.by_identity(verdict.identity)
        placed, tried = first_aligned(self.registry, entries[:MOST_RECORDS], received)
        another = placed is None and any(one.found == "another picture" for one in tried)
        contradicted = another and not verdict.shared_identity
        other = None
        if placed is not None:
            other = self._earlier(received, verdict, placed.entry)
        else:
            near = self._nearest(received, verdict, {entry.number for entry in entries})
            other, _ = first_aligned(self.registry, near, received)
            if not contradicted:
                placed, other = other, None
        if placed is not None:
            return self._compared(received, verdict, placed, other)
        entry = entries[0] if entries else None
        if contradicted:
            joined = joining.with_another_picture(verdict, tried[0].entry.record, _record(other))
            return Consulted(joined, entry)
        proven = entry is not None and self._proves(verdict, entry.record)
        if entry is not None and not proven:
            verdict = replace(verdict, message=f"{verdict.message} {joining.UNPROVEN}")
        return Consulted(verdict, entry, proven)

    def _compared(
        self, received: np.ndarray, verdict: Verdict, placed: Placement, earlier: Placement | None
    ) -> Consulted:
        assert placed.rendition is not None and placed.alignment is not None
        record = placed.entry.record
        comparison = compare(received, placed.rendition, placed.alignment)
        share = float(comparison.inside.mean())
        fraction = float(comparison.altered.mean())
        if not verdict.present and fraction > _MOST_ALTERED:
            return Consulted(verdict)
        binding = self._binds(verdict, placed.entry)
        witness = Witness(
            "registered original",
            "contradicts" if fraction > 0 else "agrees",
            binding,
            round(share, 4),
            comparison.least_area,
            joining.witness_message(fraction, comparison.least_area, binding),
        )
        joined = joining.with_comparison(received, verdict, placed, comparison, witness)
        message = joining.message(joined, record, witness, _record(earlier))
        details = joined.details | {
            "registered": {
                "identity": record.identity,
                "record": placed.entry.number,
                "similarity": round(placed.alignment.similarity, 4),
                "pixels_of_rendition": round(placed.alignment.pitch, 4),
                "earlier": None if earlier is None else earlier.entry.record.identity,
            }
        }
        proven = record.signature_state() != "invalid"
        return Consulted(replace(joined, message=message, details=details), placed.entry, proven)

    def _binds(self, verdict: Verdict, entry: Entry) -> bool:
        """Whether nobody but a trusted owner, or the signer of the mark, can have made the record."""
        owner, signature = entry.record.owner, verdict.signature
        if (
            owner is None
            or entry.record.signature_state() != "valid"
            or not self.registry.linked(entry.number)
        ):
            return False
        signed_here = signature.state == "valid" and signature.key == owner.fingerprint
        return signed_here or self.trusts(owner)

    def _proves(self, verdict: Verdict, record: Record) -> bool:
        """Whether the mark proves that a record of its identity is of this picture."""
        if verdict.content_matches is False or record.signature_state() == "invalid":
            return False
        signature, owner = verdict.signature, record.owner
        signed = signature.state == "valid" and owner is not None and owner.fingerprint == signature.key
        return signed or (self.private and verdict.present)

    def _nearest(self, received: np.ndarray, verdict: Verdict, known: Collection[int]) -> list[Entry]:
        neighbours = nearest(self.registry, received, verdict, _MOST_NEAREST + len(known))
        numbers = [n.number for n in neighbours if n.evidence >= _LEAST_EVIDENCE and n.number not in known]
        return self.registry.get(numbers[:_MOST_NEAREST])

    def _earlier(self, received: np.ndarray, verdict: Verdict, entry: Entry) -> Placement | None:
        """The same picture, registered before under another identity by another owner."""
        neighbours = nearest(self.registry, received, verdict, _MOST_NEAREST + 1)
        numbers = [n.number for n in neighbours if n.evidence >= SURE and n.number < entry.number]
        own = entry.record
        others = [
            found
            for found in self.registry.get(numbers)
            if found.record.identity != own.identity and _fingerprint(found.record) != _fingerprint(own)
        ]
        return first_aligned(self.registry, others, received)[0]


def _record(placed: Placement | None) -> Record | None:
    return None if placed is None else placed.entry.record


def _fingerprint(record: Record) -> str | None:
    return None if record.owner is None else record.owner.fingerprint
