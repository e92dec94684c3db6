"""How quick a registry of many records is: python -m underdrawing.registry.speed [--records N]; prints JSON.

Records and vectors are random; a query is the vector of one of them with noise of .6 of its size (cosine
about .86), in part with half of its numbers left out. Medians of single calls in milliseconds.
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

import numpy as np

from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.registry import embedding
from underdrawing.registry.embedding import DIMENSIONS, View, pack
from underdrawing.registry.facts import Facts
from underdrawing.registry.record import Copy, Record, now
from underdrawing.registry.sqlite import SqliteRegistry
from underdrawing.registry.store import Registry

CODE_BYTES = 400
_NOISE = 0.6


def random_record(rng: np.random.Generator, owner: PublicKey | None = None) -> Record:
    """A record that looks like any, of nothing."""

    def copy(place: str) -> Copy:
        return Copy(rng.bytes(32).hex(), rng.bytes(8).hex(), rng.bytes(32).hex(), place)

    identity = rng.bytes(8).hex()
    numbers = rng.standard_normal(DIMENSIONS, dtype=np.float32)
    return Record(
        original=copy(f"/archive/{identity}.jpg"),
        protected=copy(f"/published/{identity}.jpg"),
        size=(4000, 3000),
        registered=now(),
        identity=identity,
        owner=owner,
        code=rng.bytes(CODE_BYTES),
        vector=pack(View(numbers, np.ones(DIMENSIONS, bool))),
        embedding=embedding.NAME,
        facts=Facts(caption="A photograph of nothing.", source="Example Agency", licence="CC-BY-4.0"),
    )


def noisy_view(record: Record, rng: np.random.Generator, part: float) -> View:
    """A view like a record's vector, of which `part` counts."""
    vector = np.frombuffer(record.vector or b"", np.int8).astype(np.float32)
    vector = vector + _NOISE * float(vector.std()) * rng.standard_normal(DIMENSIONS, dtype=np.float32)
    counts = rng.random(DIMENSIONS) < part
    return View(np.where(counts, vector, 0).astype(np.float32), counts)


def measure(path: Path, records: int, batch: int, seed: int = 20261) -> dict[str, float]:
    """Fill a new registry at `path` and ask it."""
    rng = np.random.default_rng(seed)
    owner = Owner.create().public
    with SqliteRegistry(path, create=True) as registry:
        figures = {"records": records, "inserted_per_s": _filled(registry, rng, owner, (records, batch))}
        asked = registry.get(int(n) for n in rng.integers(1, records + 1, 200))
        identities = iter([entry.record.identity or "" for entry in asked])
        figures["identity_ms"] = _median_ms(lambda: registry.by_identity(next(identities)), len(asked))
        pixels = iter([entry.record.protected.pixels for entry in asked])
        figures["pixels_ms"] = _median_ms(lambda: registry.by_pixels(next(pixels)), len(asked))
        start = time.perf_counter()
        registry.nearest([noisy_view(asked[0].record, rng, 1)], 1)
        figures["first_nearest_with_loading_s"] = time.perf_counter() - start
        for name, part in (("nearest", 1.0), ("nearest_half_masked", 0.5)):
            views = [noisy_view(entry.record, rng, part) for entry in asked]
            found: list[int] = []
            turn = iter(views)
            figures[f"{name}_ms"] = _median_ms(
                lambda turn=turn, found=found: found.append(registry.nearest([next(turn)], 5)[0].number),
                len(views),
            )
            hits = [number == entry.number for number, entry in zip(found, asked, strict=True)]
            figures[f"{name}_recall_at_1"] = statistics.mean(hits)
        start = time.perf_counter()
        figures["faults"] = len(registry.audit().faults)
        figures["audit_s"] = time.perf_counter() - start
    figures["bytes_per_record"] = path.stat().st_size / records
    return {name: round(value, 3) for name, value in figures.items()}


def _filled(registry: Registry, rng: np.random.Generator, owner: PublicKey, sizes: tuple[int, int]) -> float:
    """Records added a second in batches; making them up is not counted."""
    records, batch = sizes
    seconds = 0.0
    for start in range(0, records, batch):
        made = [random_record(rng, owner) for _ in range(min(batch, records - start))]
        begun = time.perf_counter()
        registry.add(made)
        seconds += time.perf_counter() - begun
    return records / seconds


def _median_ms(step: Callable[[], object], turns: int) -> float:
    taken = []
    for _ in range(turns):
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def main() -> int:
    """Measure in a folder that is thrown away afterwards."""
    parser = argparse.ArgumentParser(prog="python -m underdrawing.registry.speed", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=1000, help="records added at a time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder) / "registry.db", given.records, given.batch)
    load = {"load_average": round(os.getloadavg()[0], 2)} if hasattr(os, "getloadavg") else {}
    sys.stdout.write(json.dumps(figures | load) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
