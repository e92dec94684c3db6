"""Attacks on one photograph, in public mode and without a registry: what the verdict says to each.

Metrics of a row: intact, unvouched, altered (status); identity and signed (the owner's are read);
contradicted (the signed content alone contradicts; absent where the verdict names no witnesses).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from underdrawing.attacks.adversary.edits import EDITS, draw_edit, keep_coarse, visible_rms
from underdrawing.attacks.adversary.forgeries import NEIGHBOURS, halves, object_from
from underdrawing.attacks.channel import Channel
from underdrawing.attacks.suites import SUITES, by_name
from underdrawing.bench.harness.measures import Trial, contradicted, mask_values
from underdrawing.bench.harness.run import Case, Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary.copied_mark import CopiedMark, read_mark, write_mark
from underdrawing.bench.studies.adversary.protocol import AdversaryProtocol, PairCase, square
from underdrawing.coding.keys import Owner
from underdrawing.core.types import Verdict

_EVERY = 4  # of the pairs of a transplant goes through the further channels and variants


def verdict_values(subject: Subject, verdict: Verdict) -> dict[str, Any]:
    """What a verdict says, as the metrics of a row."""
    values: dict[str, Any] = {
        status: verdict.status == status for status in ("intact", "unvouched", "altered")
    }
    values |= {"identity": subject.matches(verdict.identity), "signed": verdict.signature.state == "valid"}
    return values | {"contradicted": contradicted(verdict)}


def channels_of(protocol: AdversaryProtocol) -> Sequence[Channel]:
    """The first and the last of the channels that follow an attack."""
    return by_name(protocol.suite, *dict.fromkeys((protocol.after[0], protocol.after[-1])))


def rewritten(subject: Subject, protocol: AdversaryProtocol, case: Case) -> list[Row]:
    """An edit of each area, and the same with coarse content kept, each with the mark written over it."""
    protected, mark, rng = _victim(subject, protocol, case)
    rows: list[Row] = []
    for turn, share in enumerate(protocol.areas if mark else ()):
        kind = list(EDITS)[(case.index + turn) % len(EDITS)]
        edited, mask = draw_edit(kind, share, protected, square(case.donor, case.size), rng)
        size, area = case.label, f"{100 * share:g}%"
        rows.append((f"rewrite/{size}/drawn/{area}", {"rms": visible_rms(protected, edited, mask)}))
        forged = write_mark(edited, mark)
        for channel in by_name(protocol.suite, *protocol.after):
            verdict = subject.verify(channel(forged, rng))
            values = verdict_values(subject, verdict) | {"f1": mask_values(verdict, mask)["f1"]}
            rows.append((f"rewrite/{size}/{channel.name}/{area}", values))
            rows.append((f"rewrite-by/{size}/{channel.name}/{kind}", values))
        forged = write_mark(keep_coarse(protected, edited, mask), mark)
        for channel in channels_of(protocol):
            values = verdict_values(subject, subject.verify(channel(forged, rng)))
            rows.append((f"rewrite-coarse/{size}/{channel.name}/{area}", values))
    return rows


def transplanted(subject: Subject, protocol: AdversaryProtocol, case: PairCase) -> list[Row]:
    """The mark of one photograph in others; every fourth time after JPEG and without the top layer too."""
    _, mark, rng = _victim(subject, protocol, case)
    if mark is None:
        return []
    none, jpeg = channels_of(protocol)
    rows: list[Row] = []
    for turn, photo in enumerate(case.others):
        image = square(photo, case.size)
        forged, size = write_mark(image, mark), case.label
        rows.append((f"transplant/{size}/{none.name}", _values(subject, forged)))
        if turn % _EVERY == 0:
            values = _values(subject, jpeg(forged, rng))
            rows.append((f"transplant/{size}/{jpeg.name}", values))
            middle = write_mark(image, mark.without("top"))
            rows.append((f"transplant/{size}/middle only", _values(subject, middle)))
    return rows


def neighbours(subject: Subject, protocol: AdversaryProtocol, case: Case) -> list[Row]:
    """The mark of one photograph in pictures that show nearly the same."""
    _, mark, rng = _victim(subject, protocol, case)
    rows: list[Row] = []
    image, other = square(case.photo, case.size), square(case.donor, case.size)
    for name, neighbour in NEIGHBOURS.items() if mark else ():
        forged = write_mark(neighbour(image, other, rng), mark)
        for channel in channels_of(protocol):
            values = _values(subject, channel(forged, rng))
            rows.append((f"neighbour/{case.label}/{channel.name}/{name}", values))
    return rows


def combined(subject: Subject, protocol: AdversaryProtocol, case: Case) -> list[Row]:
    """Collages of two protected pictures; another photograph, unsigned, under the registered identity; a
    second protection on top."""
    protected, _, rng = _victim(subject, protocol, case)
    other = square(case.donor, case.size)
    second = subject.model.protect(
        other, owner=subject.owner, identity=b"\x5a" * 8, secret=None, strength=case.strength
    ).apply(other)
    stranger = subject.model.protect(
        other, owner=None, identity=subject.identity, secret=None, strength=case.strength
    ).apply(other)
    forged = {
        "halves": halves(protected, second)[0],
        "object": object_from(protected, second, rng)[0],
        "unsigned identity": stranger,
    }
    rows: list[Row] = []
    for channel in channels_of(protocol):
        for name, picture in forged.items():
            place = f"combined/{case.label}/{channel.name}/{name}"
            rows.append((place, _values(subject, channel(picture, rng))))
    return rows + _protected_again(subject, protocol, case, protected)


def _protected_again(
    subject: Subject, protocol: AdversaryProtocol, case: Case, protected: np.ndarray
) -> list[Row]:
    """Whether both protections are named after a second owner protected the protected picture."""
    owner, rng = Owner.create(), np.random.default_rng([protocol.seed, case.size, case.index, 2])
    again = subject.model.protect(
        protected, owner=owner, identity=b"\xa5" * 8, secret=None, strength=case.strength
    ).apply(protected)
    rows: list[Row] = []
    for channel in channels_of(protocol):
        verdict = subject.model.verify(channel(again, rng), secret=None, find_key=lambda short: owner.public)
        first = None if verdict.previous is None else verdict.previous[0]
        values = {"second_named": verdict.identity == "a5" * 8, "first_named": subject.matches(first)}
        rows.append((f"again/{case.label}/{channel.name}", values))
    return rows


def untouched(subject: Subject, protocol: AdversaryProtocol, case: Case) -> list[Row]:
    """A protected photograph through some benign channels, which take turns."""
    suite = SUITES[protocol.suite]
    count = min(protocol.benign_channels, len(suite))
    chosen = [suite[(case.index * count + turn) % len(suite)] for turn in range(count)]
    image = square(case.photo, case.size)
    protected = subject.protect(image, case.strength)
    trial = Trial(subject, image, protected, _no_edits, (protocol.seed, case.size, case.index))
    rows = trial.authentic_rows(chosen, f"benign/{case.label}")
    return [row for place, values in rows for row in ((place, values), (f"benign/{case.label}/all", values))]


def _no_edits(turn: int, image_u8: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return image_u8, np.zeros(image_u8.shape[:2], bool)


def _victim(
    subject: Subject, protocol: AdversaryProtocol, case: Case
) -> tuple[np.ndarray, CopiedMark | None, np.random.Generator]:
    """The protected photograph of a case, its mark as the attacker reads it, and the attack's generator."""
    protected = subject.protect(square(case.photo, case.size), case.strength)
    return protected, read_mark(protected), np.random.default_rng([protocol.seed, case.size, case.index])


def _values(subject: Subject, received_u8: np.ndarray) -> dict[str, Any]:
    return verdict_values(subject, subject.verify(received_u8))
