"""registry: speed of a registry of many records, by the clock and by the processor time of this process.

Records and vectors are random; a query is the vector of one of them with noise of .6 of its size (cosine
about .86), in part with half of its numbers left out. Medians of single calls.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.bench.harness.record import Protocol, Store, conditions, part_of
from underdrawing.bench.harness.render import STALE, Block, Cell, Table
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.harness.timing import Stopwatch
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.registry import embedding
from underdrawing.registry.addresses import split_vectors
from underdrawing.registry.embedding import DIMENSIONS, View
from underdrawing.registry.facts import Facts
from underdrawing.registry.record import Copy, Entry, Record
from underdrawing.registry.store import Registry, open_registry

_HASHES, _CODE = 152, 400  # random bytes in the hashes of a record, and in its content code
_DRAWN = _HASHES + _CODE
PROTOCOL = Protocol("registry")
UNSURE_VIEWS = 27
"""Views of an unsure search: the picture, mirrored, and as a part at 25 places."""
UNSURE_PART = 0.6
"""Of the numbers count in them."""
_NOISE = 0.6
_ASKED = 200  # records of each kind of question
Figures = dict[str, float]
_SIZE = (
    "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
    "WHERE nspname = 'underdrawing' AND relkind = 'r'"
)
_SETTINGS = (
    "SELECT current_setting('server_version'), current_setting('shared_buffers'), current_setting('fsync'), "
    "(SELECT extversion FROM pg_extension WHERE extname = 'vector')"
)


def random_records(rng: np.random.Generator, count: int, owner: PublicKey | None = None) -> list[Record]:
    """Records with random content."""
    numbers = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    vectors = np.rint(numbers * (127 / np.abs(numbers).max(1, keepdims=True))).astype(np.int8)  # as `pack`
    facts = Facts(caption="A photograph of nothing.", source="Example Agency", licence="CC-BY-4.0")
    drawn = rng.bytes(count * _DRAWN)
    return [
        _random_record(drawn[n * _DRAWN : (n + 1) * _DRAWN], owner, vector.tobytes(), facts)
        for n, vector in enumerate(vectors)
    ]


def _random_record(drawn: bytes, owner: PublicKey | None, vector: bytes, facts: Facts) -> Record:
    identity, text = drawn[:8].hex(), drawn[8:_HASHES].hex()
    return Record(
        original=Copy(text[:64], text[64:80], text[80:144], f"/archive/{identity}.jpg"),
        protected=Copy(text[144:208], text[208:224], text[224:288], f"/published/{identity}.jpg"),
        size=(4000, 3000),
        registered="2026-01-02T03:04:05Z",
        identity=identity,
        owner=owner,
        code=drawn[_HASHES:],
        vector=vector,
        embedding=embedding.NAME,
        facts=facts,
    )


def noisy_view(record: Record, rng: np.random.Generator, part: float) -> View:
    """A view of a record's vector with noise; the share `part` of its numbers counts."""
    return noisy(np.frombuffer(record.vector or b"", np.int8), rng, part)


def noisy(packed: np.ndarray, rng: np.random.Generator, part: float) -> View:
    """A view of a vector (496,) int8 with noise of .6 of its size; the share `part` of its numbers counts."""
    vector = packed.astype(np.float32)
    vector = vector + _NOISE * float(vector.std()) * rng.standard_normal(DIMENSIONS, dtype=np.float32)
    counts = rng.random(DIMENSIONS) < part
    return View(np.where(counts, vector, 0).astype(np.float32), counts)


