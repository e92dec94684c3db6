"""How quick a registry of many records is: python -m underdrawing.registry.speed [--records N]

Records and vectors are random; a query is the vector of one of them with noise of .6 of its size (cosine
about .86), in part with half of its numbers left out. Medians of single calls, by the clock and, where
nothing but this process works, by the processor's time. Figures go to results/registry.json, a part for each
kind of registry, with commit and conditions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.bench.protocol import Protocol
from underdrawing.bench.run import conditions, write_table
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.core.errors import RegistryError
from underdrawing.registry import embedding
from underdrawing.registry.addresses import split_vectors
from underdrawing.registry.embedding import DIMENSIONS, View
from underdrawing.registry.facts import Facts
from underdrawing.registry.record import Copy, Record
from underdrawing.registry.store import Entry, Registry, open_registry

_HASHES, _CODE = 152, 400  # random bytes in the hashes of a record, and in its code
_DRAWN = _HASHES + _CODE
PROTOCOL = Protocol("registry")
UNSURE_VIEWS = 27
"""Views of an unsure search: the picture, mirrored, and as a part at 25 places."""
_UNSURE_PART = 0.6  # of the numbers count in them
_NOISE = 0.6
_ASKED = 200  # records of each kind of question
Figures = dict[str, float]


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
    vector = np.frombuffer(record.vector or b"", np.int8).astype(np.float32)
    vector = vector + _NOISE * float(vector.std()) * rng.standard_normal(DIMENSIONS, dtype=np.float32)
    counts = rng.random(DIMENSIONS) < part
    return View(np.where(counts, vector, 0).astype(np.float32), counts)


def measure(where: str | Path, records: int, batch: int) -> Figures:
    """Fill a new registry at a path or URL and ask it. RegistryError where there are records already."""
    rng = np.random.default_rng(PROTOCOL.seed)
    owner = Owner.create().public
    figures: Figures = {"records": records, "batch": batch}
    with open_registry(where, create=True) as registry:
        if len(registry):
            raise RegistryError(f"{where}: has records; give an empty registry")
        figures |= _filled(registry, rng, owner, (records, batch))
    with open_registry(where) as registry:
        asked = registry.get(int(n) for n in rng.integers(1, records + 1, _ASKED))
        identities = iter([entry.record.identity or "" for entry in asked])
        figures |= _medians("identity", lambda: registry.by_identity(next(identities)), len(asked))
        pixels = iter([entry.record.protected.pixels for entry in asked])
        figures |= _medians("pixels", lambda: registry.by_pixels(next(pixels)), len(asked))
        start = time.perf_counter()
        registry.nearest([noisy_view(asked[0].record, rng, 1)], 1)
        figures["first_nearest_with_loading_s"] = time.perf_counter() - start
        figures |= _nearest(registry, asked, rng)
        start = time.perf_counter()
        figures["faults"] = len(registry.audit().faults)
        figures["audit_s"] = time.perf_counter() - start
    return {name: round(value, 3) for name, value in figures.items()}


def _nearest(registry: Registry, asked: list[Entry], rng: np.random.Generator) -> Figures:
    """Milliseconds and recall of nearest neighbours, and of a search by many views at once."""
    figures: Figures = {}
    for name, part in (("nearest", 1.0), ("nearest_half_masked", 0.5)):
        turn = iter([noisy_view(entry.record, rng, part) for entry in asked])
        found: list[int] = []

        def ask(turn=turn, found=found) -> None:
            found.append(registry.nearest([next(turn)], 5)[0].number)

        figures |= _medians(name, ask, len(asked))
        hits = [number == entry.number for number, entry in zip(found, asked, strict=True)]
        figures[f"{name}_recall_at_1"] = statistics.mean(hits)
    views = [noisy_view(entry.record, rng, _UNSURE_PART) for entry in asked[:UNSURE_VIEWS]]
    return figures | _medians("unsure", lambda: registry.nearest(views, 5), 9)


def _filled(
    registry: Registry, rng: np.random.Generator, owner: PublicKey, sizes: tuple[int, int]
) -> Figures:
    """Records added a second in batches; making them up is not counted."""
    records, batch = sizes
    clock = processor = 0.0
    for start in range(0, records, batch):
        made = random_records(rng, min(batch, records - start), owner)
        begun, worked = time.perf_counter(), time.process_time()
        registry.add(made)
        clock += time.perf_counter() - begun
        processor += time.process_time() - worked
    return {"inserted_per_s": records / clock, "inserted_per_processor_s": records / processor}


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


def _kind(where: str) -> str:
    address, vectors = split_vectors(where)
    keeps = "postgres" if address.startswith("postgres") else "sqlite"
    return f"{keeps}, {vectors.partition(':')[0]}" if vectors else keeps


def main() -> int:
    """Measure, by default in a folder that is thrown away afterwards; write and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m underdrawing.registry.speed", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1000, help="records added at a time")
    parser.add_argument("--registry", help="path or URL of a registry that is not there yet")
    parser.add_argument("--folder", help="where the folder that is thrown away is made")
    parser.add_argument("--out", type=Path, default=Path("results/registry.json"))
    given = parser.parse_args()
    at: dict[str, Any] = conditions(PROTOCOL)
    at |= {"load_average": round(os.getloadavg()[0], 1)} if hasattr(os, "getloadavg") else {}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        where = given.registry or str(Path(folder) / "registry.db")
        figures = measure(where, given.records, given.batch)
        if given.registry is None:
            figures["bytes_per_record"] = (Path(folder) / "registry.db").stat().st_size / given.records
    part: dict[str, Any] = {
        "conditions": at,
        "seconds": round(time.perf_counter() - start),
        "figures": figures,
    }
    merged: dict[str, Any] = {"name": PROTOCOL.name, "parts": {}}
    if given.out.is_file():
        merged = json.loads(given.out.read_text(encoding="utf-8"))
    merged["parts"][f"{_kind(where)}, {given.records}"] = part
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_table(given.out, merged)
    sys.stdout.write(json.dumps(part) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
