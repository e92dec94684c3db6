"""The study of registries, small, and the table that is made from it."""

import json

from underdrawing.bench import tables
from underdrawing.bench.harness.run import Run
from underdrawing.bench.infrastructure import registry as speed
from underdrawing.registry.store import open_registry


def test_measures_and_fills_the_table(tmp_path):
    for records in ("300", "150"):
        speed.run(Run(tmp_path, settings={"records": records, "batch": "100"}))
    parts = speed.STUDY.store(tmp_path).parts
    assert list(parts) == ["sqlite, 150", "sqlite, 300"]
    figures = parts["sqlite, 300"]["figures"]
    assert figures["nearest_recall_at_1"] == 1 and figures["faults"] == 0
    assert figures["inserted_per_s"] > 0 and 1000 < figures["bytes_per_record"] < 10_000
    path = tmp_path / "registry" / "sqlite.json"
    stored = json.loads(path.read_text())
    stored["parts"]["sqlite, 300"]["figures"]["identity_ms"] = 2.5
    path.write_text(json.dumps(stored))
    made = tables.fill("<!-- table:registry -->\n<!-- /table -->\n", tmp_path)
    assert "| sqlite, 150 | sqlite, 300 |" in made
    assert "| look-up by identity, ms | <= 2 |" in made and "| 2.500 ✗ |" in made


def test_a_registry_is_filled_further(tmp_path):
    for records, inserted in ((64, 64), (128, 64), (128, None)):
        figures = {}
        for step in speed.measure(tmp_path / "registry.db", records, 32):
            figures |= step
        assert figures["records"] == records and figures.get("inserted") == inserted
        assert figures["nearest_recall_at_1"] == 1 and figures["faults"] == 0
    with open_registry(tmp_path / "registry.db") as registry:
        assert len({entry.record.identity for entry in registry}) == 128


def test_a_server_is_measured_too_with_what_decides_its_speed(postgres_with_pgvector, tmp_path):
    url = postgres_with_pgvector.url() + "&vectors=pgvector"
    speed.run(Run(tmp_path, settings={"url": url, "records": "200", "batch": "100"}))
    part = speed.STUDY.store(tmp_path).parts["postgres, pgvector, 200"]
    assert part["figures"]["nearest_recall_at_1"] == 1 and part["figures"]["bytes_per_record"] > 2000
    server = part["conditions"]["server"]
    assert server.startswith("PostgreSQL 1") and "fsync off" in server and "pgvector 0." in server
    assert server in tables.fill("<!-- table:registry -->\n<!-- /table -->\n", tmp_path)
