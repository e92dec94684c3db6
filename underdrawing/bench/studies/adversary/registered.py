"""The attacks against a verifier with a registry, in which the owner has registered the photograph.

Everything goes through `api.Session`, as a newsroom would use it: protected and registered with the owner's
key, the forged picture judged with the same registry.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.api.session import Session
from underdrawing.attacks.adversary.edits import EDITS, draw_edit
from underdrawing.attacks.adversary.forgeries import NEIGHBOURS
from underdrawing.attacks.suites import by_name
from underdrawing.bench.harness.measures import mask_values
from underdrawing.bench.harness.run import Case, Row
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary.copied_mark import read_mark, write_mark
from underdrawing.bench.studies.adversary.measuring import channels_of
from underdrawing.bench.studies.adversary.protocol import AdversaryProtocol, square
from underdrawing.coding.keys import Owner
from underdrawing.metrics.quality import masked_psnr_db
from underdrawing.report.reports import VerifyReport

CAPTION = "The owner's caption."


class NewsRoom:
    """An owner with a registry of his own, empty at first, in a folder that goes with it."""

    def __init__(self) -> None:
        self.owner = Owner.create()
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        options = {"registry": folder / "photos.db", "trust": folder / "trust"}
        self.session = Session(sign=self.owner, **options)
        self.stranger = Session(trust=folder / "trust")
        self.second = Session(sign=Owner.create(), trust=folder / "trust")

    def register(self, image_u8: np.ndarray) -> tuple[np.ndarray, str]:
        """The protected picture and its identity."""
        report = self.session.protect(image_u8, facts={"caption": CAPTION})
        assert report.identity is not None
        return report.protected.image, report.identity


@lru_cache(maxsize=1)
def news_room() -> NewsRoom:
    """The one of this process."""
    return NewsRoom()


def registered(subject: Subject, protocol: AdversaryProtocol, case: Case) -> list[Row]:
    """Rewritten edits, transplants into neighbours, an unsigned picture under the identity, and none."""
    room, rng = news_room(), np.random.default_rng([protocol.seed, case.size, case.index, 4])
    image, other = square(case.photo, case.size), square(case.donor, case.size)
    protected, identity = room.register(image)
    mark = read_mark(protected)
    if mark is None:
        return []
    rows: list[Row] = []
    for turn, share in enumerate(protocol.areas):
        kind = list(EDITS)[(case.index + turn) % len(EDITS)]
        edited, mask = draw_edit(kind, share, protected, other, rng)
        forged = write_mark(edited, mark)
        for channel in channels_of(protocol):
            report = room.session.judge(channel(forged, rng))
            values = _values(report) | mask_values(report.verdict, mask)
            values |= {"lpsnr_db": _inside_db(image, report, mask)}
            rows.append((f"registry/{channel.name}/{100 * share:g}%", values))
    for name, neighbour in NEIGHBOURS.items():
        forged = write_mark(neighbour(image, other, rng), mark)
        rows.append((f"registry/neighbour/{name}", _values(room.session.judge(forged))))
    rows.append(("registry/neighbour/another picture", _values(room.session.judge(write_mark(other, mark)))))
    stranger = room.stranger.embed(other, identity=identity).protected.image
    rows.append(("registry/unsigned identity", _values(room.session.judge(stranger))))
    for channel in by_name(protocol.suite, *protocol.after):
        rows.append(
            (f"registry/untouched/{channel.name}", _values(room.session.judge(channel(protected, rng))))
        )
    return rows


def protected_again(subject: Subject, protocol: AdversaryProtocol, case: Case) -> list[Row]:
    """A second owner protects the protected picture with our software: whether both are named."""
    rng = np.random.default_rng([protocol.seed, case.size, case.index, 5])
    protected = subject.protect(square(case.photo, case.size), case.strength)
    second = news_room().second
    made = second.embed(protected)
    rows: list[Row] = []
    for channel in channels_of(protocol):
        verdict = second.judge(channel(made.protected.image, rng)).verdict
        first = None if verdict.previous is None else verdict.previous[0]
        both = verdict.identity == made.identity and subject.matches(first)
        rows.append((f"second/{case.label}/{channel.name}", {"both_named": both}))
    return rows


def _values(report: VerifyReport) -> dict[str, Any]:
    """found: the registered original contradicts, absent where it did not speak as a witness."""
    verdict = report.verdict
    witness = None if verdict.assurance is None else verdict.assurance.witness("registered original")
    facts = (report.record or {}).get("facts") or {}
    return {
        "intact": verdict.status == "intact",
        "altered": verdict.status == "altered",
        "facts_shown": facts.get("caption") == CAPTION and (report.record or {}).get("proven", True),
        "found": None if witness is None else witness.state == "contradicts",
    }


def _inside_db(image_u8: np.ndarray, report: VerifyReport, mask: np.ndarray) -> float | None:
    recovered = report.verdict.recovered
    return None if recovered is None else masked_psnr_db(image_u8, recovered, mask)
