"""How quick a registry of many records is: python -m underdrawing.bench.infrastructure.registry [--records N]

Records and vectors are random; a query is the vector of one of them with noise of .6 of its size (cosine
about .86), in part with half of its numbers left out. Medians of single calls, by the clock and, where
nothing but this process works, by the processor's time. Figures go to results/registry.json, a part for each
kind of registry, with commit and conditions. --url measures a registry elsewhere, which has to be empty or to
hold such records already.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.run import conditions, write_table
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.registry import embedding
from underdrawing.registry.addresses import split_vectors
from underdrawing.registry.embedding import DIMENSIONS, View
from underdrawing.registry.facts import Facts
from underdrawing.registry.record import Copy, Entry, Record
from underdrawing.registry.store import Registry, open_registry

_HASHES, _CODE = 152, 400  # random bytes in the hashes of a record, and in its code
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
    """Records that look like any, of nothing."""
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
    """A view like a record's vector, of which `part` counts."""
    return noisy(np.frombuffer(record.vector or b"", np.int8), rng, part)


def noisy(packed: np.ndarray, rng: np.random.Generator, part: float) -> View:
    """A view like a vector (496,) int8 with noise of .6 of its size, of which `part` counts."""
    vector = packed.astype(np.float32)
    vector = vector + _NOISE * float(vector.std()) * rng.standard_normal(DIMENSIONS, dtype=np.float32)
    counts = rng.random(DIMENSIONS) < part
    return View(np.where(counts, vector, 0).astype(np.float32), counts)


def measure(where: str | Path, records: int, batch: int) -> Iterator[Figures]:
    """Fill a registry at a path or URL up to so many records and ask it; what was measured, step by step."""
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
        start = time.perf_counter()
        registry.nearest([noisy_view(asked[0].record, rng, 1)], 1)
        yield {"first_nearest_with_loading_s": time.perf_counter() - start}
        yield from _nearest(registry, asked, rng)
        start = time.perf_counter()
        faults = len(registry.audit().faults)
        yield {"faults": faults, "audit_s": time.perf_counter() - start}


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
    """Records added a second in batches; making them up is not counted."""
    there, records, batch = sizes
    clock = processor = 0.0
    for start in range(there, records, batch):
        made = random_records(rng, min(batch, records - start), owner)
        begun, worked = time.perf_counter(), time.process_time()
        registry.add(made)
        clock += time.perf_counter() - begun
        processor += time.process_time() - worked
    inserted = records - there
    return {"inserted_per_s": inserted / clock, "inserted_per_processor_s": inserted / processor}


def _medians(name: str, step: Callable[[], object], turns: int) -> Figures:
    """Milliseconds of a call by the clock, and of this process by the processor's time."""
    clock, processor = [], []
    for _ in range(turns):
        start, worked = time.perf_counter(), time.process_time()
        step()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - worked)
    return {
        f"{name}_ms": 1000 * statistics.median(clock),
        f"{name}_processor_ms": 1000 * statistics.median(processor),
    }


def _bytes(where: str) -> int:
    """What the registry takes on the disk; vectors in another service are not counted."""
    address, _ = split_vectors(where)
    if address.startswith("postgres"):
        return int(_asked(address, _SIZE)[0])
    return Path(address.removeprefix("sqlite:///")).stat().st_size


def _server(where: str) -> dict[str, Any]:
    """What decides how quick a server is; nothing for a file."""
    address, _ = split_vectors(where)
    if not address.startswith("postgres"):
        return {}
    version, buffers, sync, pgvector = _asked(address, _SETTINGS)
    told = f"PostgreSQL {version.split()[0]}, shared_buffers {buffers}, fsync {sync}"
    return {"server": told + (f", pgvector {pgvector}" if pgvector else "")}


def _asked(address: str, statement: str) -> tuple:
    import psycopg

    with psycopg.connect(address) as connection:
        return connection.execute(statement).fetchone() or ()


def _kind(where: str) -> str:
    address, vectors = split_vectors(where)
    keeps = "postgres" if address.startswith("postgres") else "sqlite"
    return f"{keeps}, {vectors.partition(':')[0]}" if vectors else keeps


def main() -> int:
    """Measure, by default in a folder that is thrown away afterwards; write and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1000, help="records added at a time")
    parser.add_argument("--url", "--registry", help="or path; one that has records is filled further")
    parser.add_argument("--name", help="of the part of the results; what kind of registry it is by default")
    parser.add_argument("--out", type=Path, default=Path("results/registry.json"))
    given = parser.parse_args()
    at: dict[str, Any] = conditions(PROTOCOL)
    at |= {"load_average": round(os.getloadavg()[0], 1)} if hasattr(os, "getloadavg") else {}
    with tempfile.TemporaryDirectory() as folder:
        where = given.url or str(Path(folder) / "registry.db")
        figures: Figures = {}
        for step in measure(where, given.records, given.batch):
            figures |= {name: round(value, 3) for name, value in step.items()}
            figures["bytes_per_record"] = round(_bytes(where) / given.records)
            at |= _server(where)
            part = {"conditions": at, "figures": figures}
            keep(given.out, PROTOCOL.name, f"{given.name or _kind(where)}, {given.records}", part)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def keep(out: Path, protocol: str, name: str, part: dict[str, Any]) -> None:
    """Put a part into the results at each step: a run that is ended early keeps what it had measured."""
    merged: dict[str, Any] = {"name": protocol, "parts": {}}
    if out.is_file():
        merged = json.loads(out.read_text(encoding="utf-8"))
    merged["parts"][name] = part
    out.parent.mkdir(parents=True, exist_ok=True)
    write_table(out, merged)


if __name__ == "__main__":
    sys.exit(main())
