"""second-protection: what is read of a protection after others protected the picture again.

A protector marks a photograph; then an embedder of the zoo marks it one to five times more: a carrier with
random bits, the main system under further identities; and spread-spectrum patterns at 38 dB, in place of
systems that are not at hand. Nobody states the first protection, as a hostile
embedder would not; who uses our software states it (docs/TRUST.md).

Metrics of FIRST/SECOND/COUNT: first (its identity is read), last (that of the last one is), status by name,
psnr_db against the original.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store, versions_of
from underdrawing.bench.harness.render import Block, Cell, Table, join
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.bench.studies.adversary.tables import rate_cell
from underdrawing.carriers.again import Again
from underdrawing.coding.keys import Owner
from underdrawing.core.errors import CapacityError, MissingExtraError, WeightsError
from underdrawing.core.types import Verdict
from underdrawing.metrics.quality import psnr_db
from underdrawing.train.ais import PatternAttacker, as_file
from underdrawing.train.marked_faces import to_tensor, to_u8

PROTOCOL = Protocol("second-protection", sizes=(512,), quality_sets=("kodak24",))
COUNTS = (1, 2, 5)
"""Further embeddings after which is read."""
FIRST = bytes.fromhex("a540000000000000")
"""Identity of the first protection, 0 after its first ten bits: carriers of few bits have room for it."""
MAIN, PRIVATE = "photo", "photo-private"
_SECRET = bytes(range(32))
_PHOTOS = 8
_STATUSES = ("intact", "unvouched", "altered", "unprotected")

Embed = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, str | None]]
"""(picture, rng) -> the picture marked once more, and the identity of that mark, or None."""


@dataclass(frozen=True)
class SecretSubject(Subject):
    """The main system in private mode."""

    def protect(self, image_u8: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """The protected picture (H, W, 3) uint8."""
        made = self.model.protect(
            image_u8, owner=self.owner, identity=self.identity, secret=_SECRET, strength=strength
        )
        return made.apply(image_u8)

    def verify(self, received_u8: np.ndarray) -> Verdict:
        """The whole verdict, with the secret and the owner's public key."""
        return self.model.verify(received_u8, secret=_SECRET, find_key=self._find_key)


def run(run: Run) -> None:
    """Measure every protector that embeds an identity and loads here; a part for each."""
    cases = measures.cases_of(PROTOCOL.quality_sets, PROTOCOL.sizes[0])
    parts = [(subject, Part(subject.name, cases, measure_photo)) for subject in _subjects()]
    run_parts(replace(run, photos=run.photos or _PHOTOS), STUDY.store(run.results), PROTOCOL, parts)


def _subjects() -> list[Subject]:
    owner, found = Owner.create(), []
    for name in (MAIN, *(one for one in zoo.protectors() if zoo.card(one).kind == "carrier")):
        try:
            model = zoo.protector(name)
        except (MissingExtraError, WeightsError):
            continue
        found.append(Subject(name, model, owner, FIRST, versions_of(name)))
    main = found[0]
    return [main, SecretSubject(PRIVATE, main.model, owner, FIRST, main.versions), *found[1:]]


@cache
def embedders() -> dict[str, Embed]:
    """By name, all that may mark a picture again."""
    carriers, _ = zoo.available("carrier")
    found: dict[str, Embed] = {MAIN: partial(_protect_again, zoo.load(MAIN), Owner.create())}
    plain = {name: carrier for name, carrier in carriers.items() if ":" not in name}
    found |= {name: partial(_embed_bits, Again(carrier)) for name, carrier in plain.items()}
    return found | {"random patterns": _embed_patterns}


def _protect_again(model: Any, owner: Owner, image: np.ndarray, rng: np.random.Generator) -> tuple:
    identity = rng.bytes(8)
    made = model.protect(image, owner=owner, identity=identity, secret=None, strength=1.0)
    return made.apply(image), identity.hex()


def _embed_bits(again: Again, image: np.ndarray, rng: np.random.Generator) -> tuple:
    return again(image, rng), None


def _embed_patterns(image: np.ndarray, rng: np.random.Generator) -> tuple:
    marked = as_file(PatternAttacker()(to_tensor(image[None]), rng))
    return to_u8(marked)[0], None


def measure_photo(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    """One protector on one photograph, as protected and after every embedder."""
    image, _ = case.photo.square(case.size)
    try:
        protected = subject.protect(image, case.strength)
    except CapacityError:
        return []
    rows: list[Row] = [(f"{subject.name}/nobody/0", _values(subject, image, protected, None))]
    for number, (name, embed) in enumerate(embedders().items()):
        rng = np.random.default_rng([protocol.seed, case.index, number])
        marked, last = protected, None
        for count in range(1, max(COUNTS) + 1):
            try:
                marked, last = embed(marked, rng)
            except CapacityError:
                break
            if count in COUNTS:
                rows.append((f"{subject.name}/{name}/{count}", _values(subject, image, marked, last)))
    return rows


def _values(subject: Subject, image: np.ndarray, received: np.ndarray, last: str | None) -> dict[str, Any]:
    verdict = subject.verify(received)
    statuses = {f"is_{name}": verdict.status == name for name in _STATUSES}
    return statuses | {
        "first": subject.matches(verdict.identity),
        "last": None if last is None else verdict.identity == last,
        "psnr_db": psnr_db(image, received),
    }


def table(store: Store) -> list[Block] | None:
    """First protector and second embedder by row; whether the first is read, by number of embeddings."""
    places = sorted({key.rpartition("/")[0].rpartition("/")[0] for key in store.figures})
    if not places:
        return None
    head = ["first, then", *(f"first read after {n}, %" for n in (0, *COUNTS)),
            "status after 1", "after 5", "PSNR after 1 / 5, dB"]  # fmt: skip
    rows: list[list[Cell | str]] = []
    for place in places:
        first, second = place.split("/")
        if second == "nobody":
            continue
        shown = [rate_cell(store, f"{first}/nobody/0/first")]
        shown += [rate_cell(store, f"{place}/{count}/first") for count in COUNTS]
        statuses = [_statuses(store, f"{place}/{count}") for count in (1, COUNTS[-1])]
        psnr = join([_number(store, f"{place}/{count}/psnr_db") for count in (1, COUNTS[-1])])
        rows.append([f"{first}, {second}", *shown, *statuses, psnr])
    parts = sorted(store.parts)
    return [Table(head, rows), store.conditions_table(parts), store.stale_note(parts)]


def _number(store: Store, key: str) -> Cell:
    found = store.figures.get(key)
    return Cell("-") if found is None else Cell(f"{found['mean']:.1f}", store.stale([key]))


def _statuses(store: Store, place: str) -> Cell:
    """Statuses with their shares, the most frequent first."""
    found = {name: store.figures.get(f"{place}/is_{name}") for name in _STATUSES}
    shares = {name: figure["mean"] for name, figure in found.items() if figure and figure["mean"] > 0}
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    text = ", ".join(name if share == 1 else f"{name} {100 * share:.0f} %" for name, share in ordered)
    return Cell(text or "-", store.stale([f"{place}/is_intact"]))


STUDY = Study(
    "second-protection", "what is read of a protection after others protected the picture again", run,
    {"second-protection": table},
)  # fmt: skip