def measure(where: str | Path, records: int, batch: int) -> Iterator[Figures]:
    """Fill a registry at a path or URL up to so many records and query it; figures, step by step."""
    owner = Owner.create().public
    with open_registry(where, create=True) as registry:
        there = len(registry)
        rng = np.random.default_rng([PROTOCOL.seed, there])  # a registry that is filled further gets others
        if there < records:
            figures = _filled(registry, rng, owner, (there, records, batch))
            yield figures | {"batch": batch, "inserted": records - there}
    with open_registry(where) as registry:
        count = len(registry)
        asked = registry.get(int(n) for n in rng.integers(1, count + 1, _ASKED))
        yield {"records": count}
        identities = iter([entry.record.identity or "" for entry in asked])
        yield _medians("identity", lambda: registry.by_identity(next(identities)), len(asked))
        pixels = iter([entry.record.protected.pixels for entry in asked])
        yield _medians("pixels", lambda: registry.by_pixels(next(pixels)), len(asked))
        with Stopwatch() as spent:
            registry.nearest([noisy_view(asked[0].record, rng, 1)], 1)
        yield {"first_nearest_with_loading_s": spent.clock}
        yield from _nearest(registry, asked, rng)
        with Stopwatch() as spent:
            faults = len(registry.audit().faults)
        yield {"faults": faults, "audit_s": spent.clock}


def _nearest(registry: Registry, asked: list[Entry], rng: np.random.Generator) -> Iterator[Figures]:
    """Milliseconds and recall of nearest neighbours, and of a search by many views at once."""
    for name, part in (("nearest", 1.0), ("nearest_half_masked", 0.5)):
        turn = iter([noisy_view(entry.record, rng, part) for entry in asked])
        found: list[int] = []

        def ask(turn=turn, found=found) -> None:
            found.append(registry.nearest([next(turn)], 5)[0].number)

        figures = _medians(name, ask, len(asked))
        hits = [number == entry.number for number, entry in zip(found, asked, strict=True)]
        yield figures | {f"{name}_recall_at_1": statistics.mean(hits)}
    views = [noisy_view(entry.record, rng, UNSURE_PART) for entry in asked[:UNSURE_VIEWS]]
    yield _medians("unsure", lambda: registry.nearest(views, 5), 9)


def _filled(
    registry: Registry, rng: np.random.Generator, owner: PublicKey, sizes: tuple[int, int, int]
) -> Figures:
    """Records added a second in batches; drawing them is not counted."""
    there, records, batch = sizes
    clock = processor = 0.0
    for start in range(there, records, batch):
        made = random_records(rng, min(batch, records - start), owner)
        with Stopwatch() as spent:
            registry.add(made)
        clock, processor = clock + spent.clock, processor + spent.processor
    inserted = records - there
    return {"inserted_per_s": inserted / clock, "inserted_per_processor_s": inserted / processor}


def _medians(name: str, step: Callable[[], object], turns: int) -> Figures:
    """Milliseconds of a call by the clock, and of this process by the processor's time."""
    clock, processor = [], []
    for _ in range(turns):
        with Stopwatch() as spent:
            step()
        clock.append(spent.clock)
        processor.append(spent.processor)
    return {
        f"{name}_ms": 1000 * statistics.median(clock),
        f"{name}_processor_ms": 1000 * statistics.median(processor),
    }


def _bytes(where: str) -> int:
    """Bytes of the registry on the disk, without vectors in another service."""
    address, _ = split_vectors(where)
    if address.startswith("postgres"):
        return int(_asked(address, _SIZE)[0])
    return Path(address.removeprefix("sqlite:///")).stat().st_size


def _server(where: str) -> dict[str, Any]:
    """Version and settings of a server that decide its speed; nothing for a file."""
    address, _ = split_vectors(where)
    if not address.startswith("postgres"):
        return {}
    version, buffers, sync, pgvector = _asked(address, _SETTINGS)
    server = f"PostgreSQL {version.split()[0]}, shared_buffers {buffers}, fsync {sync}"
    return {"server": server + (f", pgvector {pgvector}" if pgvector else "")}


def _asked(address: str, statement: str) -> tuple:
    import psycopg

    with psycopg.connect(address) as connection:
        return connection.execute(statement).fetchone() or ()


def _kind(where: str) -> str:
    address, vectors = split_vectors(where)
    kind = "postgres" if address.startswith("postgres") else "sqlite"
    return f"{kind}, {vectors.partition(':')[0]}" if vectors else kind


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    records: int = 1_000_000
    batch: int = 1000
    """Records added at a time."""
    url: str = ""
    """Or path, of a registry that is empty or holds such records already; by default a temporary file."""
    name: str = ""
    """Of the part; by default the kind of the registry."""


def run(run: Run) -> None:
    """Measure one registry; every step is written, so that a stopped run keeps its figures."""
    settings, store = run.read_settings(Settings), STUDY.store(run.results)
    at = conditions(PROTOCOL)
    with tempfile.TemporaryDirectory() as folder:
        address = settings.url or str(Path(folder) / "registry.db")
        kind = settings.name or _kind(address)
        figures: Figures = {}
        for step in measure(address, settings.records, settings.batch):
            figures |= {name: round(value, 3) for name, value in step.items()}
            figures["bytes_per_record"] = round(_bytes(address) / settings.records)
            part = part_of(PROTOCOL, at | _server(address), {}, figures=figures)
            store.write(kind.replace(", ", "-").replace(" ", "-"), f"{kind}, {settings.records}", part)


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    label: str
    key: str
    """Of the figure."""
    digits: int
    limit: float | None = None
    at_most: bool = True

    def cell(self, store: Store, part: str) -> Cell:
        """The figure with a cross where it misses the limit; "-" where it was not measured."""
        value = store.parts[part]["figures"].get(self.key)
        if value is None:
            return Cell("-")
        missed = self.limit is not None and (value > self.limit if self.at_most else value < self.limit)
        return Cell(f"{value:,.{self.digits}f}" + " ✗" * missed)

    def target(self) -> str:
        """The limit with its sign."""
        return "" if self.limit is None else f"{'<=' if self.at_most else '>='} {self.limit:,g}"


ROWS = (
    Row("look-up by identity, ms", "identity_ms", 3, 2),
    Row("look-up by pixels, ms", "pixels_ms", 3),
    Row("nearest neighbour, ms", "nearest_ms", 1, 30),
    Row("the same, processor time", "nearest_processor_ms", 1),
    Row("its recall@1", "nearest_recall_at_1", 3, 0.98, at_most=False),
    Row("nearest, half of the numbers left out, ms", "nearest_half_masked_ms", 1, 30),
    Row("the same, processor time", "nearest_half_masked_processor_ms", 1),
    Row("its recall@1", "nearest_half_masked_recall_at_1", 3, 0.98, at_most=False),
    Row("27 views at once (unsure search), ms", "unsure_ms", 1),
    Row("the same, processor time", "unsure_processor_ms", 1),
    Row("first search, with what it loads, s", "first_nearest_with_loading_s", 1),
    Row("inserted a second, in batches of 1,000", "inserted_per_s", 0, 2000, at_most=False),
    Row("inserted a second of processor time (this process)", "inserted_per_processor_s", 0),
    Row("audit, s", "audit_s", 1),
    Row("bytes a record, on the disk", "bytes_per_record", 0),
)


def table(store: Store) -> Sequence[Block] | None:
    """A column for each kind of registry, and its conditions."""
    names = sorted(store.parts, key=lambda name: not name.startswith("sqlite, 1"))  # the default first
    if not names:
        return None
    heads = {name: _head(store, name) for name in names}
    rows = [[row.label, row.target(), *(row.cell(store, name) for name in names)] for row in ROWS]
    lines = []
    for name, head in heads.items():
        at = store.parts[name]["conditions"]
        server = f"; {at['server']}" if "server" in at else ""
        about = f"{at['device']}, threads {at['threads']}, load {at['load']}, seed {at['seed']}"
        lines.append(f"- {head}: commit {at['commit']}, {at['date']}, {about}{server}")
    return [
        Table(("figure; kind of registry, records", "asked", *heads.values()), rows),
        "A cross marks what is missed by the clock. Conditions:",
        "\n".join(lines),
        store.stale_note(),
    ]


def _head(store: Store, name: str) -> str:
    head = f"{name.rpartition(', ')[0]}, {store.parts[name]['figures']['records']:,}"
    return head + (STALE if store.reasons(name) else "")


STUDY = Study(
    "registry",
    "look-ups, searches and inserts among many records",
    run,
    {"registry": table},
    Settings,
)
